package swarm

// The peers of a family stand in its area, in one block, or in a directory of
// equal chunks, each a step larger than the one before. A large family grows by
// a chunk and copies nothing.

// makeRoom provides for one more peer. It reports false when the largest
// directory is full.
func (f *family) makeRoom() bool {
	if f.peers < f.room {
		return true
	}
	switch {
	case f.block == nil:
		return f.addChunk()
	case f.room == 1<<f.shape.shift:
		f.toChunks()
		return f.addChunk()
	default:
		f.resize(f.unitsFor(f.peers + 1))
		return true
	}
}

// unitsFor returns the units of a block for so many peers.
func (f *family) unitsFor(peers int) int {
	return roundUnits(min(peers, 1<<f.shape.shift) * f.shape.record)
}

// resize moves the peers into a block of so many units.
func (f *family) resize(units int) {
	old, oldRoom, inline := f.block, f.room, *f.state&stateKind == stateInline
	r := f.shard.arena.alloc(units)
	b := f.shard.arena.bytes(r, units)
	room := f.shape.roomOf(units)
	f.copyColumns(b, room, old, oldRoom)
	if inline {
		*f.state = stateBlock
		clear(f.area)
	}
	h := f.header()
	if !inline {
		f.shard.arena.release(h.array, int(h.arrayUnits))
	}
	h.array, h.arrayUnits = r, uint16(units)
	f.block, f.room = b, room
}

func (f *family) copyColumns(to []byte, toRoom int, from []byte, fromRoom int) {
	size, n := f.shape.size, f.peers
	copy(to, from[:n*size])
	copy(to[toRoom*size:], from[fromRoom*size:fromRoom*size+n])
	copy(to[toRoom*(size+1):], from[fromRoom*(size+1):fromRoom*(size+1)+n])
	if f.shape.ids {
		copy(to[toRoom*(size+2):], from[fromRoom*(size+2):fromRoom*(size+2)+n*detailsSize])
	}
}

// toInline moves the peers from their block into the area.
func (f *family) toInline() {
	h := *f.header()
	f.dropIndex()
	clear(f.area)
	f.copyColumns(f.area, f.shape.inline, f.block, f.room)
	f.shard.arena.release(h.array, int(h.arrayUnits))
	*f.state = stateInline
	f.block, f.room = f.area, f.shape.inline
}

// toChunks makes the block the first chunk of a directory.
func (f *family) toChunks() {
	h := f.header()
	if int(h.arrayUnits) != f.shape.chunkUnits() {
		f.resize(f.shape.chunkUnits())
	}
	const units = 1
	r := f.shard.arena.alloc(units)
	refs(f.shard.arena.bytes(r, units))[0] = h.array
	h.array, h.arrayUnits, h.chunks = r, units, 1
	*f.state = stateChunks
	f.block = nil
}

func (f *family) addChunk() bool {
	h := f.header()
	n := int(h.chunks)
	if directory := f.directory(); n == len(directory) {
		if int(h.arrayUnits) == maxUnits {
			return false
		}
		units := int(classUnits[classOf[h.arrayUnits]+1])
		r := f.shard.arena.alloc(units)
		copy(refs(f.shard.arena.bytes(r, units)), directory)
		f.shard.arena.release(h.array, int(h.arrayUnits))
		h.array, h.arrayUnits = r, uint16(units)
	}
	f.directory()[n] = f.shard.arena.alloc(f.shape.chunkUnits())
	h.chunks++
	f.room += 1 << f.shape.shift
	return true
}

// shrink gives memory back after peers have left: the last chunk when a whole
// one and a quarter are empty, and a block that is less than a quarter full.
func (f *family) shrink() {
	chunk := 1 << f.shape.shift
	if f.block == nil {
		h := f.header()
		for f.room-f.peers > chunk+chunk/4 && h.chunks > 1 {
			f.dropChunk()
		}
		if h.chunks > 1 || f.peers > chunk/2 {
			f.shrinkIndex()
			return
		}
		f.fromChunks()
	}
	if *f.state&stateKind == stateBlock && f.peers < f.room/4 {
		f.fit()
	}
	f.shrinkIndex()
}

// fit moves the peers to the smallest place that has some room to spare.
func (f *family) fit() {
	if *f.state&stateKind != stateBlock || f.shard.store.memory.full.Load() {
		return
	}
	if f.peers <= f.shape.inline {
		if f.droppable() {
			f.toInline()
		}
		return
	}
	if units := f.unitsFor(f.peers + f.peers/4); f.peers > 0 && units < int(f.header().arrayUnits) {
		f.resize(units)
	}
}

func (f *family) dropChunk() {
	h := f.header()
	h.chunks--
	last := &f.directory()[h.chunks]
	f.shard.arena.release(*last, f.shape.chunkUnits())
	*last = 0
	f.room -= 1 << f.shape.shift
}

// fromChunks makes the only chunk a block again.
func (f *family) fromChunks() {
	h := f.header()
	directory, units := h.array, int(h.arrayUnits)
	h.array, h.arrayUnits, h.chunks = f.directory()[0], uint16(f.shape.chunkUnits()), 0
	f.shard.arena.release(directory, units)
	*f.state = stateBlock
	f.openBlock()
}

// openBlock sets block and room of a family whose peers are in one block.
func (f *family) openBlock() {
	h := f.header()
	f.block = f.shard.arena.bytes(h.array, int(h.arrayUnits))
	f.room = f.shape.roomOf(int(h.arrayUnits))
}

// free gives back everything but the area. There are no peers left.
func (f *family) free() {
	if *f.state&stateKind == stateInline {
		return
	}
	f.dropIndex()
	h := f.header()
	if *f.state&stateKind == stateChunks {
		for h.chunks > 0 {
			f.dropChunk()
		}
	}
	f.shard.arena.release(h.array, int(h.arrayUnits))
	clear(f.area)
	*f.state = stateInline
	f.block, f.room = f.area, f.shape.inline
}
