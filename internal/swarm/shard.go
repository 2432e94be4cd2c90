package swarm

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/shoal-tracker/shoal"
)

// shard is a part of the torrents under one lock.
type shard struct {
	store     *Store
	directory atomic.Pointer[directory]

	mu     sync.Mutex
	arena  arena
	random rand.PCG

	networks map[networksOf]*networks // of large families; nil until a cap asks
	past     *past                    // of torrents that are not here; nil without a database
	tallies  [kinds]tally
	latest   shoal.Tick // the latest that a peer's time was set
	moved    uint32     // counts lines that went or were moved

	_ [64]byte // keeps the locks of neighbours off one cache line
}

func (s *shard) init(store *Store, seeds [2]uint64) {
	s.store = store
	s.arena.memory = store.memory
	s.random.Seed(seeds[0], seeds[1])
	s.directory.Store(&directory{pages: make([]atomic.Uint32, 1)})
}

// find returns the line of a torrent, or 0.
func (s *shard) find(hash *torrentHash) ref {
	r := s.directory.Load().page(hash.half)
	if r == 0 {
		return 0 // nothing was ever stored here
	}
	p, slot := s.slot(s.page(r), hash)
	if slot == 0 {
		return 0
	}
	return ref(p[slot])
}

// create adds a torrent, or returns 0 when the table can grow no more.
func (s *shard) create(hash *torrentHash) ref {
	if d := s.directory.Load(); len(d.pages) == 1 && d.pages[0].Load() == 0 {
		d.pages[0].Store(uint32(s.arena.alloc(pageUnits)))
	}
	r := s.arena.alloc(1)
	s.line(r).hash = *hash.info
	if !s.insert(hash.half, r) {
		s.arena.release(r, 1)
		return 0
	}
	s.recall(s.line(r))
	s.store.held.torrents.Add(1)
	return r
}

// drop removes a torrent and all its peers.
func (s *shard) drop(hash *torrentHash) {
	d := detached{shard: s, line: s.detach(hash)}
	d.free(func() {})
}

// droppable reports whether an announce may drop a torrent. A large index is
// left to the sweep.
func (s *shard) droppable(l *line) bool {
	for _, size := range sizes {
		if l.has(size) {
			if f := s.family(l, size); !f.droppable() {
				return false
			}
		}
	}
	return true
}

// family opens one family of a torrent.
func (s *shard) family(l *line, size int) (f family) {
	f.shard, f.line = s, l
	switch size {
	case size4:
		f.shape, f.state, f.area = &s.store.shape4, &l.state4, l.area[:]
	case size6:
		f.shape, f.state = &s.store.shape6, &l.state6
		if l.has(size6) {
			f.area = s.extra(l.link).area[:]
		}
	default:
		f.shape, f.state, f.area = &s.store.shapeBrowsers, &l.stateBrowsers, s.browserArea(l)
	}
	f.open()
	if s.networks != nil {
		f.networks = s.networks[networksOf{l.hash, uint8(size)}]
	}
	return f
}

// counts returns the seeders and the leechers of a torrent, browsers left out.
func (s *shard) counts(l *line) (complete, incomplete uint32) {
	complete, incomplete = countsOf(l.state4, l.area[:])
	if l.has(size6) {
		c, i := countsOf(l.state6, s.extra(l.link).area[:])
		complete, incomplete = complete+c, incomplete+i
	}
	return complete, incomplete
}

// browsers returns the seeders and the leechers among its browsers.
func (s *shard) browsers(l *line) (complete, incomplete uint32) {
	if !l.has(sizeLink) {
		return 0, 0
	}
	return countsOf(l.stateBrowsers, s.browserArea(l))
}

// browserArea returns where the browsers of a torrent are, or nil.
func (s *shard) browserArea(l *line) []byte {
	if !l.has(sizeLink) {
		return nil
	}
	return s.extra(*s.extraRef(l, sizeLink)).area[:]
}

// peers returns how many are in a torrent, whatever their family.
func (s *shard) peers(l *line) uint32 {
	complete, incomplete := s.counts(l)
	c, i := s.browsers(l)
	return complete + incomplete + c + i
}

// idle reports whether a torrent has nobody and nothing to keep.
func (s *shard) idle(l *line) bool { return l.completed == 0 && s.peers(l) == 0 }

// key of the counts of a family's networks.
type networksOf struct {
	hash shoal.InfoHash
	size uint8
}
