package swarm

import (
	"context"
	"time"

	"github.com/shoal-tracker/shoal"
)

// sweeps is how often a peer timeout is divided: no peer stays longer than
// 1/sweeps of the timeout beyond it.
const sweeps = 20

// Run removes peers that no longer announce, a shard at a time and spread
// evenly over time, until ctx ends.
func (s *Store) Run(ctx context.Context, clock *shoal.Clock) {
	var hashes []shoal.InfoHash
	for i := 0; ; i = (i + 1) % shardCount {
		every := time.Duration(s.timeout.Load()) / sweeps / shardCount
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(every, time.Millisecond)):
		}
		hashes = s.sweep(&s.shards[i], hashes, clock.Now())
	}
}

// sweep removes what has timed out from one shard. It takes the lock once for
// each torrent, so that announces come through in between. hashes is memory to
// use again.
func (s *Store) sweep(sh *shard, hashes []shoal.InfoHash, now shoal.Tick) []shoal.InfoHash {
	hashes = hashes[:0]
	sh.mu.Lock()
	for hash := range sh.torrents {
		hashes = append(hashes, hash)
	}
	sh.mu.Unlock()

	oldest := now.Add(-time.Duration(s.timeout.Load()))
	for _, hash := range hashes {
		sh.mu.Lock()
		if t := sh.torrents[hash]; t != nil {
			gone := t.expire(&t.v4, oldest) + t.expire(&t.v6, oldest)
			s.held.peers.Add(int64(-gone))
			if t.peers() == 0 && t.completed == 0 {
				delete(sh.torrents, hash)
				s.held.torrents.Add(-1)
			}
		}
		sh.mu.Unlock()
	}
	return hashes
}

// expire removes the peers last seen at oldest or before. It goes from the end
// to the front because remove fills a hole from behind.
func (t *torrent) expire(f *family, oldest shoal.Tick) (gone int) {
	for at := len(f.peers) - 1; at >= 0; at-- {
		if f.peers[at].seen > oldest {
			continue
		}
		t.drop(f, at)
		gone++
	}
	return gone
}
