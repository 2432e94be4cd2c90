package streamio

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

func TestMessages(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		c := s.dial()
		p := s.protocol()

		send(t, c, "one\n")
		expect(t, c, "ONE\n")
		for _, b := range []byte("by the byte\n") {
			send(t, c, string(b))
		}
		expect(t, c, "BY THE BYTE\n")
		send(t, c, "silence\n\nfirst\nsecond\nthi")
		expect(t, c, "\nFIRST\nSECOND\n")
		send(t, c, "rd\nlate\nlate\nfourth\n")
		expect(t, c, "THIRD\nLATE\nLATE\nFOURTH\n")
		send(t, c, "late\n")
		expect(t, c, "LATE\n")
		if !p.sawReply.Load() {
			t.Error("messages that came together were answered one by one")
		}
		send(t, c, "remote\nlocal\n")
		expect(t, c, c.LocalAddr().String()+"\n"+c.RemoteAddr().String()+"\n")
		c.Close()
		if why := wait(t, p.closed); !errors.Is(why, io.EOF) {
			t.Errorf("Closed(%v), want EOF", why)
		}
	})
}

func TestManyMessagesAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		c := start(nil).dial()
		in := strings.Repeat("some words\nlarge\n", 200)
		go io.WriteString(c, in)
		for range 200 {
			expect(t, c, "SOME WORDS\n")
			expect(t, c, string(large))
		}
	})
}

// Many small messages can ask for large replies, which must not gather.
func TestRepliesDoNotGather(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		for _, order := range []struct {
			line  string
			reply []byte
		}{{"medium\n", medium}, {"large\n", large}} {
			c := s.dial()
			p := s.protocol()
			send(t, c, strings.Repeat(order.line, 100))
			for range 100 {
				expect(t, c, string(order.reply))
			}
			c.Close()
			wait(t, p.closed)
			if p.longest >= flushSize {
				t.Errorf("%q: %d bytes of replies were held when the next was asked for, want less than %d", order.line, p.longest, flushSize)
			}
		}
	})
}

func TestClose(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		for _, order := range []string{"close\n", "close by method\n", "close\nmore that nobody reads\n"} {
			c := s.dial()
			p := s.protocol()
			send(t, c, "a\n"+order)
			expect(t, c, "A\nBYE\n")
			expectEnd(t, c)
			c.Close()
			if why := wait(t, p.closed); why != nil {
				t.Errorf("%q: Closed(%v), want nil", order, why)
			}
			if len(p.closed) > 0 {
				t.Errorf("%q: Closed was called twice", order)
			}
		}
	})
}

func TestHalfClose(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		c := start(nil).dial()
		send(t, c, "last words\n")
		c.(*net.TCPConn).CloseWrite()
		expect(t, c, "LAST WORDS\n")
		expectEnd(t, c)
	})
}

func TestMaxInput(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		for _, most := range []int{10, smallSize - 1, smallSize, smallSize + 1, readSize, 3*readSize + 1} {
			s := start(func(c *settings, _ *lines) { c.MaxInput = most })
			c := s.dial()
			p := s.protocol()
			fits := strings.Repeat("x", most-1) + "\n"
			send(t, c, fits)
			expect(t, c, strings.ToUpper(fits))
			send(t, c, strings.Repeat("x", most))
			if why := wait(t, p.closed); !errors.Is(why, ErrInput) {
				t.Errorf("%d bytes: Closed(%v), want %v", most, why, ErrInput)
			}
		}
	})
}

func TestLimit(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		limit := NewLimit(2)
		share := func(c *settings, _ *lines) { c.Limit = limit }
		s1, s2 := start(share), start(share)
		a, b := s1.dial(), s2.dial()
		for _, c := range []net.Conn{a, b} {
			send(t, c, "in\n")
			expect(t, c, "IN\n")
		}
		third := s2.dial()
		if _, err := third.Read(make([]byte, 1)); err == nil {
			t.Error("a connection beyond the limit was served")
		}
		if limit.Open() != 2 || limit.Refused() != 1 {
			t.Errorf("%d open, %d refused, want 2 and 1", limit.Open(), limit.Refused())
		}
		a.Close()
		eventually(t, "the place is free again", func() bool { return limit.Open() == 1 })
		fourth := s2.dial()
		send(t, fourth, "in\n")
		expect(t, fourth, "IN\n")
		limit.Set(1)
		send(t, b, "stays\n")
		expect(t, b, "STAYS\n")
	})
}

func TestMaxConnections(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.Limit = NewLimit(1) })
		a := s.dial()
		send(t, a, "in\n")
		expect(t, a, "IN\n")
		if _, err := s.dial().Read(make([]byte, 1)); err == nil {
			t.Error("a connection beyond the limit was served")
		}
	})
}

func TestStop(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		idle, stalled := s.dial(), s.dial()
		send(t, idle, "hello\npart of a mess")
		expect(t, idle, "HELLO\n")
		// One that reads nothing must not hold up the end.
		send(t, stalled, strings.Repeat("large\n", 1000))
		p := s.protocol()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		expectEnd(t, idle)
		if why := wait(t, p.closed); !errors.Is(why, ErrStopped) && !isTimeout(why) {
			t.Errorf("Closed(%v), want %v", why, ErrStopped)
		}
		if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
			t.Error("the address is still bound")
		}
	})
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestCloseListener(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		c := s.dial()
		send(t, c, "in\n")
		expect(t, c, "IN\n")
		if err := s.loops.Close(); err != nil {
			t.Error(err)
		}
		if err := s.loops.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
		expectEnd(t, c)
	})
}

func TestWriteTimeout(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.WriteTimeout = 50 * time.Millisecond })
		c := s.dial()
		p := s.protocol()
		go io.WriteString(c, strings.Repeat("large\n", 2000))
		if why := wait(t, p.closed); !isTimeout(why) {
			t.Errorf("Closed(%v), want a timeout", why)
		}
		c.Close()
	})
}

// Nothing may be left of connections that behave badly.
func TestHostileConnections(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		limit := NewLimit(0)
		s := start(func(c *settings, _ *lines) { c.Limit, c.MaxInput = limit, 64 })
		var all sync.WaitGroup
		for i := range 120 {
			all.Go(func() {
				c, err := net.Dial("tcp", s.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				switch i % 4 {
				case 0: // comes and goes
				case 1: // resets in the middle of a message
					io.WriteString(c, "half a mess")
					c.(*net.TCPConn).SetLinger(0)
				case 2: // sends too much
					io.WriteString(c, strings.Repeat("x", 1000))
				case 3: // asks and does not wait for the reply
					io.WriteString(c, "large\nlarge\nlarge\n")
					c.(*net.TCPConn).SetLinger(0)
				}
			})
		}
		all.Wait()
		eventually(t, "every connection is accepted", func() bool { return len(s.protocols) == 120 })
		eventually(t, "every connection is closed", func() bool { return limit.Open() == 0 })
		for range 120 {
			wait(t, s.protocol().closed)
		}
	})
}

func TestListenErrors(t *testing.T) {
	for _, kind := range engines {
		t.Run(kind.name, func(t *testing.T) {
			open := func() *Loops {
				loops, err := NewLoops(LoopsConfig{Engine: kind.name, Count: 2}, new(shoal.Clock))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := loops.Close(); err != nil {
						t.Error(err)
					}
				})
				return loops
			}
			mine, another := open(), open()
			l, err := mine.Listen(netip.MustParseAddrPort("[::ffff:127.0.0.1]:0"), Config{})
			if err != nil {
				t.Fatal(err)
			}
			if !l.Addr().Addr().Is4() || l.Addr().Port() == 0 {
				t.Errorf("Addr is %v, want an IPv4 address and the port that was picked", l.Addr())
			}
			for _, loops := range []*Loops{mine, another} {
				_, err := loops.Listen(l.Addr(), Config{})
				if err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !addressInUse(err) {
					t.Errorf("binding an address twice: %v, want an error that says so and names it", err)
				}
			}
			// An IPv6 wildcard leaves IPv4 to others.
			if hasIPv6(t) {
				if _, err := another.Listen(netip.AddrPortFrom(netip.IPv6Unspecified(), l.Addr().Port()), Config{}); err != nil {
					t.Errorf("binding the other family on the same port: %v", err)
				}
			}
			if _, err := mine.Listen(netip.AddrPort{}, Config{}); err == nil {
				t.Error("an address that is none was bound")
			}
		})
	}
	if _, err := NewLoops(LoopsConfig{Engine: "steam"}, new(shoal.Clock)); err == nil || !strings.Contains(err.Error(), "steam") {
		t.Errorf("an engine that does not exist: %v", err)
	}
}

// A port is free again when the loops that had it are closed, also while old
// connections are not quite over.
func TestPortIsFreeAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(nil)
		c := s.dial()
		send(t, c, "close\n") // this side closes first, and keeps the port in TIME_WAIT
		expect(t, c, "BYE\n")
		expectEnd(t, c)
		s.stop()
		loops, err := NewLoops(LoopsConfig{Engine: s.loops.Engine()}, s.clock)
		if err != nil {
			t.Fatal(err)
		}
		defer loops.Close()
		if _, err := loops.Listen(s.Addr(), Config{}); err != nil {
			t.Error(err)
		}
	})
}

// addressInUse reports whether err says that an address is taken, in the words
// of this system.
func addressInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "Only one usage of each socket address")
}
