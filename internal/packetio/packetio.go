// Package packetio moves UDP datagrams by the batch and knows nothing of what
// is in them.
//
// A worker owns a Socket and a Batch: it receives up to 64 datagrams, writes
// each reply into the room of its datagram, and sends what has a reply. Two
// engines do the work: mmsg (Linux, one system call for a batch) and portable
// (package net, everywhere).
package packetio

import (
	"errors"
	"fmt"
	"net/netip"
)

const (
	// BatchSize is the number of datagrams that a Batch holds. 256 measured
	// slower than 64: the batch no longer fits the cache beside the work.
	BatchSize = 64

	// PacketSize is how many bytes of a datagram are kept; a longer one is cut
	// off, or on Windows dropped.
	PacketSize = 1536

	// ReplySize is the room for each reply in bytes. It stays below the 1280
	// that every IPv6 path carries, headers included, so that no reply is
	// fragmented.
	ReplySize = 1216
)

// A Socket receives and sends datagrams on one address. It is for one worker:
// Receive and Send must not run at the same time, Close and Dropped may.
type Socket struct {
	engine  engine
	name    string
	local   netip.AddrPort
	granted int
}

// An engine is one way of moving datagrams between a Batch and the kernel.
type engine interface {
	// receive blocks until it has filled at least one slot of b.
	receive(b *Batch) (int, error)
	// send sends every reply of b that has a length.
	send(b *Batch) error
	// shut has receive and send return net.ErrClosed from now on, also those
	// that wait, and waits for neither.
	shut()
	// close does what shut does, waits for receive and send to return, and
	// frees the address; only the first call does anything.
	close() error
	// dropped counts the replies that the kernel refused.
	dropped() uint64
}

// The engines, best first: auto takes the first that works on this machine.
var engines = []struct {
	name   string
	works  func() error
	listen func(addr netip.AddrPort, workers int, c Config) ([]*Socket, error)
}{
	{"mmsg", mmsgWorks, listenMmsg},
	{"portable", func() error { return nil }, listenPortable},
}

// Listen binds addr and returns a Socket for each worker that c asks for. A
// bind to port 0 takes a free port, the same for all of them; one to an IPv6
// address hears IPv6 alone. On a wildcard address a reply leaves from the
// address that was asked (Linux; elsewhere the kernel picks one).
//
// A port that is taken, even by another Listen, fails with EADDRINUSE. The
// sockets belong together: when one is closed, close them all, with Close.
func Listen(addr netip.AddrPort, c Config) ([]*Socket, error) {
	if !addr.IsValid() {
		return nil, fmt.Errorf("listening for UDP: the address is missing")
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	auto := c.Engine == "auto" || c.Engine == ""
	for _, e := range engines {
		if !auto && c.Engine != e.name {
			continue
		}
		if err := e.works(); err != nil {
			if auto {
				continue
			}
			return nil, fmt.Errorf("the %s engine does not work here: %w", e.name, err)
		}
		sockets, err := e.listen(addr, c.Sockets(), c)
		if err != nil {
			return nil, fmt.Errorf("listening on UDP %v: %w", addr, err)
		}
		return sockets, nil
	}
	return nil, fmt.Errorf("listening on UDP %v: there is no engine %q", addr, c.Engine)
}

// LocalAddr returns the address the socket is bound to, with the port that the
// kernel picked where 0 was asked.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// Engine returns the name of the engine in use: mmsg or portable.
func (s *Socket) Engine() string { return s.name }

// ReceiveBuffer returns the receive buffer that the kernel granted in bytes,
// in the unit of Config.ReceiveBuffer: less when a limit of the system cut it.
func (s *Socket) ReceiveBuffer() int { return s.granted }

// Receive waits for datagrams, fills b from slot 0 and returns how many came,
// at least 1. It forgets what b held before. After Close it returns
// net.ErrClosed.
func (s *Socket) Receive(b *Batch) (n int, err error) {
	n, err = s.engine.receive(b)
	b.received(n)
	return n, err
}

// Send sends the replies set in b since the last Receive, which must have been
// this socket's. A reply the kernel does not take at once is dropped and
// counted: a tracker that waits for one client's route serves nobody. (On
// Windows it may wait, for up to 50 ms a worker, because package net has no send
// that does not.) The only error is net.ErrClosed.
func (s *Socket) Send(b *Batch) error { return s.engine.send(b) }

// Close closes the socket and wakes a Receive that waits, within 250 ms.
// Closing twice is allowed.
func (s *Socket) Close() error { return s.engine.close() }

// Close closes all the sockets, as their own Close does, but tells all of them
// before it waits for one: many cost the 250 ms of one.
func Close(sockets []*Socket) error {
	for _, s := range sockets {
		s.engine.shut()
	}
	var errs []error
	for _, s := range sockets {
		if err := s.Close(); err != nil {
			errs = append(errs, fmt.Errorf("listener on UDP %v: %w", s.local, err))
		}
	}
	return errors.Join(errs...)
}

// Dropped returns how many replies were not sent because the kernel refused
// them: a full queue, no route, a firewall.
func (s *Socket) Dropped() uint64 { return s.engine.dropped() }
