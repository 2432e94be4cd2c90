package swarm

// What is left of a large index after a crowd has gone is cleared away by the
// sweep, a page at a time, and never by an announce: it may be thousands of
// pages.

// mostDropped is the largest index that an announce gives back.
const mostDropped = 4 // the depth of its directory

// droppable reports whether an announce may give the index back.
func (f *family) droppable() bool { return !f.indexed() || f.header().indexDepth <= mostDropped }

// shrinkIndex gives back an index that is not needed any more, or halves its
// entries.
func (f *family) shrinkIndex() {
	if !f.indexed() || !f.droppable() || f.shard.store.memory.full.Load() {
		return
	}
	switch h := f.header(); {
	case f.peers <= indexFrom/2:
		f.dropIndex()
	case h.wide != 0 && f.peers <= narrowMost/2:
		f.reindex(false)
	}
}

// fitPage makes the page for a hash smaller when it is less than three eighths
// full.
func (f *family) fitPage(hash uint64) {
	r := f.pageRef(hash)
	p := f.openPage(r)
	units := f.unitsForEntries(p.taken()*5/4 + 8)
	if p.taken() < p.entries*3/8 && units < p.units() {
		f.resizePage(hash, r, units)
	}
}

// mergePages joins the page for a hash with the one before it that differs in
// the last bit they share, while both together are small.
func (f *family) mergePages(hash uint64) {
	for {
		q := f.indexPage(hash)
		depth := q.depth()
		if depth == 0 || hash>>(64-depth)&1 == 0 {
			return
		}
		before := hash &^ (1 << (64 - depth))
		r, rBefore := f.pageRef(hash), f.pageRef(before)
		p := f.openPage(rBefore)
		units := f.unitsForEntries((p.taken() + q.taken()) * 5 / 4)
		if p.depth() != depth || units > mostPage/2 {
			return
		}
		to, merged := f.newPage(units, depth-1)
		f.copyEntries(&p, &merged)
		f.copyEntries(&q, &merged)
		f.setPage(before, depth-1, to)
		f.shard.arena.release(rBefore, p.units())
		f.shard.arena.release(r, q.units())
		hash = before
	}
}

// shrinkIndexDirectory halves the directory of the index while no page needs
// all of it. With one page left there is none, and an announce may give the
// index back again.
func (f *family) shrinkIndexDirectory() {
	h := f.header()
	if h.indexUnits == 0 {
		return
	}
	directory := refs(f.shard.arena.bytes(h.index, int(h.indexUnits)))[:1<<h.indexDepth]
	deepest := 0
	for i := 0; i < len(directory); {
		p := f.openPage(directory[i])
		deepest = max(deepest, p.depth())
		i += 1 << (int(h.indexDepth) - p.depth())
	}
	if deepest == int(h.indexDepth) || f.shard.store.memory.full.Load() {
		return
	}
	old, units := h.index, int(h.indexUnits)
	step := 1 << (int(h.indexDepth) - deepest)
	h.indexDepth = uint8(deepest)
	if deepest == 0 {
		h.index, h.indexUnits = directory[0], 0
	} else {
		h.indexUnits = uint16(roundUnits(4 << deepest))
		h.index = f.shard.arena.alloc(int(h.indexUnits))
		halved := refs(f.shard.arena.bytes(h.index, int(h.indexUnits)))
		for i := range 1 << deepest {
			halved[i] = directory[i*step]
		}
	}
	f.shard.arena.release(old, units)
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
	h.index, h.indexUnits, h.indexDepth, h.wide = 0, 0, 0, 0
}

func (f *family) freePage(r ref) {
	p := f.openPage(r)
	f.shard.arena.release(r, p.units())
}
