package streamio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// What follows the order to upgrade may come with it, in part or as a whole, and
// is the next protocol's. So is everything else.
func TestUpgrade(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		var made chan *frames
		s := start(func(c *settings, p *lines) { c.TLS, made = serverTLS(), upgrading(t, p, nil) })
		for name, dial := range s.plainAndSecure() {
			c := dial()
			in := frame("second")
			send(t, c, "one\nupgrade\n"+frame("first\n")+in[:3])
			old := s.protocol()
			expect(t, c, "ONE\n"+switched+receipt("first\n"))
			send(t, c, in[3:])
			expect(t, c, receipt("second"))
			for _, b := range []byte(frame("by the byte\n") + frame("")) {
				send(t, c, string(b))
			}
			expect(t, c, receipt("by the byte\n")+receipt(""))
			f := wait(t, made)
			c.Close()
			if why := wait(t, f.closed); why != io.EOF {
				t.Errorf("%s: Closed(%v), want EOF", name, why)
			}
			if len(old.closed) > 0 || len(f.closed) > 0 || f.opened.Load() != 1 {
				t.Errorf("%s: the protocol before was closed %d times, the next once and %d times more, and opened %d times",
					name, len(old.closed), len(f.closed), f.opened.Load())
			}

			// Nothing behind it; and the next protocol closes.
			c = dial()
			send(t, c, "upgrade\n")
			s.protocol()
			expect(t, c, switched)
			send(t, c, frame("last")+frame("close")+frame("unread"))
			expect(t, c, receipt("last")+"BYE\n")
			expectEnd(t, c)
			c.Close()
			if why := wait(t, wait(t, made).closed); why != nil {
				t.Errorf("%s: Closed(%v), want nil", name, why)
			}
		}
	})
}

// From the upgrade on, and in the middle of what was read, another number of
// bytes may wait.
func TestUpgradedInput(t *testing.T) {
	const (
		small = 30 // room for the orders
		most  = 64<<10 + 14
	)
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		for _, test := range []struct{ before, after, want int }{
			{small, most, most}, {most, small, small}, {0, most, most}, {small, 0, small}, {0, 0, readSize},
		} {
			var made chan *frames
			s := start(func(c *settings, p *lines) {
				c.TLS, c.MaxInput, c.UpgradedInput, made = serverTLS(), test.before, test.after, upgrading(t, p, nil)
			})
			for name, dial := range s.plainAndSecure() {
				c := dial()
				message := strings.Repeat("0123456789abcdef", most/16+1)[:test.want-4]
				go io.WriteString(c, "upgrade\n"+frame(message)+frame("next")+frame(message)+frame(message+"x"))
				expect(t, c, switched+receipt(message)+receipt("next")+receipt(message))
				s.protocol()
				if why := wait(t, wait(t, made).closed); !errors.Is(why, ErrInput) {
					t.Errorf("%s, %+v: Closed(%v), want %v", name, test, why, ErrInput)
				}
				c.Close()

				// The bound of before holds before.
				c = dial()
				before := test.before
				if before == 0 {
					before = readSize
				}
				go io.WriteString(c, "long "+strings.Repeat("x", before))
				old := s.protocol()
				if why := wait(t, old.closed); !errors.Is(why, ErrInput) {
					t.Errorf("%s, %+v: Closed(%v) before, want %v", name, test, why, ErrInput)
				}
				c.Close()
			}
		}
	})
}

// The largest message that comes by the byte, and over TLS in records of a byte
// each, is one message; and when it is over, nothing is left of it.
func TestLargestMessageByTheByte(t *testing.T) {
	const most = 64<<10 + 14
	for which, kind := range engines {
		t.Run(kind.name, func(t *testing.T) {
			var made chan *frames
			s := startStand(t, which, loopback4, func(c *settings, p *lines) {
				c.TLS, c.MaxInput, c.UpgradedInput, made = serverTLS(), 100, most, upgrading(t, p, nil)
			})
			message := strings.Repeat("0123456789abcdef!", most/17+1)[:most-4]
			for name, dial := range s.plainAndSecure() {
				c := dial()
				c.SetDeadline(time.Now().Add(10 * patience))
				send(t, c, "upgrade\n")
				expect(t, c, switched)
				for _, b := range []byte(frame(message)) {
					if _, err := c.Write([]byte{b}); err != nil {
						t.Fatal(err)
					}
				}
				expect(t, c, receipt(message))
				f := wait(t, made)
				send(t, c, frame("large")+frame("alarm soon"))
				expect(t, c, string(large)+receipt("alarm soon"))
				if n := wait(t, f.ticks); n != 0 {
					t.Errorf("%s: an idle connection holds %d bytes", name, n)
				}
				send(t, c, frame("still here"))
				expect(t, c, receipt("still here"))
			}
		})
	}
}

// Who does not read what comes before an upgrade gets it first all the same.
func TestUpgradeUnderBackpressure(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		var made chan *frames
		s := start(func(c *settings, p *lines) {
			c.TLS, c.UpgradedInput, made = serverTLS(), 64<<10, upgrading(t, p, nil)
		})
		for _, dial := range s.plainAndSecure() {
			c := dial()
			message := strings.Repeat("m", 5000)
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(c, strings.Repeat("large\n", 100)+"upgrade\n"+
					strings.Repeat(frame(message), 50)+strings.Repeat(frame("large"), 50))
				sent <- err
			}()
			s.protocol()
			time.Sleep(20 * time.Millisecond) // so that the system's buffers fill
			for range 100 {
				expect(t, c, string(large))
			}
			expect(t, c, switched+strings.Repeat(receipt(message), 50))
			for range 50 {
				expect(t, c, string(large))
			}
			if err := wait(t, sent); err != nil {
				t.Error(err)
			}
			c.Close()
			wait(t, wait(t, made).closed)
		}
	})
}

// The alarm of the protocol before does not ring for the next one.
func TestUpgradeAlarm(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		var made chan *frames
		s := start(func(_ *settings, p *lines) { made = upgrading(t, p, nil) })
		c := s.dial()
		old := s.protocol()
		send(t, c, "alarm soon\nupgrade\n")
		expect(t, c, "SOON\n"+switched)
		f := wait(t, made)
		begun := s.clock.Now()
		eventually(t, "the moment of the alarm passes", func() bool { return s.clock.Now() > begun.Add(200*time.Millisecond) })
		send(t, c, frame("ask"))
		expect(t, c, receipt("ask"))
		if len(f.ticks)+len(old.ticks) > 0 {
			t.Errorf("the alarm of before rang: %d times before, %d behind", len(old.ticks), len(f.ticks))
		}
		send(t, c, frame("alarm soon"))
		expect(t, c, receipt("alarm soon"))
		wait(t, f.ticks)
	})
}

// An upgrade that does not come to pass is none: the protocol that spoke is the
// one that is closed.
func TestUpgradeInVain(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		var made chan *frames
		s := start(func(c *settings, p *lines) {
			c.MaxQueue, c.WriteTimeout = 100_000, 50*time.Millisecond
			made = upgrading(t, p, nil)
		})
		check := func(order string, old *lines, want func(why error) bool) {
			t.Helper()
			if why := wait(t, old.closed); !want(why) {
				t.Errorf("%s: Closed(%v)", order, why)
			}
			if f := wait(t, made); f.opened.Load() > 0 || len(f.closed) > 0 {
				t.Errorf("%s: the next protocol was opened, or closed", order)
			}
		}
		c := s.dial()
		send(t, c, "upgrade and close\n"+frame("more"))
		expect(t, c, "BYE\n")
		expectEnd(t, c)
		c.Close()
		check("upgrade and close", s.protocol(), func(why error) bool { return why == nil })

		c = s.dial()
		send(t, c, "upgrade with much\n"+frame("more"))
		check("upgrade with much", s.protocol(), func(why error) bool { return errors.Is(why, ErrQueue) || isTimeout(why) })

		c = s.dial()
		send(t, c, "upgrade to nothing\nsame\n")
		expect(t, c, "STAYS\nSAME\n")
	})
}

// Only Bytes can upgrade.
func TestUpgradeOutOfPlace(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(_ *settings, p *lines) {
			p.onTick = func(c *Conn) {
				c.Upgrade(newFrames(t))
				c.Queue([]byte("TICK\n"))
			}
		})
		c := s.dial()
		send(t, c, "alarm soon\n")
		expect(t, c, "SOON\nTICK\n")
		send(t, c, "same\nas before\n")
		expect(t, c, "SAME\nAS BEFORE\n")
	})
}

// A protocol may end at its beginning.
func TestUpgradeToClose(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		var made chan *frames
		s := start(func(c *settings, p *lines) {
			c.TLS, made = serverTLS(), upgrading(t, p, func(f *frames) { f.curt = true })
		})
		for name, dial := range s.plainAndSecure() {
			c := dial()
			send(t, c, "one\nupgrade\n"+frame("more"))
			old := s.protocol()
			expect(t, c, "ONE\n"+switched)
			expectEnd(t, c)
			c.Close()
			if why := wait(t, wait(t, made).closed); why != nil {
				t.Errorf("%s: Closed(%v), want nil", name, why)
			}
			if len(old.closed) > 0 {
				t.Errorf("%s: the protocol before was closed too", name)
			}
		}
	})
}

// A Link reaches whatever its connection speaks.
func TestPostToUpgraded(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		var made chan *frames
		s := start(func(c *settings, p *lines) { c.TLS, made = serverTLS(), upgrading(t, p, nil) })
		for name, dial := range s.plainAndSecure() {
			c := dial()
			send(t, c, "in\n")
			expect(t, c, "IN\n")
			old := s.opened()
			post := func(message string) {
				t.Helper()
				if !s.loops.Post(old.to(), []byte(message)) {
					t.Errorf("%s: a message was refused", name)
				}
				expect(t, c, message)
			}
			post("before\n")
			in := frame("in two parts")
			send(t, c, "upgrade\n"+in[:9])
			expect(t, c, switched)
			for i := range 10 {
				post(fmt.Sprintf("behind, %d\n", i))
			}
			send(t, c, in[9:])
			expect(t, c, receipt("in two parts"))
			if n := old.received.Load(); n != 1 {
				t.Errorf("%s: the protocol before received %d messages, want 1", name, n)
			}
			f := wait(t, made)
			if n := f.waited.Load(); n != 0 {
				t.Errorf("%s: %d bytes waited for a side that reads", name, n)
			}
			c.Close()
			wait(t, f.closed)
		}
	})
}

// What is said in one round and has not been sent yet does not pass for a slow
// reader.
func TestWaiting(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		hold := make(chan struct{})
		var made chan *frames
		s := start(func(_ *settings, p *lines) { made = upgrading(t, p, func(f *frames) { f.hold = hold }) })
		c := s.dial()
		to := s.opened().to()
		send(t, c, "upgrade\n")
		expect(t, c, switched)
		const count = 20
		message := bytes.Repeat([]byte("x"), 5000)
		for range count {
			if !s.loops.Post(to, message) {
				t.Fatal("a message was refused")
			}
		}
		close(hold)
		expect(t, c, strings.Repeat(string(message), count))
		if n := wait(t, made).waited.Load(); n >= 2*writeSize {
			t.Errorf("%d bytes waited", n)
		}
	})
}

// What a stream reads and holds before and behind an upgrade: as much as its
// protocol may leave unused, and no more than that needs.
func TestUpgradedStream(t *testing.T) {
	model := new(lines)
	made := upgrading(t, model, nil)
	p := &lines{t: t, closed: make(chan error, 1), orders: model.orders}
	in := strings.NewReader("long " + strings.Repeat("x", 2000) + "\nupgrade\n" + frame(strings.Repeat("x", 40_000)) + frame(strings.Repeat("x", 5000))[:2000])
	reads := 0
	var s *stream
	var said strings.Builder
	s = &stream{
		Conn: Conn{clock: new(shoal.Clock)},
		socket: &scripted{
			read: func(b []byte) (int, error) {
				if n := held(&s.Conn); in.Len() == 0 && n != readSize {
					t.Errorf("2000 bytes hold %d, want %d", n, readSize)
				}
				if reads++; len(b) > s.room() {
					t.Errorf("%d bytes are read at once, of %d", len(b), s.room())
				}
				return in.Read(b)
			},
			write: func(b []byte) {
				said.Write(b)
				if bytes.HasSuffix(b, []byte("SWITCH\n")) && s.large != nil && len(s.large.b) > readSize {
					t.Errorf("%d bytes are held when the upgrade is said", len(s.large.b))
				}
			},
		},
		port:     &port{portable: &portable{limit: NewLimit(0)}, config: Config{MaxInput: 3000, UpgradedInput: 64 << 10, WriteTimeout: time.Second}.withDefaults()},
		protocol: p,
	}
	s.carrier = s
	s.run()
	if want := "LONG\n" + switched + receipt(strings.Repeat("x", 40_000)); said.String() != want {
		t.Errorf("said %q, want %q", said.String(), want)
	}
	if reads > 12 {
		t.Errorf("%d reads", reads)
	}
	if why := wait(t, wait(t, made).closed); why != io.EOF {
		t.Errorf("Closed(%v), want EOF", why)
	}
}

func TestMadeUpConn(t *testing.T) {
	var next Protocol
	c := NewConnWith(ConnState{
		Clock:   new(shoal.Clock),
		Waiting: func() int { return 42 },
		Upgrade: func(p Protocol) { next = p },
	})
	want := newFrames(t)
	if c.Upgrade(want); next != want || c.Waiting() != 42 {
		t.Errorf("upgraded to %v, %d bytes wait", next, c.Waiting())
	}
	plain := NewConn(netip.AddrPort{}, netip.AddrPort{}, new(shoal.Clock))
	if plain.Upgrade(want); plain.Waiting() != 0 {
		t.Errorf("%d bytes wait", plain.Waiting())
	}
	var empty Conn
	if empty.Upgrade(want); empty.Waiting() != 0 {
		t.Errorf("%d bytes wait", empty.Waiting())
	}
}
