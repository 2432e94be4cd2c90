package accounting

// A table finds peers by extendible hashing: a directory by the first bits of the
// ID, and pages that split when they fill. No step is ever as large as the table,
// and a peer that is looked for is mostly in the first cache line that is read.
type table struct {
	pages []*page // 1<<depth of them
	depth int
	count int
}

const (
	pagePeers = 127 // and a header, which make 4 KiB
	pageFull  = pagePeers * 3 / 4
	mostDepth = 20
)

type page struct {
	peers [pagePeers]peer
	taken int
	depth int // bits of the ID that its peers share
	_     [2]int64
}

// peer is the last figures of one. Two are a cache line.
type peer struct {
	id                   uint64
	uploaded, downloaded uint64 // bytes since the client started
	last                 moment
	account              uint32 // the number of its key's account plus one; 0: nobody is here
}

// page returns where a peer is if it is there. There must be pages.
func (t *table) page(id uint64) *page { return t.pages[id>>(64-t.depth)] }

// home returns the place in its page that a search begins at.
func home(id uint64) int { return int(id & 0xffffffff * pagePeers >> 32) }

func next(i int) int {
	if i == pagePeers-1 {
		return 0
	}
	return i + 1
}

// add puts a peer in that is not there yet, or returns false when the table can
// grow no more.
func (t *table) add(p peer) bool {
	if t.pages == nil {
		t.pages = []*page{new(page)}
	}
	for t.page(p.id).taken >= pageFull {
		if t.page(p.id).depth == mostDepth {
			return false
		}
		t.split(p.id)
	}
	t.page(p.id).put(p)
	t.count++
	return true
}

func (pg *page) put(p peer) {
	i := home(p.id)
	for pg.peers[i].account != 0 {
		i = next(i)
	}
	pg.peers[i] = p
	pg.taken++
}

// split moves the peers whose next bit is set from the page for an ID to one of
// their own.
func (t *table) split(id uint64) {
	p := t.page(id)
	if p.depth == t.depth {
		pages := make([]*page, 2*len(t.pages))
		for i := range pages {
			pages[i] = t.pages[i/2]
		}
		t.pages = pages
		t.depth++
	}
	all, depth := p.peers, p.depth
	q := &page{depth: depth + 1}
	*p = page{depth: depth + 1}
	for i := range all {
		switch {
		case all[i].account == 0:
		case all[i].id>>(63-depth)&1 == 0:
			p.put(all[i])
		default:
			q.put(all[i])
		}
	}
	// The entries whose first bits are the ID's up to depth, then a set bit.
	run := 1 << (t.depth - depth - 1)
	first := int(id>>(64-depth))<<(t.depth-depth) + run
	for i := range run {
		t.pages[first+i] = q
	}
}

// remove empties a place and moves those behind it up, so that no search ends at
// the gap.
func (t *table) remove(pg *page, gap int) {
	for i := next(gap); pg.peers[i].account != 0; i = next(i) {
		// Does its search pass the gap?
		h := home(pg.peers[i].id)
		if (gap-h+pagePeers)%pagePeers <= (i-h+pagePeers)%pagePeers {
			pg.peers[gap] = pg.peers[i]
			gap = i
		}
	}
	pg.peers[gap] = peer{}
	pg.taken--
	t.count--
}
