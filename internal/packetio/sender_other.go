//go:build !unix

package packetio

import (
	"net"
	"net/netip"
	"time"
)

// sendPatience bounds how long a reply may wait for room in the send buffer.
// Here package net offers no send that does not wait. Shorter, and a worker
// that loses its processor in between drops replies that had room.
const sendPatience = 50 * time.Millisecond

// sender sends the replies of one worker.
type sender struct{ conn *net.UDPConn }

func newSender(conn *net.UDPConn) (*sender, error) { return &sender{conn: conn}, nil }

// send sends reply; there are no control messages here. The deadline is the
// connection's: another worker that comes to send puts it off, but only once,
// because then it waits too.
func (s *sender) send(reply, _ []byte, to netip.AddrPort) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(sendPatience)); err != nil {
		return err
	}
	_, err := s.conn.WriteToUDPAddrPort(reply, to)
	return err
}
