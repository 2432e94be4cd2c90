//go:build amd64 || arm64

package streamio

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal"
)

// exhaust has the first accepts of an epoll engine fail.
func exhaust(c *settings, fails *atomic.Int64) {
	c.before = func(l *Loops) {
		l.engine.(*epoll).accept = func(fd int, name *socketName) (int32, unix.Errno) {
			if fails.Add(-1) >= 0 {
				return -1, unix.EMFILE
			}
			return acceptSocket(fd, name)
		}
	}
}

func TestEpollAcceptRecovers(t *testing.T) {
	var said bytes.Buffer
	var fails atomic.Int64
	fails.Store(5)
	s := startStand(t, 0, loopback4, func(c *settings, _ *lines) {
		c.Log = slog.New(slog.NewTextHandler(&said, nil))
		exhaust(c, &fails)
	})
	before := s.dialled("in\n", "IN\n")
	if n := fails.Load(); n >= 0 {
		t.Errorf("%d accepts are still to fail", n)
	}
	fails.Store(3) // later, with connections that are open
	s.dialled("in\n", "IN\n")
	send(t, before, "still here\n")
	expect(t, before, "STILL HERE\n")
	s.stop()
	if n := strings.Count(said.String(), "cannot accept"); n != 1 || !strings.Contains(said.String(), s.Addr().String()) || !strings.Contains(said.String(), "too many open files") {
		t.Errorf("log has %d warnings, want one that names the address and the error:\n%s", n, said.String())
	}
}

// A loop that never runs out of events accepts again too.
func TestEpollAcceptRecoversWhileBusy(t *testing.T) {
	busy, err := unix.Eventfd(1, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	var fails atomic.Int64
	s := startStand(t, 0, loopback4, func(c *settings, _ *lines) {
		exhaust(c, &fails)
		exhausted := c.before
		c.before = func(l *Loops) {
			exhausted(l)
			for _, loop := range l.engine.(*epoll).loops {
				event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: 1 << 20, Pad: 1} // no connection
				if err := unix.EpollCtl(loop.poll, unix.EPOLL_CTL_ADD, busy, &event); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	t.Cleanup(func() {
		s.stop()
		unix.Close(busy)
	})
	fails.Store(3)
	s.dialled("in\n", "IN\n")
}

// Loops whose accepts fail without end serve those who are in, and stop.
func TestEpollStopWhileExhausted(t *testing.T) {
	var fails atomic.Int64
	s := startStand(t, 0, loopback4, func(c *settings, _ *lines) { exhaust(c, &fails) })
	c := s.dialled("in\n", "IN\n")
	fails.Store(1 << 40)
	for range 10 {
		s.dial()
	}
	eventually(t, "accepting fails", func() bool { return fails.Load() < 1<<40 })
	send(t, c, "still here\n")
	expect(t, c, "STILL HERE\n")
}

// dialled returns a connection that has asked and was answered.
func (s *stand) dialled(ask, reply string) net.Conn {
	s.t.Helper()
	c := s.dial()
	send(s.t, c, ask)
	expect(s.t, c, reply)
	return c
}

// Every listening socket waits for the first bytes of a connection, and has a
// long queue.
func TestEpollListeningSockets(t *testing.T) {
	made, err := newEpoll(LoopsConfig{Count: 3, Limit: NewLimit(0)}, new(shoal.Clock))
	if err != nil {
		t.Fatal(err)
	}
	e := made.(*epoll)
	defer e.close()
	addr, err := e.listen(loopback4, Config{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range e.loops {
		if len(l.acceptors) != 1 {
			t.Fatalf("%d listening sockets in a loop", len(l.acceptors))
		}
		fd := l.acceptors[0].fd
		if bound, err := boundTo(fd, addr); err != nil || bound != addr {
			t.Errorf("bound to %v, %v, want %v", bound, err, addr)
		}
		for name, option := range map[string][3]int{
			"TCP_DEFER_ACCEPT": {unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, int(deferAccept.Seconds())},
			"TCP_NODELAY":      {unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			"SO_REUSEADDR":     {unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
			"SO_REUSEPORT":     {unix.SOL_SOCKET, unix.SO_REUSEPORT, 1},
			"SO_ACCEPTCONN":    {unix.SOL_SOCKET, unix.SO_ACCEPTCONN, 1},
		} {
			if got, err := unix.GetsockoptInt(fd, option[0], option[1]); err != nil || got < option[2] {
				t.Errorf("%s is %d, %v, want %d", name, got, err, option[2])
			}
		}
	}
	if n, want := (LoopsConfig{Count: 3}).Descriptors(1), 3*3; n != want {
		t.Errorf("%d descriptors, want %d", n, want)
	}
}

// Every loop gets connections of every listener.
func TestEpollSharesConnections(t *testing.T) {
	s := startStand(t, 0, loopback4, func(c *settings, _ *lines) { c.Count = 3 })
	seen := make(map[uint8]bool)
	for range 500 {
		c := s.dial()
		send(t, c, "in\n")
		expect(t, c, "IN\n")
		seen[s.opened().to().Loop()] = true
		c.Close()
	}
	if len(seen) != 3 {
		t.Errorf("connections went to %d loops of 3", len(seen))
	}
}

// The wheel, against a plain list of what stands on it.
func TestWheel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var w wheel
	now := shoal.Tick(1_700_000_000_000)
	w.at = int64(now) / wheelStep
	all := make([]*socket, 200)
	for i := range all {
		all[i] = new(socket)
	}
	due := make(map[*socket]shoal.Tick)
	var rung []*socket
	for range 100_000 {
		s := all[random.IntN(len(all))]
		switch random.IntN(4) {
		case 0, 1:
			at := now.Add(time.Duration(random.Int64N(int64(150 * time.Second))))
			w.set(s, at)
			due[s] = at
		case 2:
			w.remove(s)
			delete(due, s)
		case 3:
			now = now.Add(time.Duration(random.Int64N(int64(3 * time.Second))))
			rung = w.turn(now, rung[:0])
			for _, s := range rung {
				at, ok := due[s]
				if !ok {
					t.Fatal("an alarm that was off, or rang before")
				}
				delete(due, s)
				if at > now { // from the last bucket: too early, and put back
					w.set(s, at)
					due[s] = at
				}
			}
			for _, at := range due {
				if at <= now-wheelStep {
					t.Fatalf("an alarm for %d has not rung at %d", at, now)
				}
			}
		}
		if w.count != len(due) {
			t.Fatalf("%d alarms, want %d", w.count, len(due))
		}
		if len(due) == 0 {
			continue
		}
		first := shoal.Tick(1 << 62)
		for _, at := range due {
			first = min(first, at)
		}
		first = min(first, shoal.Tick((w.at+wheelCount)*wheelStep))
		if next := w.next(); next <= now-wheelStep || next >= first+2*wheelStep {
			t.Fatalf("next at %d, want it at %d or soon after it, or earlier", next, first)
		}
	}
	// A clock that jumps.
	if rung = w.turn(now.Add(1000*time.Hour), rung[:0]); len(rung) != len(due) || w.count != 0 {
		t.Errorf("%d alarms rang, want %d", len(rung), len(due))
	}
}

func TestTable(t *testing.T) {
	var table table
	var open []*socket
	random := rand.New(rand.NewPCG(3, 4))
	link := func(s *socket) shoal.Link { return shoal.NewLink(0, 0, s.slot, s.generation) }
	gone := make(map[shoal.Link]bool)
	for range 20_000 {
		if len(open) < 5000 && random.IntN(3) > 0 {
			s := new(socket)
			if !table.add(s) {
				t.Fatal("no slot is left")
			}
			if gone[link(s)] || link(s) == 0 {
				t.Fatalf("link %x again", link(s))
			}
			open = append(open, s)
			continue
		}
		if len(open) == 0 {
			continue
		}
		i := random.IntN(len(open))
		s := open[i]
		open[i] = open[len(open)-1]
		open = open[:len(open)-1]
		if table.find(s.slot, s.generation) != s || !table.current(link(s)) {
			t.Fatal("an open connection is not found")
		}
		table.remove(s)
		gone[link(s)] = true
		if table.find(s.slot, s.generation) != nil || table.current(link(s)) {
			t.Fatal("a closed connection is found")
		}
	}
	if table.open != len(open) {
		t.Errorf("%d open, want %d", table.open, len(open))
	}
	if g := nextGeneration(shoal.MaxLinkGeneration); g != 1 {
		t.Errorf("generation %d follows the last one", g)
	}
	table.sockets = make([]*socket, shoal.MaxLinkSlot+1)
	table.free = nil
	if table.add(new(socket)) {
		t.Error("a slot beyond what a Link holds")
	}
}

// An idle connection is no more than this, in one of Go's sizes of objects.
func TestSocketIsSmall(t *testing.T) {
	if size := reflect.TypeFor[socket]().Size(); size > 320 {
		t.Errorf("a socket has %d bytes, want 320 at most", size)
	}
}
