package packetio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// receiveAttempts is how often in a row a receive may fail before the socket
// counts as broken. A short lack of kernel memory must not end the tracker,
// and a dead descriptor must not spin.
const receiveAttempts = 100

// portable moves one datagram at a time through package net. The workers share
// the connection, so that it works where SO_REUSEPORT does not balance.
type portable struct {
	conn    *net.UDPConn
	sender  *sender
	pktinfo bool
	lost    atomic.Uint64
}

func listenPortable(addr netip.AddrPort, workers int, c Config) ([]*Socket, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6" // package net sets IPV6_V6ONLY for this one
	}
	pktinfo := addr.Addr().IsUnspecified() && hasPktinfo
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if !pktinfo {
			return nil
		}
		var failed error
		err := raw.Control(func(fd uintptr) { failed = askPktinfo(int(fd), addr.Addr().Is6()) })
		return errors.Join(err, failed)
	}}
	pc, err := lc.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	conn := pc.(*net.UDPConn)
	granted, err := enlargeBuffers(conn, c.ReceiveBuffer)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	local := netip.AddrPortFrom(addr.Addr(), conn.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	sockets := make([]*Socket, workers)
	for i := range sockets {
		sender, err := newSender(conn)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		sockets[i] = &Socket{
			engine:  &portable{conn: conn, sender: sender, pktinfo: pktinfo},
			name:    "portable",
			local:   local,
			granted: granted,
		}
	}
	return sockets, nil
}

func (p *portable) receive(b *Batch) (int, error) {
	room := b.packets[:PacketSize]
	for attempt := 1; ; attempt++ {
		var n int
		var err error
		if p.pktinfo {
			n, b.controls[0], _, b.from[0], err = p.conn.ReadMsgUDPAddrPort(room, b.controlOf(0))
		} else {
			n, b.from[0], err = p.conn.ReadFromUDPAddrPort(room)
		}
		if err == nil {
			b.lengths[0] = n
			return 1, nil
		}
		if errors.Is(err, net.ErrClosed) {
			return 0, net.ErrClosed
		}
		if cutOff(err) {
			attempt = 0 // anyone can send oversize datagrams in a row
			continue
		}
		if attempt == receiveAttempts {
			return 0, fmt.Errorf("receiving datagrams: %w", err)
		}
		time.Sleep(time.Millisecond)
	}
}

func (p *portable) send(b *Batch) error {
	n := b.answers[0]
	if b.n == 0 || n == 0 {
		return nil
	}
	b.answers[0] = 0
	var source []byte
	if p.pktinfo {
		source = replyControl(b.controlOf(0)[:b.controls[0]])
	}
	err := p.sender.send(b.replies[:n], source, b.from[0])
	if err == nil {
		return nil
	}
	if errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	p.lost.Add(1)
	return nil
}

// shut has nothing to do: close wakes everyone and waits for nobody.
func (p *portable) shut() {}

func (p *portable) close() error {
	if err := p.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing a UDP socket: %w", err)
	}
	return nil
}

func (p *portable) dropped() uint64 { return p.lost.Load() }
