//go:build unix

package app

import "syscall"

// descriptors returns how many file descriptors this process may have. Go
// raises the soft limit to the hard one at start.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return uint64(limit.Cur)
}
