package swarm

import "unsafe"

// makeIndexRoom provides for the entry of one more peer with the key k. It
// reports false when the index can grow no more.
func (f *family) makeIndexRoom(k key) bool {
	// An index outlives the crowd that it was made for, and then takes every
	// peer, however few there are.
	if f.peers < indexFrom && !f.indexed() {
		return true
	}
	if h := f.header(); h.index == 0 || f.peers+1 > narrowMost && h.wide == 0 {
		f.reindex(f.peers+1 > narrowMost)
	}
	return f.roomFor(f.hash(k))
}

// roomFor provides for one more entry in the page for a hash. That it comes to
// an end must not rest on how well hashes spread.
func (f *family) roomFor(hash uint64) bool {
	for {
		r := f.pageRef(hash)
		p := f.openPage(r)
		larger := int(classUnits[min(classOf[p.units()]+1, classCount-1)])
		switch {
		case p.taken()+1 <= p.entries*4/5:
			return true
		case p.units() < mostPage:
			f.resizePage(hash, r, larger)
		case p.depth() < mostDepth32:
			f.splitPage(hash, r)
		case p.units() < maxUnits:
			f.resizePage(hash, r, larger)
		default:
			return false
		}
	}
}

// unitsForEntries returns the units of a page that so many entries fill to four
// fifths at most.
func (f *family) unitsForEntries(n int) int {
	return roundUnits(pageHead + (n*5/4+1)*entryWidth(f.header().wide != 0))
}

// newPage returns an empty page.
func (f *family) newPage(units, depth int) (ref, indexPage) {
	r := f.shard.arena.alloc(units)
	b := f.shard.arena.bytes(r, units)
	b[0], b[1], b[4] = byte(units), byte(units>>8), byte(depth)
	return r, makePage(b, f.header().wide != 0)
}

// resizePage moves the entries of the page at r to one of so many units.
func (f *family) resizePage(hash uint64, r ref, units int) {
	p := f.openPage(r)
	to, q := f.newPage(units, p.depth())
	f.copyEntries(&p, &q)
	f.setPage(hash, p.depth(), to)
	f.shard.arena.release(r, p.units())
}

// copyEntries adds the entries of p to q.
func (f *family) copyEntries(p, q *indexPage) {
	f.fetchKeys(p)
	for i := range p.entries {
		if e := p.get(i); e != 0 {
			q.add(f.hashOf(p, e), e)
		}
	}
}

// fetchKeys has memory fetch the keys of all entries: they stand anywhere, and
// waiting for one after the other would hold the lock for long.
func (f *family) fetchKeys(p *indexPage) {
	if !prefetches {
		return
	}
	for i := range p.entries {
		if e := p.get(i); e != 0 {
			b, _, j := f.at(int(e&(1<<positionBits(p.wide)-1)) - 1)
			prefetchLines(unsafe.Pointer(&b[j*f.shape.size]), 1)
		}
	}
}

// setPage puts the page at r where the first depth bits of hash lead.
func (f *family) setPage(hash uint64, depth int, r ref) {
	h := f.header()
	if h.indexUnits == 0 {
		h.index = r
		return
	}
	run := 1 << (int(h.indexDepth) - depth)
	first := int(hash>>(64-depth)) * run
	directory := refs(f.shard.arena.bytes(h.index, int(h.indexUnits)))
	for i := range run {
		directory[first+i] = r
	}
}

// splitPage gives the entries with the next bit of the hash set a page of
// their own.
func (f *family) splitPage(hash uint64, r ref) {
	p := f.openPage(r)
	depth := p.depth()
	if h := f.header(); depth == int(h.indexDepth) {
		f.growIndexDirectory()
	}
	f.fetchKeys(&p)
	var n [2]int
	for i := range p.entries {
		if e := p.get(i); e != 0 {
			n[f.hashOf(&p, e)>>(63-depth)&1]++
		}
	}
	var to [2]ref
	var q [2]indexPage
	for side := range to {
		to[side], q[side] = f.newPage(max(splitPage, f.unitsForEntries(n[side])), depth+1)
	}
	for i := range p.entries {
		if e := p.get(i); e != 0 {
			h := f.hashOf(&p, e)
			q[h>>(63-depth)&1].add(h, e)
		}
	}
	bit := uint64(1) << (63 - depth)
	f.setPage(hash&^bit, depth+1, to[0])
	f.setPage(hash|bit, depth+1, to[1])
	f.shard.arena.release(r, p.units())
}

func (f *family) growIndexDirectory() {
	h := f.header()
	depth := int(h.indexDepth) + 1
	units := roundUnits(4 << depth)
	if units == int(h.indexUnits) {
		spread(refs(f.shard.arena.bytes(h.index, units))[:1<<depth])
		h.indexDepth++
		return
	}
	r := f.shard.arena.alloc(units)
	grown := refs(f.shard.arena.bytes(r, units))[:1<<depth]
	if h.indexUnits == 0 {
		grown[0] = h.index
	} else {
		copy(grown, refs(f.shard.arena.bytes(h.index, int(h.indexUnits)))[:1<<h.indexDepth])
		f.shard.arena.release(h.index, int(h.indexUnits))
	}
	spread(grown)
	h.index, h.indexUnits = r, uint16(units)
	h.indexDepth++
}

// spread doubles each entry of the first half.
func spread(directory []ref) {
	for i := len(directory) - 1; i >= 0; i-- {
		directory[i] = directory[i/2]
	}
}

// reindex builds the index anew for a family of at most narrowMost peers.
func (f *family) reindex(wide bool) {
	f.dropIndex()
	h := f.header()
	if wide {
		h.wide = 1
	}
	depth := 0
	for f.peers>>depth*entryWidth(wide)*5/4 > (splitPage-4)*unitBytes {
		depth++
	}
	units := min(mostPage, f.unitsForEntries(f.peers>>depth*9/8+8))
	if depth > 0 {
		h.indexUnits = uint16(roundUnits(4 << depth))
		h.index = f.shard.arena.alloc(int(h.indexUnits))
		h.indexDepth = uint8(depth)
		directory := refs(f.shard.arena.bytes(h.index, int(h.indexUnits)))
		for i := range 1 << depth {
			directory[i], _ = f.newPage(units, depth)
		}
	} else {
		h.index, _ = f.newPage(units, 0)
	}
	for pos := range f.peers {
		hash := f.hash(f.key(pos))
		f.roomFor(hash) // a page takes more than narrowMost entries if need be
		p := f.indexPage(hash)
		p.add(hash, p.entry(hash, pos))
	}
}
