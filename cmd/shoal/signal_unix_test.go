//go:build unix

package main

import "syscall"

func init() {
	signals["HUP"] = syscall.SIGHUP
	signals["USR1"] = syscall.SIGUSR1
}
