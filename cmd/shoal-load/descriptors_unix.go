//go:build unix

package main

import "syscall"

// mayOpen returns how many files this process may have open; the Go runtime has
// raised it to the hard limit.
func mayOpen() (limit uint64, known bool) {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return uint64(l.Cur), true
}
