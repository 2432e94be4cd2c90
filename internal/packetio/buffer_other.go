//go:build !linux

package packetio

import (
	"fmt"
	"net"
)

// enlargeBuffers asks for size bytes of receive and send buffer and returns
// the receive buffer granted. The BSDs refuse what is above their limit
// instead of cutting it, so it is halved until they take it.
func enlargeBuffers(conn *net.UDPConn, size int) (granted int, err error) {
	for granted = size; granted >= 4096; granted /= 2 {
		if err = conn.SetReadBuffer(granted); err == nil {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("setting the receive buffer to %d bytes: %w", size, err)
	}
	for ask := size; ask >= 4096; ask /= 2 {
		if conn.SetWriteBuffer(ask) == nil {
			break
		}
	}
	return granted, nil
}
