package policy

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/shoal-tracker/shoal"
)

// table is a set of hashes that never changes, in at most 24 bytes a hash: the
// hashes in order, and buckets by their first bits that say where to look. A
// bucket has two hashes on average, up to four. Whoever picks hashes so that all
// fall into one makes it long, and so it is searched by halves.
type table struct {
	hashes  []shoal.InfoHash
	until   []shoal.Tick // of each hash; nil: all are permanent
	buckets []bucket     // one more than there are: the end of the last
	shift   uint8        // 64 less the bits that number the buckets
}

// A bucket is the place of its first hash in the upper half, and in the lower a
// bit for each value of the five bits behind its number that a hash in it has:
// nine out of ten hashes that are not in the table are told by one read.
type bucket uint64

const filterBits = 5

// newTable takes hashes that are in order and differ. There are less than 2^32.
func newTable(hashes []shoal.InfoHash, until []shoal.Tick) table {
	if len(hashes) == 0 {
		return table{}
	}
	numbered := max(bits.Len(uint(max(len(hashes)-2, 0)))-2, 0) // with 8 bytes a bucket, at most 4 bytes a hash
	t := table{
		hashes:  hashes,
		until:   until,
		buckets: make([]bucket, 1<<numbered+1),
		shift:   uint8(64 - numbered),
	}
	next := 0
	for i := range hashes {
		head := binary.BigEndian.Uint64(hashes[i][:8])
		for at := int(head >> t.shift); next <= at; next++ {
			t.buckets[next] = bucket(i) << 32
		}
		t.buckets[next-1] |= t.filter(head)
	}
	for ; next < len(t.buckets); next++ {
		t.buckets[next] = bucket(len(hashes)) << 32
	}
	return t
}

func (t *table) filter(head uint64) bucket {
	return 1 << (head >> (t.shift - filterBits) % (1 << filterBits))
}

// find returns where a hash is, if it is in the table.
func (t *table) find(hash *shoal.InfoHash) (at int, found bool) {
	if len(t.buckets) == 0 {
		return 0, false
	}
	head := binary.BigEndian.Uint64(hash[:8])
	if t.buckets[head>>t.shift]&t.filter(head) == 0 {
		return 0, false
	}
	return t.search(hash, head)
}

// place returns where a hash is or would have to be.
func (t *table) place(hash *shoal.InfoHash) (at int, found bool) {
	if len(t.buckets) == 0 {
		return 0, false
	}
	return t.search(hash, binary.BigEndian.Uint64(hash[:8]))
}

func (t *table) search(hash *shoal.InfoHash, head uint64) (at int, found bool) {
	number := head >> t.shift
	low, high := int(t.buckets[number]>>32), int(t.buckets[number+1]>>32)
	for low < high {
		middle := int(uint(low+high) / 2)
		there := binary.BigEndian.Uint64(t.hashes[middle][:8])
		switch {
		case there < head:
			low = middle + 1
		case there > head:
			high = middle
		default:
			order := bytes.Compare(t.hashes[middle][8:], hash[8:])
			if order == 0 {
				return middle, true
			}
			if order < 0 {
				low = middle + 1
			} else {
				high = middle
			}
		}
	}
	return low, false
}

// with returns the table after changes, of which it takes up those that are its
// own: permanent ones if timed is false, those that expire if it is true. A hash
// that has changed is not its own any longer otherwise. Nothing is copied if
// nothing changes.
func (t *table) with(changes *table, timed bool) table {
	own := func(until shoal.Tick) bool {
		return until != removed && (until != 0) == timed
	}
	n, touched := len(t.hashes), false
	for i := range changes.hashes {
		if _, found := t.find(&changes.hashes[i]); found {
			n, touched = n-1, true
		}
		if own(changes.until[i]) {
			n, touched = n+1, true
		}
	}
	if !touched {
		return *t
	}
	hashes, until := make([]shoal.InfoHash, 0, n), []shoal.Tick(nil)
	if timed {
		until = make([]shoal.Tick, 0, n)
	}
	copied := 0
	upTo := func(at int) {
		hashes = append(hashes, t.hashes[copied:at]...)
		if timed {
			until = append(until, t.until[copied:at]...)
		}
		copied = at
	}
	for i := range changes.hashes {
		at, found := t.place(&changes.hashes[i])
		upTo(at)
		if found {
			copied++
		}
		if own(changes.until[i]) {
			hashes = append(hashes, changes.hashes[i])
			if timed {
				until = append(until, changes.until[i])
			}
		}
	}
	upTo(len(t.hashes))
	return newTable(hashes, until)
}

// sorted puts hashes in order, drops doubles, and gives back much room that is
// not needed.
func sorted(hashes []shoal.InfoHash) []shoal.InfoHash {
	if !slices.IsSortedFunc(hashes, compare) {
		sortByByte(hashes, 0)
	}
	hashes = slices.Compact(hashes)
	if spare := cap(hashes) - len(hashes); spare > len(hashes)/64 {
		hashes = append(make([]shoal.InfoHash, 0, len(hashes)), hashes...)
	}
	return hashes
}

// compare orders hashes as bytes.Compare does. Those of torrents differ in their
// first eight bytes.
func compare(a, b shoal.InfoHash) int {
	if x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8]); x != y {
		if x < y {
			return -1
		}
		return 1
	}
	return bytes.Compare(a[8:], b[8:])
}

// sortByByte sorts hashes that agree in their first bytes, by exchanging them
// into place: a list of millions may be most of the memory there is.
func sortByByte(hashes []shoal.InfoHash, from int) {
	const few = 64
	if len(hashes) <= few || from == len(shoal.InfoHash{}) {
		slices.SortFunc(hashes, compare)
		return
	}
	var next, end [256]int
	for i := range hashes {
		end[hashes[i][from]]++
	}
	sum := 0
	for b := range end {
		next[b] = sum
		sum += end[b]
		end[b] = sum
	}
	for b := range end {
		for next[b] < end[b] {
			i := next[b]
			to := hashes[i][from]
			if int(to) == b {
				next[b]++
				continue
			}
			hashes[i], hashes[next[to]] = hashes[next[to]], hashes[i]
			next[to]++
		}
	}
	begin := 0
	for b := range end {
		if end[b]-begin > 1 {
			sortByByte(hashes[begin:end[b]], from+1)
		}
		begin = end[b]
	}
}
