package streamio

import (
	"net"
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// Conn is one connection as its protocol sees it. Its methods may be called
// only from the methods of that protocol.
type Conn struct {
	remote, local netip.AddrPort
	clock         *shoal.Clock
	alarm         shoal.Tick
	closed        bool
}

// NewConn returns a connection without an engine, for tests that call a
// protocol by hand.
func NewConn(remote, local netip.AddrPort, clock *shoal.Clock) *Conn {
	return &Conn{remote: remote, local: local, clock: clock}
}

// Remote returns the address of the other side, never IPv4-mapped and without
// a zone.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Local returns the address the other side connected to, in the same form.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Now returns the time on the coarse clock.
func (c *Conn) Now() shoal.Tick { return c.clock.Now() }

// SetAlarm has the protocol's Tick called at the given moment or soon after
// it, once. It replaces the alarm that was set; 0 is none.
func (c *Conn) SetAlarm(at shoal.Tick) { c.alarm = at }

// Alarm returns the alarm that is set, 0 if there is none.
func (c *Conn) Alarm() shoal.Tick { return c.alarm }

// Close closes the connection as soon as the method that called it returns,
// after the reply of that method, if it has one, is written.
func (c *Conn) Close() { c.closed = true }

// IsClosed reports whether Close was called.
func (c *Conn) IsClosed() bool { return c.closed }

// ring takes the alarm off if it is due, and reports whether it was.
func (c *Conn) ring() bool {
	if c.alarm == 0 || c.clock.Now() < c.alarm {
		return false
	}
	c.alarm = 0
	return true
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
