// Package swarm knows who is in which torrent: the only state on the road of
// an announce.
//
// Torrents are spread over shards by a seeded hash, because an attacker picks
// info hashes and must not pick the lock they contend for. A visit takes one
// shard's lock, once: it stores the asking peer and appends the answer's peers
// straight into the memory the transport will send.
//
// A torrent is one line of 64 bytes (line.go), found through the table of its
// shard (table.go). Few peers stand in the line itself, more in blocks of
// their own (family.go, chunks.go), many with an index (index.go). All of it
// lies in memory that the garbage collector does not look into (memory.go,
// arena.go). Peers that no longer announce are swept out (expire.go), and what
// lies idle after that is moved together (compact.go).
//
// Beside the road one may ask for a torrent (torrent.go), for all in the order of
// their hashes (listing.go, order.go, walk.go), for the peers of one (peers.go,
// gather.go), and have one taken out (remove.go). None of that holds a lock for
// longer than an announce may wait.
package swarm

import (
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
)

const shardCount = 256

// Store holds the peers of every torrent. Its methods may be called from any
// number of goroutines.
type Store struct {
	seed    maphash.Seed
	keySeed [2]uint64
	memory  *memory
	times   times

	shape4, shape6, shapeBrowsers shape

	limits atomic.Pointer[Limits]
	held   held

	completions completions
	listing     listing

	shards [shardCount]shard
}

// New returns an empty Store.
func New(c Config) *Store {
	s := &Store{
		seed:    maphash.MakeSeed(),
		keySeed: [2]uint64{rand.Uint64(), rand.Uint64()},
		memory:  newMemory(mapSegment),
		times:   makeTimes(c.PeerTimeout),

		shape4:        makeShape(kind4, len(line{}.area), c.Details),
		shape6:        makeShape(kind6, len(extra{}.area), c.Details),
		shapeBrowsers: makeShape(kindBrowsers, len(extra{}.area), c.Details),
	}
	s.SetLimits(c.Limits)
	for i := range s.shards {
		seeds := [2]uint64{rand.Uint64(), rand.Uint64()}
		if c.Seed != 0 {
			seeds = [2]uint64{c.Seed, uint64(i)}
		}
		s.shards[i].init(s, seeds)
	}
	return s
}

// PeerTimeout returns how long a peer stays after its last announce.
func (s *Store) PeerTimeout() time.Duration { return s.times.timeout }

// SetLimits changes the bounds. Nothing that is already stored is dropped.
func (s *Store) SetLimits(l Limits) { s.limits.Store(&l) }

// Announce stores what the peer says of itself, or removes it when it stops,
// and answers with the counts of its torrent and up to req.NumWant peers of
// each family for which res has room. A seeder is given leechers only, a
// leecher both kinds in the proportion they have in the swarm; the asking peer
// is never among them. NumWant must not be negative.
//
// A peer with a Link is a browser: it is that connection, whatever its address
// and its peer ID. Browsers are in the same torrents as all others, but they and
// the others neither count nor are given each other.
func (s *Store) Announce(req *shoal.AnnounceRequest, res *shoal.AnnounceResponse, now shoal.Tick) {
	hash := s.hash(&req.InfoHash)
	v := visit{store: s, shard: &s.shards[hash.shard], limits: s.limits.Load(), hash: hash, now: now, time: s.times.of(now), start: rand.Uint64()}
	v.shard.mu.Lock()
	v.announce(req, res)
	v.shard.mu.Unlock()
}

// Leave takes a browser out of torrents, for a connection that has closed. In
// those it is not in nothing happens.
func (s *Store) Leave(hashes []shoal.InfoHash, link shoal.Link) {
	var res shoal.AnnounceResponse
	for i := range hashes {
		v := visit{store: s, hash: s.hash(&hashes[i])}
		v.shard = &s.shards[v.hash.shard]
		v.shard.mu.Lock()
		if r := v.shard.find(&v.hash); r != 0 {
			v.leave(v.shard.line(r), linkKey(link), sizeLink, &res)
		}
		v.shard.mu.Unlock()
	}
}

// Scrape fills counts, as long as hashes, with the counts of each torrent in
// the same order, browsers left out. Torrents that nobody is in have zeroes, but for
// the Downloaded of those that are remembered.
func (s *Store) Scrape(hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) {
	s.scrape(hashes, counts, size4)
}

// ScrapeBrowsers is Scrape for the browsers alone. Downloaded is the same: it is
// counted for all that are in the torrent.
func (s *Store) ScrapeBrowsers(hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) {
	s.scrape(hashes, counts, sizeLink)
}

// scrape fills counts with what a peer of a family sees.
func (s *Store) scrape(hashes []shoal.InfoHash, counts []shoal.ScrapeCounts, size int) {
	for i := range hashes {
		counts[i] = shoal.ScrapeCounts{}
		hash := s.hash(&hashes[i])
		shard := &s.shards[hash.shard]
		shard.mu.Lock()
		if r := shard.find(&hash); r != 0 {
			l := shard.line(r)
			if size != sizeLink {
				counts[i].Complete, counts[i].Incomplete = shard.counts(l)
			} else {
				counts[i].Complete, counts[i].Incomplete = shard.browsers(l)
			}
			counts[i].Downloaded = l.completed
		} else {
			counts[i].Downloaded = shard.past.known(&hashes[i])
		}
		shard.mu.Unlock()
	}
}

func (s *Store) hash(info *shoal.InfoHash) torrentHash {
	h := maphash.Bytes(s.seed, info[:])
	return torrentHash{info: info, half: uint32(h), shard: uint8(h >> 32)}
}
