package wsserver

import (
	"net/netip"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

const (
	// firstTimeout is how long a connection may take for its first message. It
	// has joined nothing before, and is only a burden.
	firstTimeout = 60 * time.Second

	// silence is how long a client may send nothing until it is asked whether it
	// is still there, and how long it may take to say so. Only whole frames
	// count: a frame that comes by the byte holds memory no longer than that.
	silence = 45 * time.Second

	// wholeTimeout is how long a message in fragments may take from the first
	// one on. It does not start anew with each.
	wholeTimeout = 60 * time.Second

	// maxControls is how many pings and pongs a client may send in a second.
	maxControls = 100
)

// What is said unasked.
var (
	pingFrame   = appendControl(nil, ping, nil)
	awayFrame   = appendClose(nil, codeAway)
	policyFrame = appendClose(nil, codePolicy)
)

// phase is what a connection's alarm is for.
type phase uint8

const (
	fresh  phase = iota // no message has come yet
	heard               // the client was heard of
	pinged              // it was asked whether it is there
)

// connection is the state of one connection: all that an idle one holds.
type connection struct {
	server   *Server
	counts   *counts
	from     netip.Addr
	key      *shoal.AuthKey // of the upgrade; nil, as on any public tracker, without one
	torrents torrents
	offers   openOffers
	parts    fragments

	second    uint32 // in which controls came
	controls  uint8
	phase     phase
	strikes   uint8 // messages in a row that were refused
	forgotten uint8 // offers that it was told of and that cannot be answered any more
}

func (c *connection) Open(conn *streamio.Conn) {
	c.counts.opened.Add(1)
	conn.SetAlarm(conn.Now().Add(firstTimeout))
}

// Closed takes the connection out of its torrents. The engine frees its slot
// after that: whoever has the slot next is in nothing that he did not announce.
func (c *connection) Closed(conn *streamio.Conn, _ error) {
	c.leave(conn)
	c.parts.drop()
	c.counts.closed.Add(1)
}

// leave takes the connection out of its torrents. Whoever is told to go has left
// at once, though the connection may linger for its last words: offers would be
// lost on it.
func (c *connection) leave(conn *streamio.Conn) {
	c.server.tracker.Leave(c.torrents, conn.Link())
	c.torrents = nil
	c.offers.drop()
}

// Stopping says that it is not the client's fault.
func (c *connection) Stopping(conn *streamio.Conn) {
	conn.Queue(awayFrame)
}

func (c *connection) Tick(conn *streamio.Conn, now shoal.Tick) {
	switch {
	case c.phase != heard, c.parts.begun != nil && now >= c.parts.begun.by:
		c.counts.silent.Add(1)
		c.leave(conn)
		conn.Queue(policyFrame)
		conn.Close()
	default:
		c.forget(c.offers.expire(now))
		c.phase = pinged
		conn.Queue(pingFrame)
		c.wait(conn, now.Add(silence))
	}
}

// wait sets the alarm, or an earlier one for the message that has begun.
func (c *connection) wait(conn *streamio.Conn, until shoal.Tick) {
	if c.parts.begun != nil {
		until = min(until, c.parts.begun.by)
	}
	conn.SetAlarm(until)
}

// alive notes that the client is there.
func (c *connection) alive(conn *streamio.Conn) {
	if c.phase != fresh {
		c.phase = heard
		c.wait(conn, conn.Now().Add(silence))
	}
}

// Bytes takes one frame.
func (c *connection) Bytes(conn *streamio.Conn, in, out []byte) (int, []byte, streamio.Then) {
	f, size, wrong := readFrame(in)
	if wrong == noCode && size == 0 {
		return 0, out, streamio.Keep
	}
	if wrong == noCode {
		switch f.opcode {
		case closing:
			var said closeCode
			if said, wrong = readClose(f.payload); wrong == noCode {
				c.leave(conn)
				return size, appendClose(out, said), streamio.Close
			}
		case ping:
			if wrong = c.control(conn); wrong == noCode {
				out = appendControl(out, pong, f.payload)
			}
		case pong:
			wrong = c.control(conn)
		default:
			out, wrong = c.data(conn, f, out)
		}
	}
	if wrong != noCode {
		// What follows is nobody's. Leaving the frame unused tells the engine
		// that more may be on its way.
		c.counts.broken.Add(1)
		c.leave(conn)
		return 0, appendClose(out, wrong), streamio.Close
	}
	return size, out, streamio.Keep
}

// control counts a ping or a pong, against floods.
func (c *connection) control(conn *streamio.Conn) (wrong closeCode) {
	if second := uint32(conn.Now() / 1000); second != c.second {
		c.second, c.controls = second, 0
	}
	if c.controls >= maxControls {
		return codePolicy
	}
	c.controls++
	c.alive(conn)
	return noCode
}

// data takes a frame with a message, or with a part of one.
func (c *connection) data(conn *streamio.Conn, f frame, out []byte) (reply []byte, wrong closeCode) {
	message, is, done, wrong := c.parts.add(f)
	if wrong != noCode {
		return out, wrong
	}
	if !done {
		conn.Hold(cap(c.parts.begun.b))
		if c.parts.begun.by == 0 {
			c.parts.begun.by = conn.Now().Add(wholeTimeout)
			c.wait(conn, conn.Alarm())
		}
		return out, noCode
	}
	if out, wrong = c.message(conn, is, message, out); wrong != noCode {
		return out, wrong
	}
	if c.parts.begun != nil {
		c.parts.drop()
		conn.Hold(0)
	}
	c.phase = heard
	c.wait(conn, conn.Now().Add(silence))
	return out, noCode
}

// forget notes offers that are not open any more and were not answered.
func (c *connection) forget(n int) {
	if n > 0 {
		c.counts.offersForgotten.Add(uint64(n))
		c.forgotten = uint8(min(int(c.forgotten)+n, 255))
	}
}
