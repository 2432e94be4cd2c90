package swarm

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/shoal-tracker/shoal"
)

// Completed is how often a torrent has been completed.
type Completed struct {
	Hash  shoal.InfoHash
	Count uint32
}

// completions is what the Store keeps for a database, all shards together.
type completions struct {
	mu   sync.Mutex // one drains, or brings in, at a time
	here bool       // a database has brought what it knew

	brought    int64        // counts that it knew
	remembered atomic.Int64 // counts of torrents in the pasts of all shards
	counted    atomic.Uint64
}

// dirtyRoom is how many torrents of a shard may change between two drains
// before their list grows.
const dirtyRoom = 64

// drained is how many torrents are looked at under a lock.
const drained = 256

// SetCompleted says that there is a database, and what it knows, in any order;
// of a torrent that is named twice the greater count holds. nil says nothing.
// From then on a torrent that is created goes on counting from what was known,
// a scrape of one that is not held answers it, DrainCompleted tells what changes,
// and the sweep drops torrents that nobody is in and whose count was drained.
//
// It may be called while the Store serves, because a database may come late. A
// torrent that is there already has counted since the start what the database
// was not told, so that its count becomes the sum of both. Only the first call
// does anything: a second one would add twice.
//
// Of what announces add to it, as many counts are remembered as Limits lets
// torrents be held.
func (s *Store) SetCompleted(counts []Completed) {
	c := &s.completions
	c.mu.Lock()
	defer c.mu.Unlock()
	if counts == nil || c.here {
		return
	}
	c.here = true
	var parts [shardCount][]Completed
	var sizes [shardCount]int
	for i := range counts {
		sizes[s.hash(&counts[i].Hash).shard]++
	}
	for i := range parts {
		parts[i] = make([]Completed, 0, sizes[i])
	}
	for i := range counts {
		part := &parts[s.hash(&counts[i].Hash).shard]
		*part = append(*part, counts[i])
	}
	bases := make([]base, shardCount)
	for i, part := range parts {
		bases[i] = makeBase(sortCompleted(part))
		c.brought += int64(len(bases[i].counts))
	}
	c.remembered.Store(c.brought)
	for i := range s.shards {
		s.shards[i].remember(bases[i])
	}
}

// sortCompleted sorts by hash and leaves the greatest count of each.
func sortCompleted(counts []Completed) []Completed {
	slices.SortFunc(counts, func(a, b Completed) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	kept := counts[:0]
	for _, c := range counts {
		switch n := len(kept); {
		case c.Count == 0:
		case n > 0 && kept[n-1].Hash == c.Hash:
			kept[n-1].Count = max(kept[n-1].Count, c.Count)
		default:
			kept = append(kept, c)
		}
	}
	return kept
}

// remember gives the shard a past. Its torrents catch up a page of the table at
// a time.
func (s *shard) remember(b base) {
	dirty := make([]uint32, 0, dirtyRoom)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = &past{base: b, dirty: dirty}
	var slots [pageSlots]uint64
	for half := uint64(0); half < 1<<32; {
		n, depth := s.slots(&slots, uint32(half))
		for _, slot := range slots[:n] {
			if l := s.line(ref(slot)); s.catchUp(l) {
				l.flags |= flagDirty
				s.past.dirty = append(s.past.dirty, uint32(slot>>32))
			}
		}
		half = half>>(32-depth)<<(32-depth) + 1<<(32-depth)
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
}

// catchUp adds what was known of a torrent that is older than the past, once. It
// reports whether the torrent has counted what nobody was told.
func (s *shard) catchUp(l *line) bool {
	if l.flags&flagKnown != 0 {
		return false
	}
	l.flags |= flagKnown
	own := l.completed
	l.completed = own + min(s.past.known(&l.hash), math.MaxUint32-own)
	return own > 0
}

// recall has a torrent that is created go on from what is known of it.
func (s *shard) recall(l *line) {
	if s.past != nil {
		l.completed = s.past.known(&l.hash)
		l.flags |= flagKnown
	}
}

// complete counts a peer that now has all of a torrent.
func (s *shard) complete(l *line, half uint32) {
	s.store.completions.counted.Add(1)
	if l.completed == math.MaxUint32 {
		return
	}
	l.completed++
	if l.flags&flagDirty == 0 {
		l.flags |= flagDirty
		if s.past != nil {
			s.past.dirty = append(s.past.dirty, half)
		}
	}
}

// spent reports whether the sweep may drop a torrent: it has nobody, and its
// count is known elsewhere.
func (s *shard) spent(l *line) bool {
	if s.idle(l) {
		return true
	}
	return s.past != nil && l.flags&flagDirty == 0 && s.peers(l) == 0 &&
		(s.past.known(&l.hash) != 0 || s.store.mayRemember())
}

// mayForget reports whether a torrent may make room for another as far as its
// count is concerned. One that the database has not been told is put aside, which
// takes memory until it is told.
func (s *shard) mayForget(l *line) bool {
	return s.past == nil || l.flags&flagDirty == 0 || len(s.past.waiting) < mostWaiting
}

// mayRemember reports whether the count of one more torrent is remembered.
func (s *Store) mayRemember() bool {
	limit := int64(s.limits.Load().Torrents)
	return limit <= 0 || s.completions.remembered.Load() < s.completions.brought+limit
}

// DrainCompleted tells each torrent whose count has changed since the last time,
// and its count, in which all that was ever known is included. A torrent may be
// told twice; its count is the greater one then. It takes no longer for a large
// Store than for a small one, and each is not called under a lock. Without a
// database, as SetCompleted has it, nothing is told.
func (s *Store) DrainCompleted(each func(Completed)) {
	c := &s.completions
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.here {
		return
	}
	some := make([]Completed, 0, drained)
	for i := range s.shards {
		some = s.shards[i].drain(some, each)
	}
}

func (s *shard) drain(some []Completed, each func(Completed)) []Completed {
	s.mu.Lock()
	n, waiting := len(s.past.dirty), s.past.waiting
	s.past.waiting = nil
	s.mu.Unlock()
	for part := range slices.Chunk(waiting, drained) {
		s.mu.Lock()
		for i := range part { // never less than what was told before
			part[i].Count = max(part[i].Count, s.completed(&part[i].Hash))
		}
		s.mu.Unlock()
		for _, c := range part {
			each(c)
		}
	}
	if n == 0 {
		return some
	}
	fresh := make([]uint32, 0, max(dirtyRoom, n+n/4))
	s.mu.Lock()
	dirty := s.past.dirty
	s.past.dirty = fresh
	s.mu.Unlock()
	for part := range slices.Chunk(dirty, drained) {
		some = some[:0]
		s.mu.Lock()
		for _, half := range part {
			some = s.takeDirty(some, half)
		}
		s.mu.Unlock()
		for _, c := range some {
			each(c)
		}
	}
	return some
}

// takeDirty appends the torrents with this half of a hash whose counts changed.
// They may be none: one that was dropped has left its count with those waiting.
func (s *shard) takeDirty(some []Completed, half uint32) []Completed {
	p := s.page(s.directory.Load().page(half))
	for i := home(half); p[i] != 0; i = nextSlot(i) {
		if uint32(p[i]>>32) != half {
			continue
		}
		if l := s.line(ref(p[i])); l.flags&flagDirty != 0 {
			l.flags &^= flagDirty
			some = append(some, Completed{l.hash, l.completed})
		}
	}
	return some
}

// completed returns what is known of any torrent of the shard.
func (s *shard) completed(info *shoal.InfoHash) uint32 {
	hash := s.store.hash(info)
	if r := s.find(&hash); r != 0 {
		return s.line(r).completed
	}
	return s.past.known(info)
}

// CompletedTotal returns how many peers have completed a torrent since the
// start.
func (s *Store) CompletedTotal() uint64 { return s.completions.counted.Load() }
