//go:build unix

package main

import (
	"os"
	"syscall"
)

// reloadSignals have the configuration read again: SIGHUP by custom, SIGUSR1
// for those who come from aquatic.
var reloadSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1}
