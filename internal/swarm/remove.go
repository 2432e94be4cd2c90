package swarm

import (
	"runtime"

	"github.com/shoal-tracker/shoal"
)

// Remove takes a torrent and all its peers out, and reports whether it was held.
// It is gone at one moment, whatever its size: the next announce starts it anew,
// and those who were in it are newcomers. Its completed count goes on where a
// database is told of it, and is forgotten where none is, as when a torrent makes
// room for another.
func (s *Store) Remove(hash shoal.InfoHash) bool {
	h := s.hash(&hash)
	sh := &s.shards[h.shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.find(&h) == 0 {
		return false
	}
	d := detached{shard: sh, line: sh.detach(&h)}
	blocks := 0
	d.free(func() {
		if blocks++; blocks%removedBlocks == 0 {
			sh.mu.Unlock()
			runtime.Gosched()
			sh.mu.Lock()
		}
	})
	return true
}

// removedBlocks is how many blocks of a torrent are given back under a lock, each
// of up to 512 peers or a page of the index.
const removedBlocks = 64

// detached is a torrent that is not in the table any more but still has its
// memory. Nobody else knows of it, so nothing of it is moved or changed while
// others have the lock.
type detached struct {
	shard *shard
	line  ref
}

// detach takes a torrent out of the table and its peers out of all counts.
func (s *shard) detach(hash *torrentHash) ref {
	p, slot := s.slot(s.page(s.directory.Load().page(hash.half)), hash)
	r := ref(p[slot])
	l := s.line(r)
	s.keep(l)
	for _, size := range sizes {
		if !l.has(size) {
			continue
		}
		f := s.family(l, size)
		f.tally().peers -= f.peers
		f.tally().leechers -= f.leechers
		s.store.held.peers.Add(int64(-f.peers))
		if f.networks != nil {
			delete(s.networks, networksOf{l.hash, uint8(size)})
		}
	}
	removeSlot(p, slot)
	s.moved++
	s.store.held.torrents.Add(-1)
	return r
}

// free gives back what a torrent holds. pause is called after each of the blocks
// that there may be thousands of, and may let others have the lock.
func (d *detached) free(pause func()) {
	s := d.shard
	l := s.line(d.line)
	for _, size := range sizes {
		if !l.has(size) {
			continue
		}
		f := s.family(l, size)
		f.networks = nil // of a torrent that came anew
		if *f.state&stateKind != stateInline {
			d.freeIndex(&f, pause)
		}
		for *f.state&stateKind == stateChunks && f.header().chunks > 0 {
			f.dropChunk()
			pause()
		}
		f.clear()
	}
	s.arena.release(d.line, 1)
}

// freeIndex gives back the index of a family that nobody will look into again.
func (d *detached) freeIndex(f *family, pause func()) {
	h, a := f.header(), &d.shard.arena
	if h.indexUnits == 0 {
		return // clear gives back a single page
	}
	for i := 0; i < 1<<h.indexDepth; {
		r := refs(a.bytes(h.index, int(h.indexUnits)))[i]
		p := f.openPage(r)
		i += 1 << (int(h.indexDepth) - p.depth())
		a.release(r, p.units())
		pause()
	}
	a.release(h.index, int(h.indexUnits))
	h.index, h.indexUnits, h.indexDepth, h.wide = 0, 0, 0, 0
}
