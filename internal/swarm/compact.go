package swarm

// slots copies the taken slots of the page for a hash and returns their number
// and the bits of the hash they share.
func (s *shard) slots(into *[pageSlots]uint64, half uint32) (n, depth int) {
	d := s.directory.Load()
	r := d.page(half)
	if r == 0 {
		return 0, 0
	}
	p := s.page(r)
	_, depth = pageHeader(p)
	if s.arena.old(r) {
		r = s.move(r, pageUnits)
		run := 1 << (d.depth - depth)
		first := int(uint64(half)>>(32-depth)) * run
		for i := range run {
			d.pages[first+i].Store(uint32(r))
		}
		p = s.page(r)
	}
	for _, slot := range p[1:] {
		if slot != 0 {
			into[n] = slot
			n++
		}
	}
	return n, depth
}

// slotOf finds a slot by what it holds.
func (s *shard) slotOf(slot uint64) (page, int) {
	half := uint32(slot >> 32)
	p := s.page(s.directory.Load().page(half))
	i := home(half)
	for p[i] != slot {
		if p[i] == 0 {
			return p, 0
		}
		i = nextSlot(i)
	}
	return p, i
}

// compact has everything moved together by the walk that begins, when too much
// lies idle in between, and forgets counts that no cap asks for any more.
func (s *shard) compact() {
	if s.store.limits.Load().PeersPerNetwork == 0 {
		s.networks = nil
	}
	if s.arena.wasteful() && s.store.memory.available(s.arena.live+regionUnits) {
		s.arena.retire()
	}
}

// move copies a block and returns where it is now.
func (s *shard) move(r ref, units int) ref {
	to := s.arena.alloc(units)
	copy(s.arena.bytes(to, units), s.arena.bytes(r, units))
	s.arena.release(r, units)
	return to
}

// moveLine moves the line of a slot out of an old region, and its extra lines.
// It returns the slot as it is then.
func (s *shard) moveLine(p page, i int) uint64 {
	r := ref(p[i])
	if s.arena.old(r) {
		r = s.move(r, 1)
		s.moved++
		p[i] = p[i]>>32<<32 | uint64(r)
	}
	l := s.line(r)
	for _, size := range [...]int{size6, sizeLink} {
		if l.has(size) {
			if extra := s.extraRef(l, size); s.arena.old(*extra) {
				*extra = s.move(*extra, 1)
			}
		}
	}
	return p[i]
}

// settle brings the peers at the positions start to end to the smallest place
// that has some room to spare, and out of old regions.
func (f *family) settle(start, end int) {
	if f.area == nil || *f.state&stateKind == stateInline {
		return
	}
	h, a := f.header(), &f.shard.arena
	if *f.state&stateKind == stateBlock {
		f.fit()
		if *f.state&stateKind == stateBlock && a.old(h.array) {
			f.resize(int(h.arrayUnits))
		}
		f.save()
		return
	}
	if a.old(h.array) {
		h.array = f.shard.move(h.array, int(h.arrayUnits))
	}
	directory := f.directory()
	shift := f.shape.shift
	for c := start >> shift; c < int(h.chunks) && (c<<shift < end || end == f.peers); c++ {
		if a.old(directory[c]) {
			directory[c] = f.shard.move(directory[c], f.shape.chunkUnits())
		}
	}
}

// settleIndex does the same for the i-th page of the index.
func (f *family) settleIndex(i int) {
	h, a := f.header(), &f.shard.arena
	if h.indexUnits != 0 && a.old(h.index) {
		h.index = f.shard.move(h.index, int(h.indexUnits))
	}
	hash := uint64(i) << (64 - h.indexDepth)
	f.fitPage(hash)
	f.mergePages(hash)
	hash = uint64(i) << (64 - h.indexDepth)
	if r := f.pageRef(hash); a.old(r) {
		p := f.openPage(r)
		f.resizePage(hash, r, p.units())
	}
}
