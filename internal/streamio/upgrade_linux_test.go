//go:build amd64 || arm64

package streamio

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func (s *socket) held() int {
	n := cap(s.kept) + cap(s.out.b)
	if s.secure != nil && s.secure.buffers != nil {
		raw, _, hand := s.secure.buffers.of(s.secure.conn)
		n += raw.Cap() + hand.Cap()
	}
	return n
}

// Input is kept to the byte, however it comes and is used; a little of it holds
// little memory; and much of it stays where it is when more comes.
func TestKeptInput(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	l := &loop{in: make([]byte, 1<<20)}
	s := new(socket)
	var want []byte
	next := byte(0)
	for i := range 20_000 {
		spare := 1 + random.IntN(1<<random.IntN(15))
		was := s.kept
		in, have := l.input(s, spare)
		if have != len(want) || len(in)-have < spare {
			t.Fatalf("step %d: %d bytes and room for %d, want %d and %d", i, have, len(in)-have, len(want), spare)
		}
		if have >= stayingInput && cap(was)-have >= spare && &in[0] != &was[0] {
			t.Fatalf("step %d: %d bytes were moved, with room for %d", i, have, spare)
		}
		for j := range spare {
			in[have+j] = next
			want = append(want, next)
			next = next*5 + 1
		}
		used := 0
		switch {
		case len(want) > 200<<10:
			used = len(want) - random.IntN(100)
		case random.IntN(50) == 0:
			used = random.IntN(len(want) + 1)
		case random.IntN(200) == 0:
			used = len(want)
		}
		want = want[used:]
		l.keep(s, in[used:have+spare])
		if !bytes.Equal(s.kept, want) {
			t.Fatalf("step %d: %d bytes are kept, want these %d", i, len(s.kept), len(want))
		}
		if n := len(s.kept); cap(s.kept) > max(8*n, readSize) || n == 0 && s.kept != nil {
			t.Fatalf("step %d: %d bytes hold %d", i, n, cap(s.kept))
		}
	}
}

// A side that accepts nothing is seen by who asks.
func TestWaitingForSlowReader(t *testing.T) {
	var made chan *frames
	s := startStand(t, 0, loopback4, func(_ *settings, p *lines) { made = upgrading(t, p, nil) })
	c := s.dial()
	to := s.opened().to()
	send(t, c, "upgrade\n")
	expect(t, c, switched)
	f := wait(t, made)
	message := make([]byte, 5000)
	eventually(t, "more than 64 KiB wait", func() bool {
		s.loops.Post(to, message)
		return f.waited.Load() > 64<<10 || len(f.closed) > 0
	})
	if len(f.closed) > 0 {
		t.Errorf("Closed(%v)", <-f.closed)
	}
}

// BenchmarkInputByTheByte is what it costs to keep a message of 64 KiB that comes
// by the byte, without reading it.
func BenchmarkInputByTheByte(b *testing.B) {
	l := &loop{in: make([]byte, 1<<20)}
	s := new(socket)
	for b.Loop() {
		for range 64 << 10 {
			in, have := l.input(s, secureRead)
			in[have] = 1
			l.keep(s, in[:have+1])
		}
		l.keep(s, nil)
	}
}

// BenchmarkPost is what a message costs between one connection and another of
// the same loop, beside what they make of it.
func BenchmarkPost(b *testing.B) {
	made, err := newEpoll(LoopsConfig{Count: 1, Limit: NewLimit(0)}, nil)
	if err != nil {
		b.Fatal(err)
	}
	e := made.(*epoll)
	defer e.close()
	l := e.loops[0]
	s := new(socket)
	l.table.add(s)
	to, message := l.link(s), make([]byte, 1500)
	var letters []letter
	var all []news
	for b.Loop() {
		for range 100 {
			e.post(to, message)
		}
		letters, all = l.inbox.take(letters, all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/message")
}
