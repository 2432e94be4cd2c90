package swarm

import "unsafe"

// makeIndexRoom provides for the entry of one more peer with the key k. It
// reports false when the index can grow no more.
func (f *family) makeIndexRoom(k key) bool {
	if f.peers < indexFrom {
		return true
	}
	if h := f.header(); h.index == 0 || f.peers+1 > narrowMost && !h.wide {
		f.reindex(f.peers+1 > narrowMost)
	}
	hash := f.hash(k)
	for {
		r := f.pageRef(hash)
		p := f.openPage(r)
		switch {
		case p.taken()+1 <= p.entries*4/5:
			return true
		case p.units() < mostPage:
			f.resizePage(hash, r, int(classUnits[classOf[p.units()]+1]))
		case p.depth() == mostDepth32:
			return p.taken()+1 < p.entries
		default:
			f.splitPage(hash, r)
		}
	}
}

// newPage returns an empty page.
func (f *family) newPage(units, depth int) (ref, indexPage) {
	r := f.shard.arena.alloc(units)
	b := f.shard.arena.bytes(r, units)
	b[0], b[1] = byte(units), byte(depth)
	return r, makePage(b, f.header().wide)
}

// resizePage moves the entries of the page at r to one of so many units.
func (f *family) resizePage(hash uint64, r ref, units int) {
	p := f.openPage(r)
	to, q := f.newPage(units, p.depth())
	f.fetchKeys(&p)
	for i := range p.entries {
		if e := p.get(i); e != 0 {
			q.add(f.hashOf(&p, e), e)
		}
	}
	f.setPage(hash, p.depth(), to)
	f.shard.arena.release(r, p.units())
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
			prefetchLine(unsafe.Pointer(&b[j*f.shape.size]))
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
	var to [2]ref
	var q [2]indexPage
	f.fetchKeys(&p)
	for side := range to {
		to[side], q[side] = f.newPage(splitPage, depth+1)
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
	h.wide = wide
	per := f.peers * entryWidth(wide) * 5 / 4
	depth := 0
	for per>>depth > (splitPage-4)*unitBytes {
		depth++
	}
	units := min(mostPage, roundUnits(pageHead+per>>depth*9/8+32))
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
		p := f.indexPage(hash)
		p.add(hash, p.entry(hash, pos))
	}
}

// shrinkIndex gives memory of the index back after peers have left.
func (f *family) shrinkIndex() {
	if !f.indexed() {
		return
	}
	h := f.header()
	switch {
	case f.peers <= indexFrom/2:
		f.dropIndex()
	case h.wide && f.peers <= narrowMost/2:
		f.reindex(false)
	}
}

// fitPage makes the page for a hash smaller when it is less than three eighths
// full.
func (f *family) fitPage(hash uint64) {
	r := f.pageRef(hash)
	p := f.openPage(r)
	units := roundUnits(pageHead + (p.taken()+8)*entryWidth(p.wide)*3/2)
	if p.taken() < p.entries*3/8 && units < p.units() {
		f.resizePage(hash, r, units)
	}
}

// dropIndex frees the index.
func (f *family) dropIndex() {
	if !f.indexed() {
		return
	}
	h := f.header()
	if h.indexUnits == 0 {
		f.freePage(h.index)
	} else {
		for i := 0; i < 1<<h.indexDepth; {
			r := refs(f.shard.arena.bytes(h.index, int(h.indexUnits)))[i]
			p := f.openPage(r)
			i += 1 << (int(h.indexDepth) - p.depth())
			f.shard.arena.release(r, p.units())
		}
		f.shard.arena.release(h.index, int(h.indexUnits))
	}
	h.index, h.indexUnits, h.indexDepth, h.wide = 0, 0, 0, false
}

func (f *family) freePage(r ref) {
	p := f.openPage(r)
	f.shard.arena.release(r, p.units())
}
