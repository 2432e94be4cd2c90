// Package httpserver is the HTTP tracker without I/O: it reads HTTP/1.1
// requests out of bytes and appends the responses to others.
//
// It has its own request reader because a tracker needs so little of HTTP that
// a general server costs several times what the announce itself does, and
// because clients send targets that a general server refuses.
package httpserver

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/internal/tracker"
)

const (
	// headTimeout is how long a request may take to arrive. It does not start
	// anew with each byte, so that a trickle holds no connection open.
	headTimeout = 5 * time.Second

	// idleTimeout is how long a connection is kept for the next request.
	idleTimeout = 60 * time.Second
)

// Server answers announces and scrapes over HTTP. All its connections may be
// served at once.
type Server struct {
	keepAlive bool
	plain     plain
	challenge func(host, path string) (body []byte, ok bool)
	upgrade   Upgrade // nil: WebSockets are not taken
	tracker   *tracker.Tracker
	scratch   sync.Pool // of *scratch
	proxies   *streamio.Proxies
	settings  atomic.Pointer[settings]

	lone lone

	_ [128]byte // what follows is written for every connection, what precedes hardly ever

	next   atomic.Uint32
	counts [countSets]counts
}

// Upgrade answers a GET that asks for a WebSocket, at any path. It appends the
// whole response to out and returns what the connection speaks from then on;
// nil: it was refused, and the connection is closed.
//
// header returns the value of the only header line of a name, which is given in
// lower case; nil if there is none, or more than one. from is the client's
// address, also where proxies are between. conn, target and what header returns
// are the caller's, and may not be kept. It is called by many goroutines at once.
type Upgrade func(conn *streamio.Conn, from netip.Addr, target []byte, header func(name string) []byte, out []byte) (reply []byte, next streamio.Protocol)

// Options are what a server has from elsewhere: from its listener's TLS, and from
// the transport that begins with HTTP. The zero Options are those of a listener
// without either.
type Options struct {
	// Plain is what a request gets that came without TLS, and not from a
	// trusted proxy: serve, redirect or refuse. "" is serve.
	Plain string

	// Challenge answers an ACME authority that asks for a path below
	// /.well-known/acme-challenge/ of a host, given without its port (HTTP-01);
	// whatever Plain is. It is called by many goroutines at once. nil: there is
	// no answer.
	Challenge func(host, path string) (body []byte, ok bool)

	// Upgrade takes WebSockets, unless the listener's configuration says that
	// there are none. nil: there are none.
	Upgrade Upgrade
}

// New returns a server in front of t.
func New(c Config, t *tracker.Tracker, o Options) *Server {
	s := &Server{
		keepAlive: c.KeepAlive,
		plain:     plainOf(o.Plain),
		challenge: o.Challenge,
		tracker:   t,
		scratch:   sync.Pool{New: func() any { return new(scratch) }},
		proxies:   streamio.NewProxies(nil),
	}
	if c.WebTorrent {
		s.upgrade = o.Upgrade
	}
	s.Configure(c)
	return s
}

// Configure puts TrustedProxies and Forwarded of c in force while the server
// serves. The rest of c is not looked at.
func (s *Server) Configure(c Config) {
	s.settings.Store(newSettings(c))
	s.proxies.Set(c.TrustedProxies)
}

// Proxies returns the trusted proxies, which follow what is configured: those
// whose PROXY protocol the server's listeners shall believe.
func (s *Server) Proxies() *streamio.Proxies { return s.proxies }

// NewProtocol returns what a new connection speaks. It wants a MaxInput of
// MaxHead or more.
func (s *Server) NewProtocol() streamio.Protocol {
	return &connection{server: s, counts: &s.counts[s.next.Add(1)%countSets]}
}

// connection is the state of one connection.
type connection struct {
	server *Server
	counts *counts
	asked  bool // a request was counted

	searched int  // bytes of an incomplete head in which its end is not
	partial  bool // the alarm is that of an incomplete head
}

func (c *connection) Open(conn *streamio.Conn) {
	c.partial = true
	conn.SetAlarm(conn.Now().Add(headTimeout))
}

func (c *connection) Tick(conn *streamio.Conn, _ shoal.Tick) { conn.Close() }

func (c *connection) Closed(*streamio.Conn, error) {}

// Bytes answers one request.
func (c *connection) Bytes(conn *streamio.Conn, in, out []byte) (int, []byte, streamio.Then) {
	if n := emptyLine(in); n > 0 {
		return n, out, streamio.Keep
	}
	in = in[:min(len(in), MaxHead)]
	size := headEnd(in, c.searched)
	if size == 0 && len(in) < MaxHead && mayBegin(in[0]) {
		// The end may be cut in the middle: search its first bytes again.
		c.searched = max(len(in)-len("\n\r"), 0)
		if !c.partial {
			c.partial = true
			conn.SetAlarm(conn.Now().Add(headTimeout))
		}
		return 0, out, streamio.Keep
	}
	c.searched, c.partial = 0, false

	var r request
	var failure shoal.Failure
	switch {
	case size > 0:
		failure = r.read(in[:size])
	case len(in) == MaxHead:
		failure = shoal.RequestTooLarge
	default:
		failure = shoal.RequestInvalid
	}
	r.keepAlive = r.keepAlive && c.server.keepAlive

	r.client, r.fromProxy, r.nameless = c.server.client(conn, &r)
	if failure == shoal.OK {
		out, failure = c.answer(conn, &r, out)
	}
	if failure != shoal.OK {
		r.refused = true
		out = r.refuse(out, failure)
	}
	c.count(&r)

	switch {
	case r.upgraded:
		return size, out, streamio.Keep
	case r.keepAlive:
		conn.SetAlarm(conn.Now().Add(idleTimeout))
		return size, out, streamio.Keep
	case r.unread(failure):
		// What follows is not a request: a body, or nobody knows. Leaving it
		// unused tells the engine that more may be on its way.
		return 0, out, streamio.Close
	}
	return size, out, streamio.Close
}

// answer appends the response to a request, or returns why it is refused and
// out as it was.
func (c *connection) answer(conn *streamio.Conn, r *request, out []byte) ([]byte, shoal.Failure) {
	if r.route == challenge {
		if reply, ok := c.server.answerChallenge(r, out); ok {
			return reply, shoal.OK
		}
	}
	if c.server.plain.forbids(conn) {
		return c.server.insecure(r, out)
	}
	if r.upgrade && c.server.upgrade != nil {
		return c.upgrade(conn, r, out), shoal.OK
	}
	switch {
	case r.route == announce && r.method == head:
		return r.headOfAnnounce(out), shoal.OK
	case r.route == announce:
		r.kind = announceKind
		return c.server.announce(c.counts, r, out)
	case r.route == scrape:
		r.kind = scrapeKind
		return c.server.scrape(r, out)
	}
	return out, shoal.PathUnknown
}
