package swarm

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// alike returns so many hashes that share their first bytes.
func alike(random *rand.Rand, n, bytes int) []shoal.InfoHash {
	hashes := make([]shoal.InfoHash, n)
	for i := range hashes {
		h := &hashes[i]
		binary.BigEndian.PutUint64(h[:], random.Uint64())
		binary.BigEndian.PutUint64(h[8:], random.Uint64())
		binary.BigEndian.PutUint32(h[16:], uint32(i)*2654435761) // each is another one
		for j := range bytes {
			h[j] = 0xa5
		}
	}
	return hashes
}

func TestOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, bytes := range []int{0, 2, 8, 16} {
		for _, n := range []int{0, 1, sortedAtOnce, sortedAtOnce + 1, 10*sortedAtOnce + 7} {
			hashes := alike(random, n, bytes)
			want := slices.Clone(hashes)
			slices.SortFunc(want, compareHashes)
			o := newOrder(hashes)
			for range 200 {
				index, some := random.IntN(n+1), random.IntN(100)<<random.IntN(8)
				expect := want[index:min(index+some, n)]
				if got := o.take(nil, index, some); !slices.Equal(got, expect) {
					t.Fatalf("%d from %d on of %d that share %d bytes: %d hashes, want %d", some, index, n, bytes, len(got), len(expect))
				}
				after := alike(random, 1, bytes*random.IntN(2))[0]
				expected, there := slices.BinarySearchFunc(want, after, compareHashes)
				if n > 0 && random.IntN(2) == 0 {
					at := random.IntN(n)
					after, expected, there = want[at], at, true
				}
				if there {
					expected++
				}
				if got := o.upTo(&after); got != expected {
					t.Fatalf("%d of %d that share %d bytes are up to %v, want %d", got, n, bytes, after, expected)
				}
			}
		}
	}
}

// A page costs the same however many hashes begin alike: little more than the page is
// sorted, and what is split is halved, more or less.
func TestAPageSortsLittle(t *testing.T) {
	const n, page = 100 * sortedAtOnce, 4000
	random := rand.New(rand.NewPCG(1, 1))
	for _, bytes := range []int{0, 2, 8, 16} {
		for _, index := range []int{0, n / 3, n - page} {
			o := newOrder(alike(random, n, bytes))
			o.take(nil, index, page)
			sorted := 0
			for i, p := range o.parts {
				to := n
				if i+1 < len(o.parts) {
					to = o.parts[i+1].from
				}
				if p.sorted {
					sorted += to - p.from
				}
			}
			if sorted < page || sorted > page+2*sortedAtOnce || len(o.parts) > 24 {
				t.Errorf("for %d from %d on of those that share %d bytes %d are sorted, there are %d parts", page, index, bytes, sorted, len(o.parts))
			}
		}
	}
}
