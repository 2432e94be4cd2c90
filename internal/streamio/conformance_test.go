package streamio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-tracker/shoal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. Nothing is asserted
// about the time it really takes.
const patience = 20 * time.Second

// lines answers each line by itself in capitals. Some lines are orders.
type lines struct {
	t        *testing.T
	busy     atomic.Bool
	closed   chan error
	ticks    chan shoal.Tick
	alarm    time.Duration // set on Open; 0: none
	onTick   func(c *Conn)
	sawReply atomic.Bool // Bytes was given the reply of an earlier message
}

func (p *lines) enter() func() {
	if p.busy.Swap(true) {
		p.t.Error("protocol was called twice at once")
	}
	return func() { p.busy.Store(false) }
}

func (p *lines) Open(c *Conn) {
	defer p.enter()()
	if p.alarm != 0 {
		c.SetAlarm(c.Now().Add(p.alarm))
	}
}

func (p *lines) Bytes(c *Conn, in, out []byte) (int, []byte, Then) {
	defer p.enter()()
	if len(out) > 0 {
		p.sawReply.Store(true)
	}
	end := bytes.IndexByte(in, '\n')
	if end < 0 {
		return 0, out, Keep
	}
	line := in[:end+1]
	switch string(line[:end]) {
	case "close":
		return len(line), append(out, "BYE\n"...), Close
	case "close by method":
		c.Close()
		return len(line), append(out, "BYE\n"...), Keep
	case "close unread":
		return 0, append(out, "UNREAD\n"...), Close
	case "silence":
		return len(line), out, Keep
	case "alarm off":
		c.SetAlarm(0)
		return len(line), append(out, "OFF\n"...), Keep
	case "alarm soon":
		c.SetAlarm(c.Now().Add(20 * time.Millisecond))
		return len(line), append(out, "SOON\n"...), Keep
	case "remote":
		return len(line), append(append(out, c.Remote().String()...), '\n'), Keep
	case "local":
		return len(line), append(append(out, c.Local().String()...), '\n'), Keep
	case "large":
		return len(line), append(out, large...), Keep
	case "late":
		// The reply begins in the middle of the memory it is given.
		if len(out) == 0 && cap(out) >= 105 {
			room := out[:cap(out)]
			return len(line), room[100 : 100+copy(room[100:], "LATE\n")], Keep
		}
		return len(line), append(out, "LATE\n"...), Keep
	}
	return len(line), append(out, bytes.ToUpper(line)...), Keep
}

func (p *lines) Tick(c *Conn, now shoal.Tick) {
	defer p.enter()()
	select {
	case p.ticks <- now:
	default:
	}
	if p.onTick != nil {
		p.onTick(c)
	}
}

func (p *lines) Closed(_ *Conn, why error) {
	defer p.enter()()
	p.closed <- why
}

var large = append(bytes.Repeat([]byte("x"), 100_000), '\n')

// stand is a listener under test.
type stand struct {
	*Listener
	t         *testing.T
	clock     *shoal.Clock
	protocols chan *lines
	stop      func() error // ends Serve and returns what it returned
}

// eachEngine runs a test on every engine and both families.
func eachEngine(t *testing.T, f func(t *testing.T, start func(change func(*Config, *lines)) *stand)) {
	for which, e := range engines {
		for _, ip := range []string{"127.0.0.1", "::1"} {
			t.Run(e.name+"/"+ip, func(t *testing.T) {
				addr := netip.AddrPortFrom(netip.MustParseAddr(ip), 0)
				f(t, func(change func(*Config, *lines)) *stand { return startStand(t, which, addr, change) })
			})
		}
	}
}

func startStand(t *testing.T, which int, addr netip.AddrPort, change func(*Config, *lines)) *stand {
	t.Helper()
	s := &stand{t: t, clock: new(shoal.Clock), protocols: make(chan *lines, 1000)}
	s.clock.Set(shoal.TickOf(time.Now()))
	model := &lines{}
	c := Config{}
	if change != nil {
		change(&c, model)
	}
	c.NewProtocol = func() Protocol {
		p := &lines{
			t: t, closed: make(chan error, 2), ticks: make(chan shoal.Tick, 10),
			alarm: model.alarm, onTick: model.onTick,
		}
		s.protocols <- p
		return p
	}
	var err error
	if s.Listener, err = listen(which, addr, c, s.clock); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	driven := make(chan struct{})
	go func() {
		defer close(driven)
		for ctx.Err() == nil {
			s.clock.Set(shoal.TickOf(time.Now()))
			time.Sleep(5 * time.Millisecond)
		}
	}()
	s.stop = sync.OnceValue(func() error {
		cancel()
		<-driven
		select {
		case err := <-served:
			return err
		case <-time.After(patience):
			t.Error("Serve did not return")
			return nil
		}
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func (s *stand) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { c.Close() })
	return c
}

func (s *stand) protocol() *lines { return wait(s.t, s.protocols) }

func wait[T any](t *testing.T, c chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("after %q: %v, want %q", got[:n], err, want)
	}
	if string(got) != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func expectEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Fatalf("got %q, %v, want the end of the connection", rest, err)
	}
}

func TestMessages(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
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
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		c := start(nil).dial()
		in := strings.Repeat("some words\nlarge\n", 200)
		go io.WriteString(c, in)
		for range 200 {
			expect(t, c, "SOME WORDS\n")
			expect(t, c, string(large))
		}
	})
}

func TestClose(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
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

// A reset overtakes a reply that has not been read yet: closing must wait for
// the sender to end.
func TestCloseOverUnreadInput(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		c := start(nil).dial()
		send(t, c, "close unread\n")
		for range 20 {
			send(t, c, strings.Repeat("body ", 200))
		}
		expect(t, c, "UNREAD\n")
		expectEnd(t, c)
		send(t, c, "still no reset")
	})
}

// One that never stops sending is cut off.
func TestCloseOverEndlessInput(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		limit := NewLimit(0)
		c := start(func(c *Config, _ *lines) { c.Limit = limit }).dial()
		send(t, c, "close unread\n")
		junk := make([]byte, 64<<10)
		for {
			if _, err := c.Write(junk); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("was never cut off")
				}
				break
			}
		}
		eventually(t, "the connection is given back", func() bool { return limit.Open() == 0 })
	})
}

func TestHalfClose(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		c := start(nil).dial()
		send(t, c, "last words\n")
		c.(*net.TCPConn).CloseWrite()
		expect(t, c, "LAST WORDS\n")
		expectEnd(t, c)
	})
}

func TestAlarm(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		s := start(func(_ *Config, p *lines) {
			p.alarm = 30 * time.Millisecond
			p.onTick = func(c *Conn) {
				if c.Alarm() != 0 {
					p.t.Error("the alarm still stands when it rings")
				}
				c.Close()
			}
		})
		c := s.dial()
		p := s.protocol()
		expectEnd(t, c)
		if why := wait(t, p.closed); why != nil {
			t.Errorf("Closed(%v), want nil", why)
		}
		if len(p.ticks) != 1 {
			t.Errorf("%d ticks, want one", len(p.ticks))
		}
	})
}

// Bytes that keep coming must not keep an alarm from ringing.
func TestAlarmUnderFire(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		s := start(func(c *Config, p *lines) {
			p.alarm = 50 * time.Millisecond
			p.onTick = (*Conn).Close
		})
		c := s.dial()
		p := s.protocol()
		for {
			if _, err := io.WriteString(c, "silence\n"); err != nil {
				break
			}
		}
		wait(t, p.ticks)
	})
}

func TestAlarmMoves(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		var rings atomic.Int32
		s := start(func(_ *Config, p *lines) {
			p.alarm = 20 * time.Millisecond
			p.onTick = func(c *Conn) {
				// Later, then sooner, then never again.
				switch rings.Add(1) {
				case 1:
					c.SetAlarm(c.Now().Add(time.Hour))
					c.SetAlarm(c.Now().Add(20 * time.Millisecond))
				case 2:
					c.SetAlarm(c.Now())
				}
			}
		})
		c := s.dial()
		p := s.protocol()
		for range 3 {
			wait(t, p.ticks)
		}
		send(t, c, "still here\n")
		expect(t, c, "STILL HERE\n")
		if n := rings.Load(); n != 3 {
			t.Errorf("the alarm rang %d times, want 3", n)
		}
	})
}

func TestAlarmSooner(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		s := start(func(_ *Config, p *lines) { p.alarm = time.Hour })
		c := s.dial()
		p := s.protocol()
		send(t, c, "alarm soon\n")
		expect(t, c, "SOON\n")
		wait(t, p.ticks)
	})
}

// An alarm that is taken off leaves a deadline behind, which must neither ring
// nor end the connection.
func TestAlarmOff(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		s := start(func(_ *Config, p *lines) { p.alarm = 500 * time.Millisecond })
		c := s.dial()
		p := s.protocol()
		send(t, c, "alarm off\n")
		expect(t, c, "OFF\n")
		for len(p.ticks) > 0 { // a slow machine may have let it ring before
			<-p.ticks
		}
		off := s.clock.Now()
		eventually(t, "the moment of the alarm passes", func() bool { return s.clock.Now() > off.Add(600*time.Millisecond) })
		send(t, c, "still here\n")
		expect(t, c, "STILL HERE\n")
		if len(p.ticks) > 0 {
			t.Error("an alarm rang that was off")
		}
	})
}

func TestMaxInput(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		for _, most := range []int{10, readSize, 3*readSize + 1} {
			s := start(func(c *Config, _ *lines) { c.MaxInput = most })
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
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		limit := NewLimit(2)
		share := func(c *Config, _ *lines) { c.Limit = limit }
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
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		s := start(func(c *Config, _ *lines) { c.MaxConnections = 1 })
		a := s.dial()
		send(t, a, "in\n")
		expect(t, a, "IN\n")
		if _, err := s.dial().Read(make([]byte, 1)); err == nil {
			t.Error("a connection beyond the limit was served")
		}
	})
}

func TestStop(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
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
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		s := start(nil)
		c := s.dial()
		send(t, c, "in\n")
		expect(t, c, "IN\n")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
		expectEnd(t, c)
	})
}

func TestWriteTimeout(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		s := start(func(c *Config, _ *lines) { c.WriteTimeout = 50 * time.Millisecond })
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
	eachEngine(t, func(t *testing.T, start func(func(*Config, *lines)) *stand) {
		limit := NewLimit(0)
		s := start(func(c *Config, _ *lines) { c.Limit, c.MaxInput = limit, 64 })
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
	for which := range engines {
		clock := new(shoal.Clock)
		c := Config{Log: slog.New(slog.DiscardHandler)}
		l, err := listen(which, netip.MustParseAddrPort("[::ffff:127.0.0.1]:0"), c, clock)
		if err != nil {
			t.Fatal(err)
		}
		if !l.Addr().Addr().Is4() || l.Addr().Port() == 0 {
			t.Errorf("Addr is %v, want an IPv4 address and the port that was picked", l.Addr())
		}
		if _, err := listen(which, l.Addr(), c, clock); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
			t.Errorf("binding an address twice: %v, want an error that names it", err)
		}
		// An IPv6 wildcard leaves IPv4 to others.
		six, err := listen(which, netip.AddrPortFrom(netip.IPv6Unspecified(), l.Addr().Port()), c, clock)
		if err != nil {
			t.Errorf("binding the other family on the same port: %v", err)
		} else {
			six.Close()
		}
		l.Close()
	}
}
