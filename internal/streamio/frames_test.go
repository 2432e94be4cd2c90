package streamio

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// frames is what connections of lines are upgraded to: messages that begin with
// their length, in four bytes. Each is answered by its length and its checksum.
// Some messages are orders.
type frames struct {
	t       *testing.T
	busy    atomic.Bool
	opened  atomic.Int32
	stopped atomic.Int32
	closed  chan error
	ticks   chan int      // bytes of input and output that the connection holds then
	waited  atomic.Int64  // bytes that Received found waiting at most
	unused  atomic.Int64  // bytes of the message that is not complete
	hold    chan struct{} // Received waits for it; nil: it does not
	curt    bool          // closes the connection when it is opened
}

func newFrames(t *testing.T) *frames {
	return &frames{t: t, closed: make(chan error, 2), ticks: make(chan int, 10)}
}

func (f *frames) enter() {
	if f.busy.Swap(true) {
		f.t.Error("protocol was called twice at once")
	}
}

func (f *frames) leave() { f.busy.Store(false) }

func (f *frames) Open(c *Conn) {
	f.enter()
	defer f.leave()
	f.opened.Add(1)
	if c.Alarm() != 0 {
		f.t.Error("there is an alarm, of the protocol before")
	}
	c.Queue([]byte("OPEN\n"))
	if f.curt {
		c.Close()
	}
}

func (f *frames) Bytes(c *Conn, in, out []byte) (int, []byte, Then) {
	f.enter()
	defer f.leave()
	if f.opened.Load() == 0 {
		f.t.Error("bytes before it was opened")
	}
	end := 4
	if len(in) >= end {
		end += int(binary.BigEndian.Uint32(in))
	}
	if len(in) < end {
		f.unused.Store(int64(len(in)))
		return 0, out, Keep
	}
	message := in[4:end]
	switch string(message) {
	case "alarm soon":
		c.SetAlarm(c.Now().Add(20 * time.Millisecond))
	case "large":
		return end, append(out, large...), Keep
	case "close":
		return end, append(out, "BYE\n"...), Close
	}
	return end, append(out, receipt(message)...), Keep
}

func (f *frames) Tick(c *Conn, _ shoal.Tick) {
	f.enter()
	defer f.leave()
	f.ticks <- held(c)
}

func (f *frames) Closed(_ *Conn, why error) {
	f.enter()
	defer f.leave()
	f.closed <- why
}

func (f *frames) Received(c *Conn, message []byte) {
	f.enter()
	defer f.leave()
	if f.hold != nil {
		<-f.hold
	}
	before := c.Waiting()
	f.waited.Store(max(f.waited.Load(), int64(before)))
	if !c.Queue(message) {
		return
	}
	if n := c.Waiting(); n < len(message) || n > before+len(message) {
		f.t.Errorf("%d bytes wait after %d and %d more", n, before, len(message))
	}
}

func (f *frames) Stopping(c *Conn) {
	f.enter()
	defer f.leave()
	f.stopped.Add(1)
	c.Queue([]byte("GOODBYE\n"))
}

// held returns how many bytes of input and output c has memory for, beside what
// every connection of its engine has.
func held(c *Conn) int {
	switch s := c.carrier.(type) {
	case *stream:
		n := cap(s.queued)
		if s.large != nil {
			n += len(s.large.b)
		}
		return n
	case interface{ held() int }:
		return s.held()
	}
	return -1
}

func frame[T string | []byte](message T) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(message)))) + string(message)
}

func receipt[T string | []byte](message T) string {
	return fmt.Sprintf("%d %08x\n", len(message), crc32.ChecksumIEEE([]byte(message)))
}

// upgrading has lines take orders to upgrade, and returns where what it is
// upgraded to is sent. change makes that something special; nil: it does not.
func upgrading(t *testing.T, p *lines, change func(f *frames)) chan *frames {
	made := make(chan *frames, 100)
	upgrade := func(c *Conn) {
		f := newFrames(t)
		if change != nil {
			change(f)
		}
		made <- f
		c.Upgrade(f)
	}
	p.orders = map[string]func(p *lines, c *Conn, out []byte) ([]byte, Then){
		"upgrade": func(_ *lines, c *Conn, out []byte) ([]byte, Then) {
			c.Queue([]byte("QUEUED\n"))
			upgrade(c)
			return append(out, "SWITCH\n"...), Keep
		},
		"upgrade and close": func(_ *lines, c *Conn, out []byte) ([]byte, Then) {
			upgrade(c)
			return append(out, "BYE\n"...), Close
		},
		"upgrade with much": func(_ *lines, c *Conn, out []byte) ([]byte, Then) {
			upgrade(c)
			return append(out, make([]byte, 32<<20)...), Keep
		},
		"upgrade to nothing": func(_ *lines, c *Conn, out []byte) ([]byte, Then) {
			c.Upgrade(nil)
			return append(out, "STAYS\n"...), Keep
		},
	}
	return made
}

const switched = "SWITCH\nQUEUED\nOPEN\n"

// plainAndSecure are the ways to connect to s, which has TLS.
func (s *stand) plainAndSecure() map[string]func() net.Conn {
	return map[string]func() net.Conn{
		"plain": s.dial,
		"TLS":   func() net.Conn { return s.dialTLS(clientTLS) },
	}
}
