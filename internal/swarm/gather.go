package swarm

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/shoal-tracker/shoal"
)

// The positions of peers change with every one that leaves, so a walk through the
// peers of a torrent goes by the hashes of their keys, which stay: a page of the
// index holds all whose hashes begin alike, and a family without an index is small.

// gathering is one walk. Its peers are those of one step, in their order.
type gathering struct {
	store *Store
	hash  torrentHash
	peers []gathered
}

// gathered is a copy of a peer, made under the lock.
type gathered struct {
	hash    uint64
	key     key
	seen    shoal.Tick
	seeder  bool
	details details
}

// gatheredRoom is room for the peers of one step: those of a page of the index.
// Only an index of thousands of full pages has larger ones.
const gatheredRoom = 2048

// gather copies the peers of a kind from a hash on up to the end of its page of the
// index, and returns where the next page begins, if there is one.
func (g *gathering) gather(kind int, from uint64) (next uint64, more bool) {
	g.peers = g.peers[:0]
	sh := &g.store.shards[g.hash.shard]
	sh.mu.Lock()
	if r := sh.find(&g.hash); r != 0 {
		f := sh.family(sh.line(r), sizes[kind])
		g.peers, next = f.gather(g.peers, from)
	}
	sh.mu.Unlock()
	slices.SortFunc(g.peers, func(a, b gathered) int { return a.compare(b.hash, b.key) })
	return next, next != 0
}

// gather appends the peers of a family, as gathering.gather has it. next is 0 at
// the end.
func (f *family) gather(peers []gathered, from uint64) (_ []gathered, next uint64) {
	if f.peers == 0 {
		return peers, 0
	}
	if !f.indexed() {
		for pos := range f.peers {
			peers = f.gatherOne(peers, from, pos)
		}
		return peers, 0
	}
	p := f.indexPage(from)
	f.fetchPeers(&p)
	mask := uint32(1)<<positionBits(p.wide) - 1
	for i := range p.entries {
		if e := p.get(i); e != 0 {
			peers = f.gatherOne(peers, from, int(e&mask)-1)
		}
	}
	depth := p.depth()
	return peers, (from>>(64-depth) + 1) << (64 - depth)
}

func (f *family) gatherOne(peers []gathered, from uint64, pos int) []gathered {
	k := f.key(pos)
	hash := f.hash(k)
	if hash < from {
		return peers
	}
	g := gathered{hash: hash, key: k, seeder: pos >= f.leechers, seen: f.shard.seen(*f.time(pos))}
	if f.shape.ids {
		g.details = *f.details(pos)
	}
	return append(peers, g)
}

// fetchPeers is fetchKeys, and fetches everything else of the peers too.
func (f *family) fetchPeers(p *indexPage) {
	if !prefetches {
		return
	}
	mask := uint32(1)<<positionBits(p.wide) - 1
	for i := range p.entries {
		if e := p.get(i); e != 0 {
			pos := int(e&mask) - 1
			b, room, j := f.at(pos)
			prefetchLines(unsafe.Pointer(&b[j*f.shape.size]), 1)
			prefetchLines(unsafe.Pointer(&b[room*f.shape.size+j]), 1)
			if f.shape.ids {
				prefetchLines(unsafe.Pointer(f.details(pos)), 1)
			}
		}
	}
}

// seen returns the moment that a peer's time byte stands for. No peer that is still
// here was seen after the latest moment or 128 units before it.
func (s *shard) seen(time uint8) shoal.Tick {
	t := &s.store.times
	age := (t.of(s.latest) - time) & timeMask
	return shoal.Tick((int64(s.latest)/t.unit - int64(age)) * t.unit)
}

func (g *gathered) compare(hash uint64, k key) int {
	return cmp.Or(cmp.Compare(g.hash, hash), g.key.compare(k))
}
