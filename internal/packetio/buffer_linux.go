package packetio

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// enlargeBuffers asks for size bytes of receive and send buffer and returns
// the receive buffer granted.
func enlargeBuffers(conn *net.UDPConn, size int) (granted int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("setting the receive buffer: %w", err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) { granted, failed = enlargeBuffersOf(int(fd), size) })
	return granted, errors.Join(err, failed)
}

// enlargeBuffersOf is enlargeBuffers for a descriptor. The forced options need
// CAP_NET_ADMIN; the plain ones are cut to net.core.rmem_max and wmem_max
// without a word, which is why the kernel is asked afterwards.
func enlargeBuffersOf(fd, size int) (granted int, err error) {
	if size > 0 {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
			if err != nil {
				return 0, fmt.Errorf("setting the receive buffer to %d bytes: %w", size, err)
			}
		}
		// Replies leave in bursts of a batch; a small send buffer drops them.
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size)
		}
	}
	granted, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0, fmt.Errorf("reading the receive buffer's size: %w", err)
	}
	// The kernel doubles what it was asked for, to allow for its own
	// bookkeeping, and reports the double.
	return granted / 2, nil
}
