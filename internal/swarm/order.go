package swarm

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/shoal-tracker/shoal"
)

// order is the info hashes of all torrents as they were at one moment. It is sorted
// only where pages are cut out of it: parts are split about their middle until those
// that a page needs are small. Bits of the hashes would be no guide to the middle:
// whoever picks hashes can have all of them begin alike.
type order struct {
	until time.Time // others may use it
	late  time.Time // and until then, while the next one is made

	mu     sync.Mutex
	hashes []shoal.InfoHash
	parts  []orderPart // one behind the other
}

// orderPart has hashes that are all larger than those of the parts before.
type orderPart struct {
	from   int            // index of its first hash
	least  shoal.InfoHash // none of them is smaller
	sorted bool
}

// sortedAtOnce is how many hashes are sorted instead of split.
const sortedAtOnce = 1 << 12

// newOrder returns the order of hashes, each of which is there once.
func newOrder(hashes []shoal.InfoHash) *order {
	return &order{hashes: hashes, parts: make([]orderPart, 1)}
}

// upTo returns how many hashes there are up to one, that one included.
func (o *order) upTo(hash *shoal.InfoHash) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	from, to := o.sorted(func(p *orderPart) bool { return compareHashes(*hash, p.least) < 0 })
	at, there := slices.BinarySearchFunc(o.hashes[from:to], *hash, compareHashes)
	if there {
		at++
	}
	return from + at
}

// take appends up to n hashes from an index on.
func (o *order) take(hashes []shoal.InfoHash, index, n int) []shoal.InfoHash {
	o.mu.Lock()
	defer o.mu.Unlock()
	for end := index + min(n, len(o.hashes)-index); index < end; {
		_, to := o.sorted(func(p *orderPart) bool { return index < p.from })
		to = min(to, end)
		hashes = append(hashes, o.hashes[index:to]...)
		index = to
	}
	return hashes
}

// sorted returns where the part that is looked for begins and ends: the last one that
// is not beyond it. It is split until it is small, and then sorted.
func (o *order) sorted(beyond func(*orderPart) bool) (from, to int) {
	for {
		next := sort.Search(len(o.parts), func(i int) bool { return beyond(&o.parts[i]) })
		p := &o.parts[next-1]
		from, to = p.from, len(o.hashes)
		if next < len(o.parts) {
			to = o.parts[next].from
		}
		some := o.hashes[from:to]
		switch {
		case p.sorted:
			return from, to
		case len(some) <= sortedAtOnce:
			slices.SortFunc(some, compareHashes)
			p.sorted = true
			return from, to
		}
		middle := aboutTheMiddle(some)
		o.parts = slices.Insert(o.parts, next, orderPart{from: from + split(some, &middle), least: middle})
	}
}

// aboutTheMiddle returns the median of a few of the hashes. Those at fixed places
// will do: where a hash stands nobody can choose, a walk finds them in the order of
// the table's seeded hash.
func aboutTheMiddle(hashes []shoal.InfoHash) shoal.InfoHash {
	var few [31]shoal.InfoHash
	for i := range few {
		few[i] = hashes[len(hashes)/len(few)*i]
	}
	slices.SortFunc(few[:], compareHashes)
	return few[len(few)/2]
}

// split moves the hashes below one to the front and returns how many they are. All
// are written, wherever they belong: which ones are below is anybody's guess, and to
// guess wrongly for half of them takes longer.
func split(hashes []shoal.InfoHash, at *shoal.InfoHash) int {
	low, middle := 0, hashNumberOf(at)
	for i := range hashes {
		a, b := hashNumberOf(&hashes[i]), hashNumberOf(&hashes[low])
		b.put(&hashes[i])
		a.put(&hashes[low])
		low += a.below(middle)
	}
	return low
}

// hashNumber is an info hash as a number, for which the processor has registers.
type hashNumber struct {
	high, middle uint64
	low          uint32
}

func hashNumberOf(h *shoal.InfoHash) hashNumber {
	return hashNumber{binary.BigEndian.Uint64(h[:]), binary.BigEndian.Uint64(h[8:]), binary.BigEndian.Uint32(h[16:])}
}

func (n hashNumber) put(h *shoal.InfoHash) {
	binary.BigEndian.PutUint64(h[:], n.high)
	binary.BigEndian.PutUint64(h[8:], n.middle)
	binary.BigEndian.PutUint32(h[16:], n.low)
}

// below returns 1 if n is less than another, else 0.
func (n hashNumber) below(other hashNumber) int {
	_, borrow := bits.Sub64(uint64(n.low), uint64(other.low), 0)
	_, borrow = bits.Sub64(n.middle, other.middle, borrow)
	_, borrow = bits.Sub64(n.high, other.high, borrow)
	return int(borrow)
}

func compareHashes(a, b shoal.InfoHash) int { return bytes.Compare(a[:], b[:]) }
