package swarm

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"

	"github.com/shoal-tracker/shoal"
)

// bins are what torrents are counted by: the first bits of their hashes.
const (
	binBits = 12
	bins    = 1 << binBits
)

func binOf(hash *shoal.InfoHash) int {
	return int(binary.BigEndian.Uint16(hash[:]) >> (16 - binBits))
}

// stretch is the info hashes of the torrents of some neighbouring bins, as they were
// a moment ago. A bin is sorted when a page first needs it. Whoever picks hashes that
// begin alike makes one bin large, and a second of it cost one sort more.
type stretch struct {
	from, to int // bins

	mu     sync.Mutex
	hashes [][]shoal.InfoHash // of each bin
	sorted []bool
}

// walk goes through all torrents once and gathers those of a bin and of as many
// behind it as have so many torrents. A torrent that stays meanwhile is gathered
// exactly once.
func (s *Store) walk(from, torrents int) *stretch {
	var room []int
	sum, to := 0, from
	for ; to < bins && (to == from || sum < torrents); to++ {
		n := max(0, int(s.listing.bins[to].Load()))
		room = append(room, n)
		sum += n
	}
	w := &stretch{from: from, to: to, hashes: make([][]shoal.InfoHash, to-from), sorted: make([]bool, to-from)}
	all := make([]shoal.InfoHash, sum)
	for i, n := range room {
		w.hashes[i], all = all[:0:n], all[n:]
	}
	var pages [2]walkedPage
	p, ahead := &pages[0], &pages[1]
	for i := range pages {
		pages[i].hashes = make([]shoal.InfoHash, 0, pageSlots)
	}
	for more := p.first(s); more; p, ahead = ahead, p {
		more = ahead.after(p)
		if !p.gather(w, ahead) {
			p.gatherAtOnce(w)
		}
		for _, hash := range p.hashes {
			b := &w.hashes[binOf(&hash)-from]
			*b = append(*b, hash)
		}
		if ahead.from == 0 { // another shard
			runtime.Gosched()
		}
	}
	return w
}

func compareHashes(a, b shoal.InfoHash) int { return bytes.Compare(a[:], b[:]) }

// count returns how many torrents a bin has.
func (w *stretch) count(bin int) int { return len(w.hashes[bin-w.from]) }

// bin returns the hashes of a bin in their order. w.mu is held.
func (w *stretch) bin(bin int) []shoal.InfoHash {
	i := bin - w.from
	if !w.sorted[i] {
		slices.SortFunc(w.hashes[i], compareHashes)
		w.sorted[i] = true
	}
	return w.hashes[i]
}

// behind returns how many torrents of its bin there are up to a hash, that one
// included.
func (w *stretch) behind(hash *shoal.InfoHash) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, there := slices.BinarySearchFunc(w.bin(binOf(hash)), *hash, compareHashes)
	if there {
		at++
	}
	return at
}

// take appends up to n hashes from a place in a bin on, and returns the place behind
// them.
func (w *stretch) take(hashes []shoal.InfoHash, bin, index, n int) ([]shoal.InfoHash, int, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; bin < w.to; bin, index = bin+1, 0 {
		some := w.bin(bin)
		some = some[min(index, len(some)):]
		if len(some) > n {
			return append(hashes, some[:n]...), bin, index + n
		}
		hashes, n = append(hashes, some...), n-len(some)
	}
	return hashes, bin, 0
}
