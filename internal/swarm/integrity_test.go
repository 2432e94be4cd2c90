package swarm

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/shoal-tracker/shoal"
)

// checkIntegrity walks through everything a store holds and compares it with
// what its parts say of each other: every peer is found where it stands, every
// block is counted, none twice.
func checkIntegrity(s *Store) error {
	torrents, sum := 0, [kinds]tally{}
	for i := range s.shards {
		c := checker{shard: &s.shards[i], blocks: make(map[ref]int)}
		if err := c.check(); err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
		if c.tallies != c.shard.tallies {
			return fmt.Errorf("shard %d holds %v, by its counts %v", i, c.tallies, c.shard.tallies)
		}
		torrents += c.torrents
		for kind, t := range c.tallies {
			sum[kind].peers += t.peers
			sum[kind].leechers += t.leechers
		}
	}
	peers, leechers := 0, 0
	for _, t := range sum {
		peers, leechers = peers+t.peers, leechers+t.leechers
	}
	t := s.Totals()
	if t.Torrents != torrents || t.Peers != peers || t.Leechers != leechers || t.Seeders != peers-leechers ||
		t.IPv4 != sum[kind4].peers || t.IPv6 != sum[kind6].peers || t.Browsers != sum[kindBrowsers].peers {
		return fmt.Errorf("there are %d torrents and by kind %v peers, the totals are %+v", torrents, sum, t)
	}
	if n := s.held.peers.Load(); n != int64(peers) {
		return fmt.Errorf("there are %d peers, the cap is held against %d", peers, n)
	}
	return checkPast(s)
}

type checker struct {
	shard    *shard
	blocks   map[ref]int // units
	torrents int
	tallies  [kinds]tally
}

func (c *checker) block(r ref, units int) error {
	if r == 0 || c.blocks[r] != 0 {
		return fmt.Errorf("block %#x of %d units is nothing or held twice", r, units)
	}
	c.blocks[r] = units
	return nil
}

func (c *checker) check() error {
	s := c.shard
	d := s.directory.Load()
	if len(d.pages) != 1<<d.depth {
		return fmt.Errorf("directory of %d pages at depth %d", len(d.pages), d.depth)
	}
	for i := 0; i < len(d.pages); {
		r := ref(d.pages[i].Load())
		if r == 0 {
			break
		}
		if err := c.block(r, pageUnits); err != nil {
			return err
		}
		taken, depth := pageHeader(s.page(r))
		for _, slot := range s.page(r)[1:] {
			if slot == 0 {
				continue
			}
			taken--
			if int(slot>>32>>(32-d.depth)) < i || int(slot>>32>>(32-d.depth)) >= i+1<<(d.depth-depth) {
				return fmt.Errorf("slot %#x is on the wrong page %d", slot, i)
			}
			if err := c.torrent(slot); err != nil {
				return err
			}
		}
		if taken != 0 {
			return fmt.Errorf("page %d says it has %d slots more", i, taken)
		}
		i += 1 << (d.depth - depth)
	}
	return c.units()
}

// units compares the blocks that were found with the arena's accounts.
func (c *checker) units() error {
	live, regions := 0, make(map[ref]int32)
	for r, units := range c.blocks {
		live += units
		regions[r.region()] += int32(units)
	}
	if a := &c.shard.arena; live != a.live {
		return fmt.Errorf("%d units are held, the arena says %d", live, a.live)
	}
	for r, units := range regions {
		if got := at[regionHeader](c.shard.arena.segments, r).live; got != units {
			return fmt.Errorf("region %#x holds %d units and says %d", r, units, got)
		}
	}
	return nil
}

func (c *checker) torrent(slot uint64) error {
	c.torrents++
	s, r := c.shard, ref(slot)
	if err := c.block(r, 1); err != nil {
		return err
	}
	l := s.line(r)
	hash := s.store.hash(&l.hash)
	if got := s.find(&hash); got != r || &s.store.shards[hash.shard] != s {
		return fmt.Errorf("torrent %v is at %#x and found at %#x", l.hash, r, got)
	}
	if p := s.past; p != nil && (l.flags&flagKnown == 0 || l.flags&flagDirty != 0 && !slices.Contains(p.dirty, hash.half)) {
		return fmt.Errorf("torrent %v with flags %b does not know its past, or is not to be drained", l.hash, l.flags)
	}
	next := l.link
	for _, size := range [...]int{size6, sizeLink} {
		if l.has(size) {
			if err := c.block(next, 1); err != nil {
				return fmt.Errorf("torrent %v, extra line for addresses of %d bytes: %w", l.hash, size, err)
			}
			next = s.extra(next).next
		}
	}
	if next != 0 {
		return fmt.Errorf("torrent %v with flags %b has an extra line more at %#x", l.hash, l.flags, next)
	}
	for _, size := range sizes {
		f := s.family(l, size)
		if err := c.family(&f); err != nil {
			return fmt.Errorf("torrent %v, addresses of %d bytes: %w", l.hash, size, err)
		}
	}
	return nil
}

func (c *checker) family(f *family) error {
	c.tallies[f.shape.kind].peers += f.peers
	c.tallies[f.shape.kind].leechers += f.leechers
	if f.leechers > f.peers || f.peers > f.room && f.area != nil {
		return fmt.Errorf("%d leechers of %d peers, room for %d", f.leechers, f.peers, f.room)
	}
	if f.area == nil {
		return nil
	}
	seen := make(map[key]bool)
	for pos := range f.peers {
		k := f.key(pos)
		if seen[k] {
			return fmt.Errorf("%v is there twice", k)
		}
		seen[k] = true
		if got := f.find(k); got != pos {
			return fmt.Errorf("%v is at %d and found at %d", k, pos, got)
		}
	}
	if *f.state&stateKind == stateInline {
		return nil
	}
	h := f.header()
	if err := c.block(h.array, int(h.arrayUnits)); err != nil {
		return err
	}
	if *f.state&stateKind == stateChunks {
		for _, chunk := range f.directory()[:h.chunks] {
			if err := c.block(chunk, f.shape.chunkUnits()); err != nil {
				return err
			}
		}
	}
	if f.peers > indexFrom && h.index == 0 {
		return fmt.Errorf("%d peers and no index", f.peers)
	}
	return c.index(f)
}

func (c *checker) index(f *family) error {
	if !f.indexed() {
		return nil
	}
	h := f.header()
	if h.indexUnits != 0 {
		if err := c.block(h.index, int(h.indexUnits)); err != nil {
			return err
		}
	}
	taken := 0
	for i := 0; i < 1<<h.indexDepth; {
		hash := uint64(i) << (64 - h.indexDepth)
		r := f.pageRef(hash)
		p := f.openPage(r)
		if err := c.block(r, p.units()); err != nil {
			return err
		}
		entries := 0
		for e := range p.entries {
			if p.get(e) != 0 {
				entries++
			}
		}
		if entries != p.taken() {
			return fmt.Errorf("an index page has %d entries and says %d", entries, p.taken())
		}
		taken += entries
		i += 1 << (int(h.indexDepth) - p.depth())
	}
	if taken != f.peers {
		return fmt.Errorf("the index has %d entries for %d peers", taken, f.peers)
	}
	return nil
}

// stored is what a store knows of one peer.
type stored struct {
	seeder bool
	id     shoal.PeerID
}

// who is what a peer is known by.
type who struct {
	addr netip.AddrPort // the zero AddrPort if it is a browser
	link shoal.Link
}

func whoOf(req *shoal.AnnounceRequest) who {
	if req.Link != 0 {
		return who{link: req.Link}
	}
	return who{addr: req.Addr}
}

// peersOf returns everybody in a torrent.
func peersOf(s *Store, h shoal.InfoHash) map[who]stored {
	all := make(map[who]stored)
	hash := s.hash(&h)
	sh := &s.shards[hash.shard]
	r := sh.find(&hash)
	if r == 0 {
		return all
	}
	for _, size := range sizes {
		f := sh.family(sh.line(r), size)
		for pos := range f.peers {
			b := make([]byte, size)
			f.key(pos).put(b, size)
			p := stored{seeder: pos >= f.leechers}
			if f.shape.ids {
				p.id = f.details(pos).id
			}
			if size == sizeLink {
				all[who{link: shoal.Link(binary.LittleEndian.Uint64(b))}] = p
			} else {
				all[who{addr: parse(b, size)[0]}] = p
			}
		}
	}
	return all
}
