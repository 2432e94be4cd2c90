package api

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	wrong = func() bool { return false }
	right = func() bool { return true }

	aSource = netip.MustParsePrefix("192.0.2.1/32")
	another = netip.MustParsePrefix("192.0.2.2/32")
)

func TestGuessing(t *testing.T) {
	g, now := newGuessing(), time.Unix(1_700_000_000, 0)
	for range 1000 { // what is right costs nothing
		if ok, wait := g.try(aSource, now, right); !ok || wait != 0 {
			t.Fatal("a right token was put off")
		}
	}
	if len(g.sources) != 0 {
		t.Error("who guesses nothing is remembered")
	}
	for i := range freeGuesses {
		if ok, wait := g.try(aSource, now, wrong); ok || wait != 0 {
			t.Fatalf("guess %d was put off", i)
		}
	}
	looked := false
	ok, wait := g.try(aSource, now, func() bool { looked = true; return true })
	if ok || looked || wait != guessEvery {
		t.Errorf("a right guess too many: %v, looked at: %v, wait %v", ok, looked, wait)
	}
	if ok, wait := g.try(another, now, right); !ok || wait != 0 {
		t.Error("another source was put off")
	}
	now = now.Add(guessEvery / 2)
	if _, wait := g.try(aSource, now, wrong); wait != guessEvery/2 {
		t.Errorf("half way: wait %v", wait)
	}
	now = now.Add(guessEvery / 2)
	if _, wait := g.try(aSource, now, wrong); wait != 0 {
		t.Errorf("after the wait: wait %v", wait)
	}
	if _, wait := g.try(aSource, now, right); wait == 0 {
		t.Error("two guesses for one wait")
	}
	now = now.Add(guessEvery)
	if ok, _ := g.try(aSource, now, right); !ok {
		t.Error("a right token is not taken after the wait")
	}
}

// TestGuessingAtOnce has many guesses at one moment: as many are looked at as of
// those that come one after another.
func TestGuessingAtOnce(t *testing.T) {
	g, now := newGuessing(), time.Unix(1_700_000_000, 0)
	var looked atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { g.try(aSource, now, func() bool { looked.Add(1); return false }) })
	}
	all.Wait()
	if looked.Load() != freeGuesses {
		t.Errorf("%d guesses were looked at, want %d", looked.Load(), freeGuesses)
	}
}

func TestGuessingIsBounded(t *testing.T) {
	g, now := newGuessing(), time.Unix(1_700_000_000, 0)
	source := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	for i := range mostGuessers + 1000 {
		g.try(source(i), now, wrong)
		if len(g.sources) > mostGuessers || len(g.sources) != g.recent.Len() {
			t.Fatalf("%d sources, %d in the list", len(g.sources), g.recent.Len())
		}
	}
	if g.sources[source(0)] != nil || g.sources[source(mostGuessers)] == nil {
		t.Error("who guessed last was forgotten, and not who guessed first")
	}
	now = now.Add(freeGuesses * guessEvery)
	g.try(aSource, now, wrong)
	if len(g.sources) != 1 {
		t.Errorf("%d sources are remembered whose guesses are long past", len(g.sources)-1)
	}
}
