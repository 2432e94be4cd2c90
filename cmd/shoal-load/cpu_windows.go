package main

import (
	"syscall"
	"time"
)

// processCPU returns the CPU time this process has used.
func processCPU() time.Duration {
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0
	}
	var created, exited, kernel, user syscall.Filetime
	if syscall.GetProcessTimes(process, &created, &exited, &kernel, &user) != nil {
		return 0
	}
	return time.Duration(spent(kernel) + spent(user))
}

// spent counts in units of 100 ns.
func spent(f syscall.Filetime) int64 { return (int64(f.HighDateTime)<<32 | int64(f.LowDateTime)) * 100 }
