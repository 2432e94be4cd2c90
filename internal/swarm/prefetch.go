package swarm

import (
	"unsafe"

	"github.com/shoal-tracker/shoal"
)

// hints is the walk ahead of a batch: for each announce, where the next thing
// it will read lies. Others write to that memory meanwhile, so whatever is
// read here may be anything: every offset is checked, every loop is bounded,
// and nothing is kept.
type hints struct {
	store    *Store
	segments []segment
	step     [batchSize]hint
}

type hint struct {
	at     ref // of what the last step had fetched; 0: nothing more to fetch
	half   uint32
	hash   uint64 // of the peer's key
	header header
	six    bool
	state  state
}

// prefetch has memory fetch what the announces of a batch are going to read.
func (s *Store) prefetch(reqs []shoal.AnnounceRequest, hashes []torrentHash, starts *[batchSize]uint64) {
	h := hints{store: s, segments: *s.memory.segments.Load()}
	steps := h.step[:len(reqs)]
	for i := range steps {
		h.table(&steps[i], &hashes[i])
	}
	for i := range steps {
		h.line(&steps[i])
	}
	six := false
	for i := range steps {
		if reqs[i].Link != 0 {
			steps[i].at = 0 // announces of browsers come one by one
		}
		if steps[i].at != 0 {
			k, size := makeKey(reqs[i].Addr)
			steps[i].hash, steps[i].six = k.hash(&s.keySeed), size == size6
			six = six || steps[i].six
			h.family(&steps[i])
		}
	}
	if six {
		for i := range steps {
			if steps[i].six {
				h.extra(&steps[i])
			}
		}
	}
	for i := range steps {
		h.page(&steps[i])
	}
	for i := range steps {
		h.peer(&steps[i])
		h.window(&steps[i], starts[i], &reqs[i])
	}
}

// table fetches the slot of the torrent.
func (h *hints) table(s *hint, hash *torrentHash) {
	s.half = hash.half
	s.at = h.store.shards[hash.shard].directory.Load().page(hash.half)
	h.touch(s.at, home(hash.half)*8)
}

// line fetches the line of the torrent.
func (h *hints) line(s *hint) {
	table := s.at
	s.at = 0
	if table == 0 || int(table>>16) >= len(h.segments) || table&0xffff > segmentUnits-pageUnits {
		return
	}
	p := page(at[[pageSlots + 1]uint64](h.segments, table))
	for i, tries := home(s.half), 0; p[i] != 0 && tries < batchSize; i, tries = nextSlot(i), tries+1 {
		if uint32(p[i]>>32) == s.half {
			s.at = ref(p[i])
			h.touch(s.at, 0)
			return
		}
	}
}

// family fetches the block of the asking peer's family, or the head of its
// index.
func (h *hints) family(s *hint) {
	if int(s.at>>16) >= len(h.segments) {
		s.at = 0
		return
	}
	l := at[line](h.segments, s.at)
	if s.six {
		s.at, s.state = 0, l.state6
		if l.has(size6) { // or else the link may lead to the browsers
			s.at = l.link
			h.touch(s.at, 0)
		}
		return
	}
	h.array(s, l.state4, l.area[:])
}

func (h *hints) extra(s *hint) {
	if s.at == 0 || int(s.at>>16) >= len(h.segments) {
		s.at = 0
		return
	}
	e := at[extra](h.segments, s.at)
	h.array(s, s.state, e.area[:])
}

func (h *hints) array(s *hint, st state, area []byte) {
	s.at = 0
	if st&stateKind == stateInline {
		return
	}
	s.header = *headerOf(area)
	if s.header.index == 0 {
		h.touchRun(s.header.array, 0, min(int(s.header.arrayUnits), indexFrom/4)*unitBytes)
		return
	}
	s.at = s.header.index
	if s.header.indexUnits != 0 {
		// Directories are few and asked for often: they are near.
		s.at = ref(h.peek(s.header.index, int(s.hash>>(64-s.header.indexDepth&15))*4))
	}
	h.touch(s.at, 0)
}

// page fetches the entry of the peer.
func (h *hints) page(s *hint) {
	if s.at == 0 {
		return
	}
	if p, ok := h.indexPage(s); ok {
		h.touch(s.at, pageHead+p.home(s.hash)*entryWidth(p.wide))
	}
}

// peer fetches the peer itself.
func (h *hints) peer(s *hint) {
	if s.at == 0 {
		return
	}
	p, ok := h.indexPage(s)
	if !ok {
		return
	}
	bits := positionBits(p.wide)
	part := p.entry(s.hash, -1) >> bits
	for i, tries := p.home(s.hash), 0; tries < batchSize; i, tries = p.next(i), tries+1 {
		e := p.get(i)
		if e == 0 {
			return
		}
		if e>>bits == part {
			h.position(s, int(e&(1<<bits-1))-1)
			return
		}
	}
}

// window fetches the first of the peers that will be handed out.
func (h *hints) window(s *hint, start uint64, req *shoal.AnnounceRequest) {
	if s.header.index == 0 || req.NumWant <= 0 { // a block without an index is fetched already
		return
	}
	shape, pos := &h.store.shape4, startOf(start, int(s.header.leechers))
	if s.six {
		shape = &h.store.shape6
	}
	if seeders := int(s.header.peers) - int(s.header.leechers); !req.Seeder() && seeders > int(s.header.leechers) {
		pos = int(s.header.leechers) + startOf(start<<32, seeders)
	}
	block := s.header.array
	if s.header.chunks != 0 {
		block = ref(h.peek(block, pos>>shape.shift*4))
		pos &= 1<<shape.shift - 1
	}
	h.touchRun(block, pos*shape.size, min(req.NumWant, 30)*shape.size)
}

func (h *hints) position(s *hint, pos int) {
	shape := &h.store.shape4
	if s.six {
		shape = &h.store.shape6
	}
	block, room := s.header.array, 1<<shape.shift
	if s.header.chunks != 0 {
		block = ref(h.peek(block, pos>>shape.shift*4))
		pos &= room - 1
	} else {
		room = shape.roomOf(int(s.header.arrayUnits))
	}
	h.touch(block, pos*shape.size)
	h.touch(block, room*shape.size+pos)
}

func (h *hints) indexPage(s *hint) (indexPage, bool) {
	from := int(s.at&0xffff) * unitBytes
	if int(s.at>>16) >= len(h.segments) {
		return indexPage{}, false
	}
	if from+unitBytes > segmentBytes {
		return indexPage{}, false
	}
	units := pageUnitsAt(at[[2]byte](h.segments, s.at))
	to := from + units*unitBytes
	if units == 0 || to > segmentBytes {
		return indexPage{}, false
	}
	return makePage(h.segments[s.at>>16][from:to], s.header.wide != 0), true
}

// peek returns the four bytes at an offset from r, if there are any.
func (h *hints) peek(r ref, offset int) uint32 {
	from := uint(r&0xffff)*unitBytes + uint(offset)
	if int(r>>16) >= len(h.segments) || from > segmentBytes-4 {
		return 0
	}
	return *(*uint32)(unsafe.Pointer(&h.segments[r>>16][from]))
}

// touch has memory fetch the cache line at an offset from r, if there is one.
func (h *hints) touch(r ref, offset int) {
	from := uint(r&0xffff)*unitBytes + uint(offset)
	if int(r>>16) < len(h.segments) && from < segmentBytes {
		prefetchLines(unsafe.Pointer(&h.segments[r>>16][from]), 1)
	}
}

// touchRun has memory fetch the cache lines of size bytes at an offset from r.
func (h *hints) touchRun(r ref, offset, size int) {
	from := uint(r&0xffff)*unitBytes + uint(offset)
	to := min(from+uint(size), segmentBytes)
	if int(r>>16) < len(h.segments) && from < to {
		first := from &^ (unitBytes - 1)
		prefetchLines(unsafe.Pointer(&h.segments[r>>16][first]), (to-first+unitBytes-1)/unitBytes)
	}
}
