package swarm

import (
	"math/rand/v2"
	"unsafe"

	"github.com/shoal-tracker/shoal"
)

// family is the peers of one torrent and one kind of address, opened for one
// visit: IPv4, IPv6, or browsers, whose address is a Link. Leechers stand first, seeders after them, and each part is a random
// permutation of its peers: newcomers are put at a uniformly random position,
// so that any window of a part is a uniform sample of it and a burst of fakes
// does not sit together.
type family struct {
	shard *shard
	shape *shape
	line  *line
	state *state
	area  []byte // nil while a torrent has no line for this family

	peers, leechers int

	block []byte // the peers, unless they are in chunks
	room  int    // peers that block has room for

	networks *networks // counts by network; nil unless a cap asks for them
}

// shape is the sizes of a family, the same in the whole store.
type shape struct {
	kind   int // of its peers
	size   int // of a compact address; it also names the family
	record int // bytes a peer, everything
	inline int // peers that the area has room for
	shift  int // a chunk has room for 1<<shift peers
	ids    bool
}

// detailsSize is what a peer takes more where details are kept.
const detailsSize = 48

func makeShape(kind, area int, details bool) shape {
	size := sizes[kind]
	s := shape{kind: kind, size: size, record: size + 2, shift: 9}
	if size == size6 {
		s.shift = 8
	}
	if details {
		s.record += detailsSize
		s.shift = 6
		s.ids = true
	} else {
		s.inline = area / s.record
	}
	return s
}

func (s *shape) chunkUnits() int { return roundUnits(s.record << s.shift) }

// roomOf returns how many peers a block of so many units has room for.
func (s *shape) roomOf(units int) int { return min(units*unitBytes/s.record, 1<<s.shift) }

func (f *family) header() *header { return headerOf(f.area) }

// open reads where the peers are.
func (f *family) open() {
	switch *f.state & stateKind {
	case stateInline:
		f.peers, f.leechers = int(*f.state&7), int(*f.state>>3&7)
		f.block, f.room = f.area, f.shape.inline
	case stateBlock:
		h := f.header()
		f.peers, f.leechers = int(h.peers), int(h.leechers)
		f.block = f.shard.arena.bytes(h.array, int(h.arrayUnits))
		f.room = f.shape.roomOf(int(h.arrayUnits))
	case stateChunks:
		h := f.header()
		f.peers, f.leechers = int(h.peers), int(h.leechers)
		f.block, f.room = nil, int(h.chunks)<<f.shape.shift
	}
}

// addExtra gives the torrent the extra line for this family.
func (f *family) addExtra() {
	r := f.shard.arena.alloc(1)
	e := f.shard.extra(r)
	place := f.shard.extraRef(f.line, f.shape.size)
	e.next, *place = *place, r
	f.line.flags |= f.shape.flag()
	f.area = e.area[:]
	f.block, f.room = f.area, f.shape.inline
}

// removeExtra takes that line away again.
func (f *family) removeExtra() {
	place := f.shard.extraRef(f.line, f.shape.size)
	r := *place
	*place = f.shard.extra(r).next
	f.shard.arena.release(r, 1)
	f.line.flags &^= f.shape.flag()
	f.area, f.block = nil, nil
}

// flag returns the flag of a family's extra line.
func (s *shape) flag() uint8 {
	if s.size == size6 {
		return flagIPv6
	}
	return flagBrowsers
}

// save writes the numbers back.
func (f *family) save() {
	if f.area == nil {
		return
	}
	if *f.state&stateKind == stateInline {
		*f.state = state(f.peers | f.leechers<<3)
		return
	}
	h := f.header()
	h.peers, h.leechers = uint32(f.peers), uint32(f.leechers)
}

// at returns the memory that the peer at a position is in, how many peers that
// has room for, and which of them it is. The memory is an array of addresses,
// then one of times, one of clients and, where they are kept, one of details.
func (f *family) at(pos int) (b []byte, room, i int) {
	if f.block != nil {
		return f.block, f.room, pos
	}
	shift := f.shape.shift
	chunk := f.directory()[pos>>shift]
	return f.shard.arena.bytes(chunk, f.shape.chunkUnits()), 1 << shift, pos & (1<<shift - 1)
}

// directory returns the refs of the chunks.
func (f *family) directory() []ref {
	h := f.header()
	return refs(f.shard.arena.bytes(h.array, int(h.arrayUnits)))
}

func refs(b []byte) []ref {
	return unsafe.Slice((*ref)(unsafe.Pointer(&b[0])), len(b)/4)
}

func (f *family) key(pos int) key {
	b, _, i := f.at(pos)
	return keyAt(b, i*f.shape.size, f.shape.size)
}

func (f *family) time(pos int) *uint8 {
	b, room, i := f.at(pos)
	return &b[room*f.shape.size+i]
}

func (f *family) details(pos int) *details {
	b, room, i := f.at(pos)
	from := room*(f.shape.size+2) + i*detailsSize
	return (*details)(unsafe.Pointer(&b[from : from+detailsSize][0]))
}

// insert puts a newcomer into its part and returns its position, or -1 when
// there is no room to be had.
func (f *family) insert(random *rand.PCG, k key, time, client uint8, seeder bool) int {
	if f.area == nil {
		f.addExtra()
	}
	if !f.makeRoom() || !f.makeIndexRoom(k) {
		return -1
	}
	at := f.leechers
	if seeder {
		at += below(random, f.peers+1-f.leechers)
		if at != f.peers {
			f.relocate(at, f.peers)
		}
	} else {
		if f.leechers != f.peers { // the first seeder makes room at the end
			f.relocate(f.leechers, f.peers)
		}
		if at = below(random, f.leechers+1); at != f.leechers {
			f.relocate(at, f.leechers)
		}
		f.leechers++
		f.tally().leechers++
	}
	f.peers++
	f.tally().peers++
	b, room, i := f.at(at)
	k.put(b[i*f.shape.size:], f.shape.size)
	b[room*f.shape.size+i] = time
	b[room*(f.shape.size+1)+i] = client
	f.indexAdd(k, at)
	f.networks.put(k, f.shape.size, at)
	return at
}

// changeRole makes a leecher a seeder or the reverse, and returns its new
// position, again a random one of its part.
func (f *family) changeRole(random *rand.PCG, at int) int {
	if at < f.leechers {
		f.leechers--
		f.tally().leechers--
		at = f.swap(at, f.leechers)
		return f.swap(at, f.leechers+below(random, f.peers-f.leechers))
	}
	at = f.swap(at, f.leechers)
	f.leechers++
	f.tally().leechers++
	return f.swap(at, below(random, f.leechers))
}

// remove takes out the peer at a position; the last ones of both parts move up.
func (f *family) remove(at int) {
	k := f.key(at)
	f.indexRemove(k, at)
	f.networks.remove(k, f.shape.size, at)
	if at < f.leechers {
		f.leechers--
		f.tally().leechers--
		if at != f.leechers {
			f.relocate(f.leechers, at)
		}
		at = f.leechers
	}
	f.peers--
	f.tally().peers--
	if at != f.peers {
		f.relocate(f.peers, at)
	}
}

// relocate moves the peer at from to the position to, which is free.
func (f *family) relocate(from, to int) {
	k := f.key(from)
	f.indexMove(k, from, to)
	f.networks.move(k, f.shape.size, from, to)
	a, aRoom, i := f.at(from)
	b, bRoom, j := f.at(to)
	size := f.shape.size
	k.put(b[j*size:], size)
	b[bRoom*size+j] = a[aRoom*size+i]
	b[bRoom*(size+1)+j] = a[aRoom*(size+1)+i]
	if f.shape.ids {
		*f.details(to) = *f.details(from)
	}
}

// swap exchanges two peers and returns to.
func (f *family) swap(from, to int) int {
	if from == to {
		return to
	}
	a, b := f.key(from), f.key(to)
	f.indexSwap(a, b, from, to)
	f.networks.move(a, f.shape.size, from, to)
	f.networks.move(b, f.shape.size, to, from)
	ma, aRoom, i := f.at(from)
	mb, bRoom, j := f.at(to)
	size := f.shape.size
	b.put(ma[i*size:], size)
	a.put(mb[j*size:], size)
	for _, column := range [2]int{size, size + 1} {
		x, y := &ma[aRoom*column+i], &mb[bRoom*column+j]
		*x, *y = *y, *x
	}
	if f.shape.ids {
		x, y := f.details(from), f.details(to)
		*x, *y = *y, *x
	}
	return to
}

// details is what is known of a peer where details are kept.
type details struct {
	id                         shoal.PeerID
	event                      shoal.Event
	_                          [3]byte
	uploaded, downloaded, left uint64le
}

// uint64le is a number in 8 bytes that need not stand at a multiple of 8.
type uint64le [8]byte

// drop removes the peer at a position and gives back what it leaves idle.
func (f *family) drop(at int) {
	f.remove(at)
	f.tidy()
}

// tidy gives back what those who left leave idle.
func (f *family) tidy() {
	f.forgetNetworks()
	if f.peers == 0 && f.droppable() {
		f.clear()
		return
	}
	f.shrink()
	f.save()
}

// clear gives back everything that a family without peers holds.
func (f *family) clear() {
	if f.area == nil {
		return
	}
	f.free()
	*f.state = stateInline
	if f.shape.size != size4 {
		f.removeExtra()
	}
	if f.networks != nil {
		delete(f.shard.networks, networksOf{f.line.hash, uint8(f.shape.size)})
		f.networks = nil
	}
}
