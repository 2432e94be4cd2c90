package streamio

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/shoal-tracker/shoal"
)

// LoopsConfig is what all listeners of Loops have in common.
type LoopsConfig struct {
	// Engine is auto, epoll or portable. auto takes epoll where it works: on
	// Linux, amd64 and arm64. Empty: auto.
	Engine string

	// Count is how many event loops there are, 256 at most; 0: one a core. The
	// portable engine has none.
	Count int

	// Limit bounds the open connections of all listeners. nil: there is no
	// bound.
	Limit *Limit

	Log *slog.Logger // nil: nothing is said
}

// Loops serves the connections of all its listeners.
type Loops struct {
	engine engine
	name   string
	log    *slog.Logger
	trims  func() error
	warned sync.Once
}

// engine is one way to serve connections. The conformance suite holds every
// engine to the same behaviour.
type engine interface {
	listen(addr netip.AddrPort, c Config) (bound netip.AddrPort, err error)
	serve(ctx context.Context) error
	close() error
	post(to shoal.Link, message []byte) bool
	undelivered() uint64
	count() int // of event loops
}

type engineKind struct {
	name  string
	works func() error
	make  func(c LoopsConfig, clock *shoal.Clock) (engine, error)
}

// engines are the engines, best first: auto takes the first that works on this
// machine.
var engines = append(fastEngines(), engineKind{
	"portable",
	func() error { return nil },
	func(c LoopsConfig, clock *shoal.Clock) (engine, error) { return newPortable(c, clock), nil },
})

// NewLoops returns loops without listeners. Whoever does not call Serve calls
// Close.
func NewLoops(c LoopsConfig, clock *shoal.Clock) (*Loops, error) {
	if c.Limit == nil {
		c.Limit = NewLimit(0)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	auto := c.Engine == "" || c.Engine == "auto"
	for _, kind := range engines {
		if !auto && c.Engine != kind.name {
			continue
		}
		err := kind.works()
		var made engine
		if err == nil {
			made, err = kind.make(c, clock)
		}
		switch {
		case err == nil:
			return &Loops{engine: made, name: kind.name, log: c.Log, trims: trims}, nil
		case !auto:
			return nil, fmt.Errorf("the %s engine does not work here: %w", kind.name, err)
		}
	}
	return nil, fmt.Errorf("there is no TCP engine %q here", c.Engine)
}

// Engine returns the name of the engine in use: epoll or portable.
func (l *Loops) Engine() string { return l.name }

// Count returns how many event loops there are; 0: the engine has none.
func (l *Loops) Count() int { return l.engine.count() }

// Listener is a listening address and its connections.
type Listener struct{ addr netip.AddrPort }

// Addr returns the address that is bound, with the port the kernel picked if
// port 0 was asked for.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// Listen binds addr, and only its own family: an IPv6 listener never sees
// IPv4. Connections wait in the kernel until Serve, which must come after it. A
// port that is taken fails with EADDRINUSE, also if another process like this
// one has it.
func (l *Loops) Listen(addr netip.AddrPort, c Config) (*Listener, error) {
	if !addr.IsValid() {
		return nil, fmt.Errorf("listening for TCP: the address is missing")
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	bound, err := l.engine.listen(addr, c.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("listening on %s over TCP: %w", addr, err)
	}
	if c.TLS != nil {
		l.warnTrims()
	}
	return &Listener{addr: bound}, nil
}

// warnTrims says once if TLS takes more memory than it should.
func (l *Loops) warnTrims() {
	l.warned.Do(func() {
		if err := l.trims(); err != nil {
			l.log.Warn("TLS connections take more memory than they need", "error", err)
		}
	})
}

// Serve accepts and serves connections until ctx ends or Close is called, and
// returns nil when the last of them is closed. Replies that are already in
// hand are still written then, for half a second at most. Serve may be called
// once.
func (l *Loops) Serve(ctx context.Context) error { return l.engine.serve(ctx) }

// Close frees the addresses and makes Serve return. It must not be called by a
// protocol.
func (l *Loops) Close() error { return l.engine.close() }

// Post hands message to the protocol of a connection, which must be a
// Receiver, from any goroutine and without waiting. The message is the
// receiver's from then on. false: the connection is gone, or so much is on its
// way to its loop already that nothing more is taken.
//
// true is no promise: the connection may end before its turn comes, see
// Undelivered.
func (l *Loops) Post(to shoal.Link, message []byte) bool { return l.engine.post(to, message) }

// Undelivered returns how many messages Post took for a connection that ended
// before its turn came. Those that it refused are not among them: whoever posted
// them was told, and counts them if anybody does.
func (l *Loops) Undelivered() uint64 { return l.engine.undelivered() }
