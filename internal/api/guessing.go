package api

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	freeGuesses  = 10              // wrong tokens at once
	guessEvery   = 6 * time.Second // and then one in this time
	mostGuessers = 16 << 10        // sources that are remembered: a few megabytes
)

// guessing slows those who guess tokens. A source that sent too many wrong ones
// has its next not looked at until some time has passed, be it right or wrong:
// were right ones let through, it would learn them as fast as ever. What other
// sources ask is not touched by it.
type guessing struct {
	mu      sync.Mutex
	sources map[netip.Prefix]*list.Element
	recent  list.List // of *guesser: who guessed last is in front
}

type guesser struct {
	source netip.Prefix
	bucket *rate.Limiter
}

func newGuessing() *guessing {
	return &guessing{sources: map[netip.Prefix]*list.Element{}}
}

// try asks right, unless the source has to wait. Both are one step: of requests
// at the same moment no more are looked at than of those one after another.
func (g *guessing) try(source netip.Prefix, now time.Time, right func() bool) (ok bool, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.sources[source]
	if known != nil {
		if left := bucketOf(known).TokensAt(now); left < 1 {
			return false, time.Duration((1 - left) * float64(guessEvery))
		}
	}
	if right() {
		return true, 0
	}
	if known == nil {
		g.forget(now)
		known = g.recent.PushFront(&guesser{source, rate.NewLimiter(rate.Every(guessEvery), freeGuesses)})
		g.sources[source] = known
	}
	g.recent.MoveToFront(known)
	bucketOf(known).AllowN(now, 1)
	return false, 0
}

func bucketOf(e *list.Element) *rate.Limiter { return e.Value.(*guesser).bucket }

// forget makes room for one: sources whose guesses are long past, or the one
// whose last is the longest past.
func (g *guessing) forget(now time.Time) {
	for last := g.recent.Back(); last != nil; last = g.recent.Back() {
		if g.recent.Len() < mostGuessers && bucketOf(last).TokensAt(now) < freeGuesses {
			return
		}
		delete(g.sources, g.recent.Remove(last).(*guesser).source)
	}
}
