package swarm

import (
	"math/rand/v2"

	"github.com/shoal-tracker/shoal"
)

// batchSize is how many announces are looked at together.
const batchSize = 64

// AnnounceBatch is Announce for each request whose refused entry is OK. The
// slices have the same length.
//
// In a large store each step from the table to a peer is a wait for memory. So
// a batch is first walked through without any lock, a step at a time for all,
// only to have memory fetch what the announces will read: their waits overlap.
// What is seen on that walk may change at any moment and is trusted for
// nothing.
func (s *Store) AnnounceBatch(reqs []shoal.AnnounceRequest, ress []shoal.AnnounceResponse, refused []shoal.Failure, now shoal.Tick) {
	for len(reqs) > 0 {
		n := min(len(reqs), batchSize)
		s.announceBatch(reqs[:n], ress[:n], refused[:n], now)
		reqs, ress, refused = reqs[n:], ress[n:], refused[n:]
	}
}

func (s *Store) announceBatch(reqs []shoal.AnnounceRequest, ress []shoal.AnnounceResponse, refused []shoal.Failure, now shoal.Tick) {
	var hashes [batchSize]torrentHash
	var starts [batchSize]uint64
	for i := range reqs {
		hashes[i] = s.hash(&reqs[i].InfoHash)
		starts[i] = rand.Uint64()
	}
	if prefetches && len(reqs) > 1 {
		s.prefetch(reqs, hashes[:len(reqs)], &starts)
	}
	v := visit{store: s, limits: s.limits.Load(), now: now, time: s.times.of(now)}
	for i := range reqs {
		if refused[i] != shoal.OK {
			continue
		}
		v.hash, v.start = hashes[i], starts[i]
		v.shard = &s.shards[v.hash.shard]
		v.shard.mu.Lock()
		v.announce(&reqs[i], &ress[i])
		v.shard.mu.Unlock()
	}
}
