// Package streamio serves TCP connections by the event: an engine owns the
// sockets, a Protocol is handed the bytes and appends its replies.
//
// It knows nothing of what the bytes mean. A protocol never does I/O, never
// blocks and is never called twice at once for one connection, so that the
// same one runs on every engine and, with NewConn, under a test without any.
package streamio

import (
	"errors"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Protocol is what is spoken over one connection. Its methods are called one
// at a time, and none after Closed.
type Protocol interface {
	// Open is called first, before there are bytes. A PROXY header and the
	// handshake of TLS are behind the connection then.
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
	// io.EOF if the other side did, ErrStopped if the loops stopped.
	Closed(c *Conn, why error)
}

// Receiver is a Protocol that others send messages to, with Loops.Post.
type Receiver interface {
	// Received is called for each message, as the methods of Protocol are:
	// never two at once. The message is the receiver's.
	Received(c *Conn, message []byte)
}

// Stopper is a Protocol with something to say when the loops stop.
type Stopper interface {
	// Stopping is called once for each connection that is open then. It may
	// Queue last words. The connection is closed after it, whatever it does.
	Stopping(c *Conn)
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
	ErrQueue   = errors.New("more waits to be sent than may")
	ErrMemory  = errors.New("all connections together hold more than they may")
)

// Why a connection was closed before its protocol began.
var errHandshakes = errors.New("too many TLS handshakes are in flight")

// Config is what the connections of a listener have in common.
type Config struct {
	// NewProtocol is called once a connection.
	NewProtocol func() Protocol

	// MaxInput is the most bytes that are kept unread for a protocol. It is
	// handed that many once; if it uses none of them the connection is closed.
	// 0: 8192.
	MaxInput int

	// UpgradedInput is the MaxInput of connections that were Upgraded. 0: it
	// stays the same.
	UpgradedInput int

	// MaxQueue is the most bytes of replies, and of what was Queued, that wait
	// for the other side to accept them. Beyond it the connection is closed.
	// 0: 256 KiB.
	MaxQueue int

	// WriteTimeout is how long the other side may accept nothing while
	// something waits; it may get away with half of it. 0: 10 s.
	WriteTimeout time.Duration

	// Proxies are those whose PROXY protocol headers are believed. From
	// everybody else such a header is a mere mistake. nil: there are none.
	Proxies *Proxies

	// TLS makes a connection whose first byte is 0x16 one of TLS. Everything
	// else is plain. nil: everything is.
	TLS *TLS

	// What comes before the protocol has to arrive within these.
	preludeTime, shakeTime time.Duration
}

const (
	readSize  = 8 << 10 // input that is kept without growing
	queueSize = 256 << 10

	// Replies are written as soon as they are this long together, with a burst
	// still to go. The other side may read none of them: what a connection
	// holds then is less than this and one reply.
	flushSize = 8 << 10
	writeSize = 16 << 10 // memory for the replies of a burst
	poolSize  = 64 << 10 // memory for replies that has grown beyond this is not kept

	// A connection that is closed over unread input is read on for as long as
	// this, so that its last reply is not lost to a reset.
	lingerTime  = time.Second
	lingerBytes = 256 << 10

	// stopTimeout is how long the replies in hand may take when the loops
	// stop: a reader that has stalled must not hold up the end of the process.
	stopTimeout = 500 * time.Millisecond

	// Accepting fails while the process has no descriptor to spare. It is tried
	// again after a pause that doubles up to the longest one.
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
	warnEvery     = time.Minute
)

// withDefaults returns c with what was left to the engine filled in.
func (c Config) withDefaults() Config {
	if c.MaxInput == 0 {
		c.MaxInput = readSize
	}
	if c.UpgradedInput == 0 {
		c.UpgradedInput = c.MaxInput
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = queueSize
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 10 * time.Second
	}
	if c.preludeTime == 0 {
		c.preludeTime = 5 * time.Second
	}
	if c.shakeTime == 0 {
		c.shakeTime = 10 * time.Second
	}
	return c
}
