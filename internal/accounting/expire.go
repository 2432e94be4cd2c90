package accounting

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/shoal-tracker/shoal"
)

// sweeps is how often the timeout is divided: no peer is remembered for longer
// than 1/sweeps of it beyond.
const sweeps = 4

// Run forgets peers that no longer announce, a shard at a time and spread evenly
// over time, until ctx ends.
func (l *Ledger) Run(ctx context.Context, clock *shoal.Clock) {
	timer := time.NewTicker(max(l.timeout/sweeps/shardCount, time.Millisecond))
	defer timer.Stop()
	for i := 0; ; i = (i + 1) % shardCount {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		l.shardsOfKey[i].sweep(momentOf(clock.Now()))
	}
}

// sweep forgets the peers of a shard that have timed out, a page at a time. It gives the memory of
// the shard's peers back when none is left.
func (s *shard) sweep(now moment) {
	most := uint64(s.ledger.timeout / (100 * time.Millisecond))
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := uint64(0); s.peers.count > 0; {
		pg := s.peers.page(id)
		for i := 0; i < pagePeers; i++ {
			for pg.peers[i].account != 0 && now.since(pg.peers[i].last) > most {
				account := pg.peers[i].account
				s.peers.remove(pg, i) // and another may have come to its place
				s.left(account, 1)
			}
		}
		last := id | (1<<(64-pg.depth) - 1) // of the page
		if last == math.MaxUint64 {
			break
		}
		id = last + 1
		s.mu.Unlock() // let others have the lock
		runtime.Gosched()
		s.mu.Lock()
	}
	if s.peers.count == 0 {
		s.peers = table{}
	}
}
