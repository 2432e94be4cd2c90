package streamio

import (
	"bufio"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func (p *lines) to() shoal.Link { return shoal.Link(p.link.Load()) }

// opened returns the protocol of the connection that was dialled last, when it
// has begun.
func (s *stand) opened() *lines {
	s.t.Helper()
	p := s.protocol()
	eventually(s.t, "the protocol begins", func() bool { return p.to() != 0 })
	return p
}

func TestQueue(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(_ *settings, p *lines) {
			p.onTick = func(c *Conn) { c.Queue([]byte("TICK\n")) }
		})
		c := s.dial()
		send(t, c, "one\nqueue\ntwo\nqueue\n")
		expect(t, c, "ONE\nREPLY\nQUEUED TWICE\nTWO\nREPLY\nQUEUED TWICE\n")
		send(t, c, "alarm soon\n")
		expect(t, c, "SOON\nTICK\n")
		send(t, c, "queue and close\n")
		expect(t, c, "REPLY\nLAST\n")
		expectEnd(t, c)
	})
}

func TestQueueIsBounded(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.MaxQueue = 250_000 })
		c := s.dial()
		p := s.protocol()
		send(t, c, "queue much\n")
		if why := wait(t, p.closed); why != ErrQueue {
			t.Errorf("Closed(%v), want %v", why, ErrQueue)
		}
		if !p.refused.Load() {
			t.Error("Queue took everything")
		}
	})
}

func TestPost(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		const connections, senders, each = 4, 4, 50
		var all sync.WaitGroup
		defer all.Wait()
		for i := range connections {
			c := s.dial()
			to := s.opened().to()
			for sender := range senders {
				all.Go(func() {
					for n := range each {
						if !s.loops.Post(to, fmt.Appendf(nil, "%d %d %d\n", i, sender, n)) {
							t.Error("a message was refused")
						}
					}
				})
			}
			all.Go(func() {
				in := bufio.NewReader(c)
				var next [senders]int
				for range senders * each {
					var of, sender, n int
					line, err := in.ReadString('\n')
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := fmt.Sscanf(line, "%d %d %d\n", &of, &sender, &n); err != nil || of != i || n != next[sender] {
						t.Errorf("got %q of connection %d, want number %v of the senders", line, i, next)
						return
					}
					next[sender]++
				}
			})
		}
	})
}

// Messages and input of the same connection do not disturb each other.
func TestPostBetweenMessages(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		c := s.dial()
		to := s.opened().to()
		send(t, c, "beginning of a ")
		if !s.loops.Post(to, []byte("posted\n")) {
			t.Error("a message was refused")
		}
		expect(t, c, "posted\n")
		send(t, c, "line\n")
		expect(t, c, "BEGINNING OF A LINE\n")
		if !s.loops.Post(to, []byte("close\n")) {
			t.Error("a message was refused")
		}
		expect(t, c, "close\n")
		expectEnd(t, c)
	})
}

func TestPostToNobody(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.Count = 1 })
		limit := s.limit
		c := s.dial()
		p := s.opened()
		gone := p.to()
		send(t, c, "close\n")
		expect(t, c, "BYE\n")
		expectEnd(t, c)
		wait(t, p.closed)
		eventually(t, "the place is free again", func() bool { return limit.Open() == 0 })

		// The next one has the slot of the one before.
		again := s.dial()
		now := s.opened().to()
		if now.Slot() != gone.Slot() || now == gone {
			t.Fatalf("link %x after %x, want the same slot and another generation", now, gone)
		}
		for _, to := range []shoal.Link{
			gone, 0, now + 1<<24, now | 1<<56, now | 200<<48,
			shoal.NewLink(0, 0, shoal.MaxLinkSlot, 1), shoal.NewLink(0, 0, now.Slot(), 0),
		} {
			if s.loops.Post(to, []byte("for nobody\n")) {
				t.Errorf("a message to link %x was taken", to)
			}
		}
		if n := s.loops.Undelivered(); n != 0 {
			t.Errorf("%d messages are counted that were never taken", n)
		}
		if !s.loops.Post(now, []byte("for you\n")) {
			t.Error("a message was refused")
		}
		expect(t, again, "for you\n")
	})
}

// Whoever posts never waits, whatever the receiver does.
func TestInboxIsBounded(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		hold := make(chan struct{})
		s := start(func(_ *settings, p *lines) { p.hold = hold })
		c := s.dial()
		p := s.opened()
		message := []byte(strings.Repeat("x", 64<<10))
		taken := 0
		for s.loops.Post(p.to(), message) {
			if taken++; taken > 1<<16 {
				t.Fatal("there is no bound")
			}
		}
		if n := s.loops.Undelivered(); n != 0 {
			t.Errorf("%d messages are counted while all that were taken wait", n)
		}
		c.Close()
		close(hold)
		wait(t, p.closed)
		// Each that was taken is either received or counted.
		eventually(t, "the rest is counted", func() bool {
			return s.loops.Undelivered() > 0 && s.loops.Undelivered()+uint64(p.received.Load()) == uint64(taken)
		})
	})
}

// A loop gives what was posted together to the socket together, also if that is
// more than its queue may hold.
func TestPostMuch(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		hold := make(chan struct{})
		s := start(func(c *settings, p *lines) { p.hold, c.MaxQueue = hold, 20_000 })
		c := s.dial()
		p := s.opened()
		const count = 20
		for range count {
			if !s.loops.Post(p.to(), []byte(strings.Repeat("x", 4999)+"\n")) {
				t.Fatal("a message was refused")
			}
		}
		close(hold)
		in := bufio.NewReader(c)
		for i := range count {
			if line, err := in.ReadString('\n'); err != nil || len(line) != 5000 {
				t.Fatalf("line %d: %d bytes, %v", i, len(line), err)
			}
		}
	})
}

func TestLinkOfConn(t *testing.T) {
	var queued string
	c := NewConnWith(ConnState{
		Remote: netip.MustParseAddrPort("192.0.2.1:1"), Local: netip.MustParseAddrPort("192.0.2.2:2"),
		Trusted: true, Secure: true, Clock: new(shoal.Clock), Link: shoal.NewLink(1, 2, 3, 4),
		Queue: func(b []byte) bool { queued += string(b); return false },
	})
	if l := c.Link(); l.Node() != 1 || l.Loop() != 2 || l.Slot() != 3 || l.Generation() != 4 {
		t.Errorf("link %x", l)
	}
	if !c.Trusted() || !c.Secure() || c.Remote().Port() != 1 || c.Local().Port() != 2 {
		t.Errorf("%+v", c)
	}
	if c.Queue([]byte("x")) || queued != "x" {
		t.Errorf("Queue: %q", queued)
	}
	if plain := NewConn(c.Remote(), c.Local(), new(shoal.Clock)); !plain.Queue(nil) || plain.Trusted() || plain.Secure() || plain.Link() != 0 {
		t.Errorf("%+v", plain)
	}
}
