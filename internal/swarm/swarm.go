// Package swarm knows who is in which torrent: the only state on the road of
// an announce.
//
// Torrents are spread over shards by a seeded hash, because an attacker picks
// info hashes and must not pick the lock they contend for. A visit takes one
// shard's lock, once: it stores the asking peer and appends the answer's peers
// straight into the memory the transport will send.
package swarm

import (
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
)

const shardCount = 256

// Store holds the peers of every torrent. Its methods may be called from any
// number of goroutines.
type Store struct {
	seed    maphash.Seed
	details bool

	timeout atomic.Int64 // nanoseconds
	limits  atomic.Pointer[Limits]

	held held

	shards [shardCount]shard
}

type shard struct {
	mu       sync.Mutex
	torrents map[shoal.InfoHash]*torrent
	random   rand.PCG

	_ [64]byte // keeps the locks of neighbours off one cache line
}

// New returns an empty Store.
func New(c Config) *Store {
	s := &Store{seed: maphash.MakeSeed(), details: c.Details}
	s.SetPeerTimeout(c.PeerTimeout)
	s.SetLimits(c.Limits)
	for i := range s.shards {
		shard := &s.shards[i]
		shard.torrents = make(map[shoal.InfoHash]*torrent)
		if c.Seed != 0 {
			shard.random.Seed(c.Seed, 0)
		} else {
			shard.random.Seed(rand.Uint64(), rand.Uint64())
		}
	}
	return s
}

// SetPeerTimeout changes how long a peer stays after its last announce.
func (s *Store) SetPeerTimeout(d time.Duration) { s.timeout.Store(int64(d)) }

// SetLimits changes the bounds. Nothing that is already stored is dropped.
func (s *Store) SetLimits(l Limits) { s.limits.Store(&l) }

// Announce stores what the peer says of itself, or removes it when it stops,
// and answers with the counts of its torrent and up to req.NumWant peers of
// each family for which res has room. A seeder is given leechers only, a
// leecher both kinds in the proportion they have in the swarm; the asking peer
// is never among them. NumWant must not be negative.
func (s *Store) Announce(req *shoal.AnnounceRequest, res *shoal.AnnounceResponse, now shoal.Tick) {
	shard := s.shard(&req.InfoHash)
	shard.mu.Lock()
	s.visit(shard, req, res, now)
	shard.mu.Unlock()
}

// AnnounceBatch is Announce for each request whose refused entry is OK. The
// slices have the same length.
func (s *Store) AnnounceBatch(reqs []shoal.AnnounceRequest, ress []shoal.AnnounceResponse, refused []shoal.Failure, now shoal.Tick) {
	for i := range reqs {
		if refused[i] == shoal.OK {
			s.Announce(&reqs[i], &ress[i], now)
		}
	}
}

// Scrape fills counts, as long as hashes, with the counts of each torrent in
// the same order. Unknown torrents have zeroes.
func (s *Store) Scrape(hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) {
	for i := range hashes {
		counts[i] = shoal.ScrapeCounts{}
		shard := s.shard(&hashes[i])
		shard.mu.Lock()
		if t := shard.torrents[hashes[i]]; t != nil {
			counts[i].Complete, counts[i].Incomplete = t.counts()
			counts[i].Downloaded = t.completed
		}
		shard.mu.Unlock()
	}
}

func (s *Store) shard(h *shoal.InfoHash) *shard {
	return &s.shards[maphash.Bytes(s.seed, h[:])%shardCount]
}
