package streamio

import (
	"net"
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// Conn is one connection as its protocol sees it. Its methods may be called
// only from the methods of that protocol.
type Conn struct {
	remote   netip.AddrPort
	clock    *shoal.Clock
	carrier  carrier // nil: a test's
	link     shoal.Link
	alarm    shoal.Tick
	retained int // bytes, by Hold
	closed   bool
	trusted  bool
	secured  bool
	proxied  bool        // a PROXY header may still come
	nameless bool        // a PROXY header came that names nobody
	via      *netip.Addr // the proxy that named remote, which is one too; nil: none
}

// carrier is the engine's side of a connection.
type carrier interface {
	queue(b []byte) bool
	waiting() int
	limit() *Limit
	upgrade(p Protocol)
	localAddr() netip.AddrPort
}

// ConnState is what a test says of a connection that it makes up.
type ConnState struct {
	Remote, Local   netip.AddrPort
	Trusted, Secure bool
	Nameless        bool
	Clock           *shoal.Clock
	Link            shoal.Link

	// Queue is what Conn.Queue does. nil: it drops everything, and says true.
	Queue func(b []byte) bool

	// Waiting is what Conn.Waiting returns. nil: 0.
	Waiting func() int

	// Upgrade is what Conn.Upgrade does. nil: nothing.
	Upgrade func(p Protocol)
}

// NewConn returns a connection without an engine, for tests that call a
// protocol by hand.
func NewConn(remote, local netip.AddrPort, clock *shoal.Clock) *Conn {
	return NewConnWith(ConnState{Remote: remote, Local: local, Clock: clock})
}

// NewConnWith is NewConn for tests that need more.
func NewConnWith(s ConnState) *Conn {
	return &Conn{
		remote: s.Remote, clock: s.Clock, link: s.Link,
		trusted: s.Trusted, secured: s.Secure, nameless: s.Nameless,
		carrier: madeUp(s),
	}
}

type madeUp ConnState

func (m madeUp) queue(b []byte) bool       { return m.Queue == nil || m.Queue(b) }
func (m madeUp) localAddr() netip.AddrPort { return m.Local }

func (m madeUp) limit() *Limit { return madeUpLimit }

var madeUpLimit = NewLimit(0)

func (m madeUp) waiting() int {
	if m.Waiting == nil {
		return 0
	}
	return m.Waiting()
}

func (m madeUp) upgrade(p Protocol) {
	if m.Upgrade != nil {
		m.Upgrade(p)
	}
}

// Remote returns the address of the other side, never IPv4-mapped and without
// a zone: what a PROXY header named, if a proxy of the listener sent one.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Local returns the address the other side, or the proxy before it, connected
// to, in the same form. It may be a system call, and Closed may not have it.
func (c *Conn) Local() netip.AddrPort {
	if c.carrier == nil {
		return netip.AddrPort{}
	}
	return c.carrier.localAddr()
}

// Trusted reports whether Remote is one of the listener's proxies, as they were
// when the connection came.
func (c *Conn) Trusted() bool { return c.trusted }

// TrustedBy reports whether Trusted is still true by what p contains: of Remote,
// and of the proxy that named it.
func (c *Conn) TrustedBy(p *Proxies) bool {
	return c.trusted && p.Contain(c.remote.Addr()) && (c.via == nil || p.Contain(*c.via))
}

// Nameless reports whether a proxy of the listener sent a PROXY header for
// somebody whom it does not name. Remote is the proxy then, and what follows is
// that somebody's: a header in it is not the proxy's.
func (c *Conn) Nameless() bool { return c.nameless }

// Secure reports whether the connection is one of TLS.
func (c *Conn) Secure() bool { return c.secured }

// Link returns the name under which Loops.Post reaches the connection.
func (c *Conn) Link() shoal.Link { return c.link }

// Now returns the time on the coarse clock.
func (c *Conn) Now() shoal.Tick { return c.clock.Now() }

// SetAlarm has the protocol's Tick called at the given moment or soon after
// it, once. It replaces the alarm that was set; 0 is none.
func (c *Conn) SetAlarm(at shoal.Tick) { c.alarm = at }

// Alarm returns the alarm that is set, 0 if there is none.
func (c *Conn) Alarm() shoal.Tick { return c.alarm }

// Queue sends a copy of b after everything that was sent before; in Bytes also
// after the reply of that call. false: the other side accepts too little, more
// waits for it than Config.MaxQueue, and the connection is closed.
func (c *Conn) Queue(b []byte) bool { return c.carrier != nil && c.carrier.queue(b) }

// Waiting returns how many bytes of what was said the other side has not
// accepted yet, with those of TLS; what the method that is running has Queued
// among them, and its reply not. An engine that waits in its writes has nothing
// else.
func (c *Conn) Waiting() int {
	if c.carrier == nil {
		return 0
	}
	return c.carrier.waiting()
}

// Upgrade has p speak over the connection from now on. It may be called from
// Bytes alone. When that has returned, its reply and what was Queued are sent
// first. Then the alarm is off, p is opened, and is given what is left of the
// input, of which Config.UpgradedInput bytes may be unread from then on. The
// protocol that spoke before is called no more, not even Closed.
//
// If the connection is to close, or ends before p is opened, p is forgotten.
func (c *Conn) Upgrade(p Protocol) {
	if c.carrier != nil {
		c.carrier.upgrade(p)
	}
}

// Hold says that the protocol itself keeps so many bytes of what the other side
// has sent: all that it keeps, not what is added. They count as the engine's own
// do, Limit.SetMemory. What is still held when the connection ends is taken off
// then: Closed has nothing to say of it.
func (c *Conn) Hold(bytes int) {
	if c.carrier != nil {
		c.carrier.limit().hold(bytes - c.retained)
		c.retained = bytes
	}
}

// Close closes the connection as soon as the method that called it returns,
// after what it said, a reply or Queued, is written.
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
