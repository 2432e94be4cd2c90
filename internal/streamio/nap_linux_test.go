//go:build amd64 || arm64

package streamio

import (
	"bufio"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal"
)

// napping returns naps that go on, however long turns take.
func napping() naps {
	return naps{length: unix.NsecToTimespec(int64(time.Millisecond)), on: true, busy: true, left: napTurns, straight: time.Hour, since: time.Now()}
}

func TestNapPays(t *testing.T) {
	tests := []struct {
		name   string
		change func(p *naps)
		want   bool
	}{
		{"busy", func(*naps) {}, true},
		{"turn without naps", func(p *naps) { p.on = false }, false},
		{"after a long wait", func(p *naps) { p.waited(false) }, false},
		{"after a long wait and a short one", func(p *naps) { p.waited(false); p.waited(true) }, true},
		{"after long waits alone", func(p *naps) {
			for range napTurns {
				p.waited(false)
				p.waited(true)
			}
		}, false},
		{"naps slow it down", func(p *naps) { p.since = time.Now().Add(-2 * time.Hour) }, false},
		{"naps hardly slow it down", func(p *naps) { p.since = time.Now().Add(-time.Hour) }, true},
		{"naps that brought one each", func(p *naps) {
			for range maxMisses {
				p.brought(1)
			}
		}, false},
		{"some naps that brought one", func(p *naps) {
			for i := range 10 * maxMisses {
				p.brought(1 + i%2)
			}
		}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := napping()
			test.change(&p)
			if got := p.pays(); got != test.want {
				t.Errorf("pays() = %v", got)
			}
		})
	}
}

// turns counts the turns that follow without naps, and then those with naps.
func (p *naps) turns() (straight, on int) {
	for ; !p.on && straight < 1000; straight++ {
		p.did(turnItems)
	}
	for p.straight = time.Hour; p.on && on < 1000; on++ {
		p.did(turnItems - 1)
		p.did(1)
	}
	return straight, on
}

func TestNapTurns(t *testing.T) {
	var p naps
	if straight, on := p.turns(); straight != 2 || on != napTurns { // the first has no beginning
		t.Errorf("%d turns without naps and %d with naps at first", straight, on)
	}
	if straight, on := p.turns(); straight != 1 || on != napTurns {
		t.Errorf("%d turns without naps and %d with naps while they pay", straight, on)
	}
	for _, want := range []int{leastRest, 2 * leastRest, mostRest, mostRest} {
		p.giveUp(time.Now())
		straight := 0
		for ; !p.on && straight < 1000; straight++ {
			p.did(turnItems)
		}
		if straight != want {
			t.Errorf("%d turns without naps after naps did not pay, want %d", straight, want)
		}
	}
	if p.turns(); p.rest != 0 {
		t.Error("that naps did not pay is not forgotten when they pay")
	}

	// A wait begins the turn anew.
	p = naps{}
	for range 100 * turnItems {
		p.did(1)
		p.waited(false)
	}
	if p.on {
		t.Error("naps of a loop that is hardly used")
	}
}

// A loop that naps is not woken by a message, and takes it afterwards.
func TestPostDuringNap(t *testing.T) {
	made, err := newEpoll(LoopsConfig{Count: 1, Limit: NewLimit(0)}, new(shoal.Clock))
	if err != nil {
		t.Fatal(err)
	}
	e := made.(*epoll)
	defer e.close()
	l, s := e.loops[0], new(socket)
	l.table.add(s)
	for range 20 {
		l.naps = napping()
		posted := make(chan bool)
		go func() { posted <- e.post(l.link(s), []byte("message")) }()
		if n, errno := l.gather(); n != 0 || errno != 0 {
			t.Errorf("%d events, %v", n, errno)
		}
		if !<-posted {
			t.Error("the message was refused")
		}
		// What is there already is not napped over.
		misses := l.naps.misses
		if n, err := l.wait(); n != 0 || err != nil || l.naps.misses != misses || !l.naps.busy {
			t.Errorf("wait() = %d, %v, %d misses after %d", n, err, l.naps.misses, misses)
		}
		if letters, _ := l.inbox.take(nil, nil); len(letters) != 1 || string(letters[0].message) != "message" {
			t.Errorf("took %v", letters)
		}
	}
	l.naps = napping()
	e.stopping.Store(true)
	l.stopBy = time.Now() // or it would wait
	if _, err := l.wait(); err != nil || l.naps.misses != 0 {
		t.Errorf("a nap when the loop is to stop, or %v", err)
	}
}

// Loops that nap whenever they may answer everything, and say what was posted.
func TestNapLosesNothing(t *testing.T) {
	const never = -1 << 30
	s := startStand(t, 0, loopback4, func(c *settings, _ *lines) {
		c.Count = 2
		c.before = func(l *Loops) {
			for _, loop := range l.engine.(*epoll).loops {
				loop.naps = napping()
				loop.naps.left, loop.naps.misses = 1<<30, never
			}
		}
	})
	const connections, each = 8, 100
	var all sync.WaitGroup
	for i := range connections {
		c := s.dial()
		to := s.opened().to()
		all.Go(func() {
			for n := range each {
				if !s.loops.Post(to, fmt.Appendf(nil, "posted %d\n", n)) {
					t.Error("a message was refused")
				}
				if n%10 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
		all.Go(func() {
			in := bufio.NewReader(c)
			posted := 0
			next := func() string {
				line, err := in.ReadString('\n')
				if err != nil {
					t.Error(err)
				}
				return line
			}
			for n := range each {
				if _, err := fmt.Fprintf(c, "%d of %d\n", n, i); err != nil {
					t.Error(err)
					return
				}
				line := next()
				for ; strings.HasPrefix(line, "posted"); line = next() {
					if want := fmt.Sprintf("posted %d\n", posted); line != want {
						t.Errorf("got %q, want %q", line, want)
						return
					}
					posted++
				}
				if want := fmt.Sprintf("%d OF %d\n", n, i); line != want {
					t.Errorf("got %q, want %q", line, want)
					return
				}
			}
			for ; posted < each; posted++ {
				if line, want := next(), fmt.Sprintf("posted %d\n", posted); line != want {
					t.Errorf("got %q, want %q", line, want)
					return
				}
			}
		})
	}
	all.Wait()
	s.stop()
	for i, loop := range s.loops.engine.(*epoll).loops {
		if loop.naps.misses == never {
			t.Errorf("loop %d never napped", i)
		}
	}
}
