//go:build amd64 || arm64

package packetio

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// mmsgWorks says whether this kernel and sandbox let the mmsg engine's calls
// through. Seccomp profiles and user-space kernels refuse them by number, so
// asking for no messages shows it without a packet.
var mmsgWorks = sync.OnceValue(func() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening a socket: %w", err)
	}
	defer unix.Close(fd)
	if _, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0); e != 0 {
		return fmt.Errorf("recvmmsg: %w", e)
	}
	if _, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0); e != 0 {
		return fmt.Errorf("sendmmsg: %w", e)
	}
	return nil
})
