package streamio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
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
	longest  int         // bytes of such replies that Bytes was given at most
	link     atomic.Uint64
	refused  atomic.Bool // Queue said no
	received atomic.Int64
	hold     chan struct{} // Received and "close held" wait for it; nil: they do not

	// orders are lines that a test has its own answers to. nil: there are none.
	orders map[string]func(p *lines, c *Conn, out []byte) ([]byte, Then)
}

func (p *lines) enter() {
	if p.busy.Swap(true) {
		p.t.Error("protocol was called twice at once")
	}
}

func (p *lines) leave() { p.busy.Store(false) }

func (p *lines) Open(c *Conn) {
	p.enter()
	defer p.leave()
	p.link.Store(uint64(c.Link()))
	if p.alarm != 0 {
		c.SetAlarm(c.Now().Add(p.alarm))
	}
}

// Received says the message, as it is.
func (p *lines) Received(c *Conn, message []byte) {
	p.enter()
	defer p.leave()
	p.received.Add(1)
	if p.hold != nil {
		<-p.hold
	}
	if string(message) == "close\n" {
		c.Close()
	}
	p.queue(c, message)
}

func (p *lines) queue(c *Conn, b []byte) {
	if !c.Queue(b) {
		p.refused.Store(true)
	}
}

func (p *lines) Bytes(c *Conn, in, out []byte) (int, []byte, Then) {
	p.enter()
	defer p.leave()
	if len(out) > 0 {
		p.sawReply.Store(true)
	}
	p.longest = max(p.longest, len(out))
	end := bytes.IndexByte(in, '\n')
	if end < 0 {
		return 0, out, Keep
	}
	line := in[:end+1]
	if bytes.HasPrefix(line, []byte("long ")) {
		return len(line), append(out, "LONG\n"...), Keep
	}
	if order := p.orders[string(line[:end])]; order != nil {
		reply, then := order(p, c, out)
		return len(line), reply, then
	}
	switch string(line[:end]) {
	case "close":
		return len(line), append(out, "BYE\n"...), Close
	case "close held": // with what comes meanwhile in the kernel
		<-p.hold
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
	case "queue": // which comes after the reply
		p.queue(c, []byte("QUEUED "))
		p.queue(c, []byte("TWICE\n"))
		return len(line), append(out, "REPLY\n"...), Keep
	case "queue and close":
		p.queue(c, []byte("LAST\n"))
		return len(line), append(out, "REPLY\n"...), Close
	case "queue much":
		for range 100 {
			p.queue(c, large)
		}
		return len(line), out, Keep
	case "trusted":
		return len(line), append(out, fmt.Sprintf("%v\n", c.Trusted())...), Keep
	case "secure":
		return len(line), append(out, fmt.Sprintf("%v\n", c.Secure())...), Keep
	case "remote":
		return len(line), append(append(out, c.Remote().String()...), '\n'), Keep
	case "local":
		return len(line), append(append(out, c.Local().String()...), '\n'), Keep
	case "large":
		return len(line), append(out, large...), Keep
	case "medium":
		return len(line), append(out, medium...), Keep
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
	p.enter()
	defer p.leave()
	select {
	case p.ticks <- now:
	default:
	}
	if p.onTick != nil {
		p.onTick(c)
	}
}

func (p *lines) Closed(_ *Conn, why error) {
	p.enter()
	defer p.leave()
	p.closed <- why
}

var (
	medium = append(bytes.Repeat([]byte("m"), 3000), '\n')
	large  = append(bytes.Repeat([]byte("x"), 100_000), '\n')
)

// settings are what a test may change.
type settings struct {
	Config
	LoopsConfig
	before func(l *Loops) // they listen
}

// stand is a listener under test.
type stand struct {
	*Listener
	loops     *Loops
	limit     *Limit
	proxies   *Proxies
	t         *testing.T
	clock     *shoal.Clock
	protocols chan *lines
	stop      func() error // ends Serve and returns what it returned
}

// hasIPv6 reports whether the machine has IPv6, and logs when it has not: then
// there is nothing to test of it.
func hasIPv6(t *testing.T) bool {
	t.Helper()
	probe, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Logf("NOT TESTED over IPv6, this machine has no ::1: %v", err)
		return false
	}
	probe.Close()
	return true
}

// eachEngine runs a test on every engine and every family.
func eachEngine(t *testing.T, f func(t *testing.T, start func(change func(*settings, *lines)) *stand)) {
	loopbacks := []string{"127.0.0.1"}
	if hasIPv6(t) {
		loopbacks = append(loopbacks, "::1")
	}
	for which, e := range engines {
		for _, ip := range loopbacks {
			t.Run(e.name+"/"+ip, func(t *testing.T) {
				addr := netip.AddrPortFrom(netip.MustParseAddr(ip), 0)
				f(t, func(change func(*settings, *lines)) *stand { return startStand(t, which, addr, change) })
			})
		}
	}
}

var loopback4 = netip.MustParseAddrPort("127.0.0.1:0")

func startStand(t *testing.T, which int, addr netip.AddrPort, change func(*settings, *lines)) *stand {
	t.Helper()
	s := &stand{t: t, clock: new(shoal.Clock), protocols: make(chan *lines, 1000)}
	s.clock.Set(shoal.TickOf(time.Now()))
	model := &lines{}
	c := settings{}
	c.Engine, c.Count = engines[which].name, 2
	if change != nil {
		change(&c, model)
	}
	c.NewProtocol = func() Protocol {
		p := &lines{
			t: t, closed: make(chan error, 2), ticks: make(chan shoal.Tick, 10),
			alarm: model.alarm, onTick: model.onTick, hold: model.hold, orders: model.orders,
		}
		s.protocols <- p
		return p
	}
	if c.Limit == nil {
		c.Limit = NewLimit(0)
	}
	s.limit, s.proxies = c.Limit, c.Proxies
	var err error
	if s.loops, err = NewLoops(c.LoopsConfig, s.clock); err != nil {
		t.Fatal(err)
	}
	prompt(s.loops)
	if c.before != nil {
		c.before(s.loops)
	}
	if s.Listener, err = s.loops.Listen(addr, c.Config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.loops.Serve(ctx) }()
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
