package swarm

import (
	"runtime"
	"unsafe"

	"github.com/shoal-tracker/shoal"
)

// walkedPage is a page of the table on a walk through all torrents. Its slots are
// copied first, and their lines read a few under a lock, when memory has fetched
// them: who waits for the lock need not be put to sleep for it.
type walkedPage struct {
	store    *Store
	shard    int
	from, to uint64 // halves of hashes

	slots [pageSlots + 1]uint64
	taken int
	moved uint32 // the shard's, when the slots were copied

	hashes []shoal.InfoHash // found, with room for a page: nothing is allocated under the lock
}

// walkedLines is how many lines are read under a lock.
const walkedLines = 16

// walk goes through all torrents once and returns their hashes, in no order. A
// torrent that stays meanwhile is found exactly once, no other one twice.
func (s *Store) walk() []shoal.InfoHash {
	hashes := make([]shoal.InfoHash, 0, s.held.torrents.Load()*65/64+64) // some may come
	var pages [2]walkedPage
	p, ahead := &pages[0], &pages[1]
	for i := range pages {
		pages[i].hashes = make([]shoal.InfoHash, 0, pageSlots)
	}
	for more := p.first(s); more; p, ahead = ahead, p {
		more = p.read(ahead)
		hashes = append(hashes, p.hashes...)
		if ahead.from == 0 { // another shard
			runtime.Gosched()
		}
	}
	return hashes
}

// first begins a walk.
func (p *walkedPage) first(s *Store) bool {
	p.store, p.shard, p.from = s, 0, 0
	p.copy()
	return true
}

// after goes to the page that follows another one, and reports false behind the
// last.
func (p *walkedPage) after(other *walkedPage) bool {
	p.store, p.shard, p.from = other.store, other.shard, other.to
	if p.from == 1<<32 {
		p.shard, p.from = p.shard+1, 0
	}
	if p.shard == shardCount {
		p.taken = 0
		return false
	}
	p.copy()
	return true
}

// copy copies the slots from p.from on to the end of their page, and sets p.to. Pages
// may split and merge between two calls: each half is looked at once all the same.
func (p *walkedPage) copy() {
	sh := &p.store.shards[p.shard]
	sh.mu.Lock()
	p.moved = sh.moved
	page, to := sh.pageFrom(p.from)
	p.taken, p.to = 0, to
	if page != nil {
		n := 0
		for _, slot := range page[1:] {
			p.slots[n] = slot
			// Whether a slot is taken is anybody's guess: a branch would be taken
			// wrongly again and again.
			taken, behind := (slot|-slot)>>63, (p.from-slot>>32-1)>>63
			n += int(taken & behind)
		}
		p.taken = n
	}
	sh.mu.Unlock()
}

// fetch has memory fetch the lines of some of the slots. All of a page at once are
// more than processors take note of.
func (p *walkedPage) fetch(from, to int) {
	if !prefetches {
		return
	}
	segments := *p.store.memory.segments.Load()
	for _, slot := range p.slots[min(from, p.taken):min(to, p.taken)] {
		prefetchLines(unsafe.Pointer(at[line](segments, ref(slot))), 1)
	}
}

// pageFrom returns the page for a half of a hash, nil if nothing was ever stored in
// the shard, and the half at which the next page begins.
func (s *shard) pageFrom(half uint64) (p page, to uint64) {
	r := s.directory.Load().page(uint32(half))
	if r == 0 {
		return nil, 1 << 32
	}
	p = s.page(r)
	_, depth := pageHeader(p)
	return p, half>>(32-depth)<<(32-depth) + 1<<(32-depth)
}

// read finds the hashes of a page that was copied, copies the page ahead, and reports
// false if there is none.
func (p *walkedPage) read(ahead *walkedPage) bool {
	more := ahead.after(p)
	if p.gather(ahead) {
		return more
	}
	p.gatherAtOnce()
	return ahead.after(p) // which may begin elsewhere now
}

// gather reads the hashes in the lines of the slots that were copied. Meanwhile
// memory fetches the lines of the page ahead. It reports false when a line of the
// shard went or was moved meanwhile: nothing that was read counts then.
func (p *walkedPage) gather(ahead *walkedPage) bool {
	sh := &p.store.shards[p.shard]
	p.hashes = p.hashes[:0]
	for i := 0; i < p.taken; i += walkedLines {
		ahead.fetch(i, i+walkedLines)
		sh.mu.Lock()
		if sh.moved != p.moved {
			sh.mu.Unlock()
			ahead.fetch(i+walkedLines, pageSlots)
			return false
		}
		for _, slot := range p.slots[i:min(i+walkedLines, p.taken)] {
			p.hashes = append(p.hashes, sh.line(ref(slot)).hash)
		}
		sh.mu.Unlock()
	}
	ahead.fetch(p.taken, pageSlots)
	return true
}

// gatherAtOnce is copy and gather under one lock, of the page that is there now:
// p.to may be before or behind where it was, if that page has split or merged.
func (p *walkedPage) gatherAtOnce() {
	sh := &p.store.shards[p.shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p.hashes = p.hashes[:0]
	page, to := sh.pageFrom(p.from)
	p.to = to
	for _, slot := range page[1:] {
		if slot != 0 && slot>>32 >= p.from {
			p.hashes = append(p.hashes, sh.line(ref(slot)).hash)
		}
	}
}
