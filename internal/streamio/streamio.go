// Package streamio serves TCP connections by the event: an engine owns the
// sockets, a Protocol is handed the bytes and appends its replies.
//
// It knows nothing of what the bytes mean. A protocol never does I/O, never
// blocks and is never called twice at once for one connection, so that the
// same one runs on every engine and, with NewConn, under a test without any.
package streamio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Protocol is what is spoken over one connection. Its methods are called one
// at a time, and none after Closed.
type Protocol interface {
	// Open is called first, before there are bytes.
	Open(c *Conn)

	// Bytes is given what has arrived and was not used yet, and takes one
	// message of it at most: used is that message's length, 0 if it is not
	// complete. It is called again at once while it uses something and
	// something is left.
	//
	// out is memory for the reply. It may hold the replies of earlier messages
	// of the same burst, less than 8 KiB of them: reply then begins with them.
	// An empty out may be begun anywhere in its capacity, which lets a head be written in front of
	// a body. in and out belong to the engine again when Bytes returns.
	//
	// Close with used short of len(in) says that the other side may still be
	// sending: the engine then takes care that the reply is not lost to a
	// reset, which is what closing over unread bytes does to it.
	Bytes(c *Conn, in, out []byte) (used int, reply []byte, then Then)

	// Tick is called at the alarm that was set, or soon after it.
	Tick(c *Conn, now shoal.Tick)

	// Closed is called last. why is nil if the protocol closed the connection,
	// io.EOF if the other side did, ErrStopped if the listener stopped.
	Closed(c *Conn, why error)
}

// Then is what becomes of a connection after a reply.
type Then uint8

// What a protocol may ask for.
const (
	Keep  Then = iota // wait for more
	Close             // close, once the reply is written
)

// Why a connection was closed, beside the errors of the network.
var (
	ErrStopped = errors.New("the listener stopped")
	ErrInput   = errors.New("a message is larger than the input may be")
)

// Config is what the connections of a listener have in common.
type Config struct {
	// NewProtocol is called once a connection.
	NewProtocol func() Protocol

	// MaxInput is the most bytes that are kept unread for a protocol. It is
	// handed that many once; if it uses none of them the connection is closed.
	// 0: 8192.
	MaxInput int

	// WriteTimeout is how long the other side may take to accept a reply; it
	// may get away with half of it. 0: 10 s.
	WriteTimeout time.Duration

	// Limit bounds the open connections of all listeners that share it. nil: a
	// limit of MaxConnections for this listener alone.
	Limit          *Limit
	MaxConnections int

	Log *slog.Logger // nil: nothing is said
}

// Listener is one listening socket and its connections.
type Listener struct {
	engine engine
	addr   netip.AddrPort
}

// engine is one way to serve connections. The conformance suite holds every
// engine to the same behaviour.
type engine interface {
	serve(ctx context.Context) error
	close() error
}

// engines names the engines. The first is the one that Listen takes.
var engines = []struct {
	name string
	make func(socket net.Listener, c Config, clock *shoal.Clock) engine
}{
	{"portable", newPortable},
}

// Listen binds addr, and only its own family: an IPv6 listener never sees
// IPv4. Connections wait in the kernel until Serve.
func Listen(addr netip.AddrPort, c Config, clock *shoal.Clock) (*Listener, error) {
	return listen(0, addr, c, clock)
}

func listen(which int, addr netip.AddrPort, c Config, clock *shoal.Clock) (*Listener, error) {
	if c.MaxInput == 0 {
		c.MaxInput = readSize
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 10 * time.Second
	}
	if c.Limit == nil {
		c.Limit = NewLimit(c.MaxConnections)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	network := "tcp4" // net binds "tcp6" with IPV6_V6ONLY
	if addr.Addr().Is6() {
		network = "tcp6"
	}
	// Idle connections are closed by alarms, so the kernel need not probe them:
	// four system calls less for each connection that is accepted. Multipath
	// TCP brings one-request connections nothing but more kernel state.
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	socket, err := lc.Listen(context.Background(), network, addr.String())
	if err != nil {
		return nil, fmt.Errorf("listening on %s over TCP: %w", addr, err)
	}
	return &Listener{
		engine: engines[which].make(socket, c, clock),
		addr:   addrPort(socket.Addr()),
	}, nil
}

// Addr returns the address that is bound, with the port the kernel picked if
// port 0 was asked for.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// Serve accepts and serves connections until ctx ends or Close is called, and
// returns nil when the last of them is closed. Replies that are already in
// hand are still written then, for half a second at most. Serve may be called
// once.
func (l *Listener) Serve(ctx context.Context) error { return l.engine.serve(ctx) }

// Close frees the address and makes Serve return.
func (l *Listener) Close() error { return l.engine.close() }
