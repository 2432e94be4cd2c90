package swarm

import "encoding/binary"

// A family of more than indexFrom peers has an index from the hash of a key to
// its position: extendible hashing as for torrents, with pages that grow a
// size class at a time before they split, so that they are well filled.
//
// An entry is a part of the hash above the position plus one; 0 is an empty
// one. It has 2 bytes while positions fit into 12 bits, then 4.
const (
	indexFrom   = 32
	narrowMost  = 1<<12 - 1 // peers with entries of 2 bytes
	mostPage    = 64        // units of a page before it splits
	splitPage   = 40        // and of both halves after that, or more
	mostDepth32 = 13        // 8,192 pages, the largest directory
	pageHead    = 8         // bytes
)

// indexPage is a view of one page. Its first bytes are its units, the number
// of its entries that are taken, both in two, and how many bits of the hash
// they share.
type indexPage struct {
	b       []byte
	entries int
	wide    bool
}

func (p *indexPage) units() int     { return len(p.b) / unitBytes }
func (p *indexPage) taken() int     { return int(p.b[2]) | int(p.b[3])<<8 }
func (p *indexPage) setTaken(n int) { p.b[2], p.b[3] = byte(n), byte(n>>8) }
func (p *indexPage) depth() int     { return int(p.b[4]) }

// pageUnitsAt reads how many units the page has whose first bytes are b.
func pageUnitsAt(b *[2]byte) int { return int(b[0]) | int(b[1])<<8 }

func (p *indexPage) get(i int) uint32 {
	if p.wide {
		b := p.b[pageHead+4*i:]
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
	b := p.b[pageHead+2*i:]
	return uint32(b[0]) | uint32(b[1])<<8
}

func (p *indexPage) set(i int, e uint32) {
	if p.wide {
		b := p.b[pageHead+4*i:]
		_ = b[3]
		b[0], b[1], b[2], b[3] = byte(e), byte(e>>8), byte(e>>16), byte(e>>24)
		return
	}
	b := p.b[pageHead+2*i:]
	_ = b[1]
	b[0], b[1] = byte(e), byte(e>>8)
}

func (p *indexPage) home(hash uint64) int {
	return int(hash >> 16 & 0xffffffff * uint64(p.entries) >> 32)
}

func (p *indexPage) next(i int) int {
	if i++; i == p.entries {
		return 0
	}
	return i
}

// positionBits returns how many bits of an entry are the position.
func positionBits(wide bool) int {
	if wide {
		return 23
	}
	return 12
}

func entryWidth(wide bool) int {
	if wide {
		return 4
	}
	return 2
}

func (p *indexPage) entry(hash uint64, pos int) uint32 {
	if p.wide {
		return uint32(hash)<<23 | uint32(pos+1)
	}
	return uint32(hash)&15<<12 | uint32(pos+1)
}

// find returns the place of an entry that is there.
func (p *indexPage) find(hash uint64, entry uint32) int {
	i := p.home(hash)
	for p.get(i) != entry {
		i = p.next(i)
	}
	return i
}

func (p *indexPage) add(hash uint64, entry uint32) {
	i := p.home(hash)
	for p.get(i) != 0 {
		i = p.next(i)
	}
	p.set(i, entry)
	p.setTaken(p.taken() + 1)
}

func (f *family) hash(k key) uint64 { return k.hash(&f.shard.store.keySeed) }

func (f *family) indexed() bool { return *f.state&stateKind != stateInline && f.header().index != 0 }

// pageRef returns the page for a hash.
func (f *family) pageRef(hash uint64) ref {
	h := f.header()
	if h.indexUnits == 0 {
		return h.index
	}
	return refs(f.shard.arena.bytes(h.index, int(h.indexUnits)))[hash>>(64-h.indexDepth)]
}

func (f *family) indexPage(hash uint64) indexPage { return f.openPage(f.pageRef(hash)) }

func (f *family) openPage(r ref) indexPage {
	units := pageUnitsAt(at[[2]byte](f.shard.arena.segments, r))
	return makePage(f.shard.arena.bytes(r, units), f.header().wide != 0)
}

func makePage(b []byte, wide bool) indexPage {
	return indexPage{b: b, entries: (len(b) - pageHead) / entryWidth(wide), wide: wide}
}

// find returns the position of a peer, or -1.
func (f *family) find(k key) int {
	if f.peers == 0 {
		return -1
	}
	if !f.indexed() {
		return f.scan(k)
	}
	hash := f.hash(k)
	p := f.indexPage(hash)
	bits := positionBits(p.wide)
	part := p.entry(hash, -1) >> bits
	for i, n := p.home(hash), p.entries; n > 0; i, n = p.next(i), n-1 {
		e := p.get(i)
		if e == 0 {
			break
		}
		if e>>bits == part {
			if pos := int(e&(1<<bits-1)) - 1; f.key(pos) == k {
				return pos
			}
		}
	}
	return -1
}

// scan looks at each peer of a family without an index.
func (f *family) scan(k key) int {
	switch f.shape.size {
	case size4:
		// Most announces end here: a comparison a peer and nothing else.
		for i, b := 0, f.block; i < f.peers; i, b = i+1, b[size4:] {
			if binary.LittleEndian.Uint64(b)&mask4 == k.low {
				return i
			}
		}
	case sizeLink:
		for i, b := 0, f.block; i < f.peers; i, b = i+1, b[sizeLink:] {
			if binary.LittleEndian.Uint64(b) == k.low {
				return i
			}
		}
	default:
		for i := range f.peers {
			if keyAt(f.block, i*size6, size6) == k {
				return i
			}
		}
	}
	return -1
}

func (f *family) indexAdd(k key, pos int) {
	if !f.indexed() {
		return
	}
	hash := f.hash(k)
	p := f.indexPage(hash)
	p.add(hash, p.entry(hash, pos))
}

func (f *family) indexMove(k key, from, to int) {
	if !f.indexed() {
		return
	}
	hash := f.hash(k)
	p := f.indexPage(hash)
	p.set(p.find(hash, p.entry(hash, from)), p.entry(hash, to))
}

func (f *family) indexSwap(a, b key, atA, atB int) {
	if !f.indexed() {
		return
	}
	hashA, hashB := f.hash(a), f.hash(b)
	pageA, pageB := f.indexPage(hashA), f.indexPage(hashB)
	i := pageA.find(hashA, pageA.entry(hashA, atA))
	j := pageB.find(hashB, pageB.entry(hashB, atB))
	pageA.set(i, pageA.entry(hashA, atB))
	pageB.set(j, pageB.entry(hashB, atA))
}

// indexRemove empties an entry and moves those behind it up, so that no search
// ends at the gap.
func (f *family) indexRemove(k key, pos int) {
	if !f.indexed() {
		return
	}
	hash := f.hash(k)
	p := f.indexPage(hash)
	gap := p.find(hash, p.entry(hash, pos))
	for i := p.next(gap); p.get(i) != 0; i = p.next(i) {
		if between(p.home(f.hashOf(&p, p.get(i))), gap, i, p.entries) {
			p.set(gap, p.get(i))
			gap = i
		}
	}
	p.set(gap, 0)
	p.setTaken(p.taken() - 1)
}

// hashOf returns the hash of the peer that an entry stands for.
func (f *family) hashOf(p *indexPage, entry uint32) uint64 {
	return f.hash(f.key(int(entry&(1<<positionBits(p.wide)-1)) - 1))
}
