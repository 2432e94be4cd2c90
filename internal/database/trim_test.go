package database

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// testTrim compares what is left with what sorting leaves.
func testTrim(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	n, err := d.TrimCompleted(t.Context(), 1)
	must(t, err)
	equal(t, "removed from nothing", n, 0)
	random := rand.New(rand.NewPCG(3, 4))
	const torrents = min(3*trimChunk, many)
	var sequence uint64
	for _, counts := range []uint32{1, 2, 40, math.MaxUint32} { // how many different ones there are, at most
		b := &Batch{}
		for i := range torrents {
			b.SetCompleted(hashOf(i), math.MaxUint32-random.Uint32N(counts))
		}
		want := completedInOrder(b.Completed)
		sequence++
		must(t, d.Write(t.Context(), "w", sequence, b))
		for _, keep := range []int{math.MinInt, -1, 0, math.MaxInt, torrents + 1, torrents, torrents - 1, torrents / 2, torrents/2 - 1, 9, 1, 1} {
			n, err := d.TrimCompleted(t.Context(), keep)
			must(t, err)
			left := len(want)
			if keep > 0 {
				want = want[:min(keep, len(want))]
			}
			equal(t, "removed", n, int64(left-len(want)))
			if !slices.Equal(completedInOrder(allCompleted(t, d)), want) {
				t.Fatalf("%d counts: trimmed to %d, others are left than the greatest", counts, keep)
			}
		}
		_, err := d.write.Exec("DELETE FROM shoal_completed")
		must(t, err)
	}
}

// completedInOrder has the counts that stay longest first.
func completedInOrder(counts map[shoal.InfoHash]uint32) (all []completedCount) {
	for hash, count := range counts {
		all = append(all, completedCount{hash, count})
	}
	slices.SortFunc(all, func(a, b completedCount) int {
		return cmp.Or(cmp.Compare(b.count, a.count), compareHashes(b.hash, a.hash))
	})
	return all
}

// testTrimEdges has the first and the last info hash there are.
func testTrimEdges(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	first, last := shoal.InfoHash{}, shoal.InfoHash(slices.Repeat([]byte{0xff}, 20))
	b := &Batch{}
	b.SetCompleted(first, 0)
	b.SetCompleted(last, 1)
	b.SetCompleted(hashOf(1), 2)
	must(t, d.Write(t.Context(), "w", 1, b))
	for _, gone := range []shoal.InfoHash{first, last} {
		n, err := d.TrimCompleted(t.Context(), len(b.Completed)-1)
		must(t, err)
		equal(t, "removed", n, 1)
		delete(b.Completed, gone)
		equal(t, "left", len(allCompleted(t, d)), len(b.Completed))
		if _, is := allCompleted(t, d)[gone]; is {
			t.Errorf("%s is left", gone)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.TrimCompleted(ended, 1); err == nil {
		t.Error("trimmed by somebody who had gone")
	}
}

// testTrimTogether has nodes trim at once, while others raise counts that go
// unless they are raised.
func testTrimTogether(t *testing.T, p place) {
	c := p.fresh(t)
	nodes := []*Database{open(t, c), open(t, c)}
	const torrents, keep, raised = min(2*trimChunk, many), 500, 200
	b := &Batch{}
	for i := range torrents {
		b.SetCompleted(hashOf(i), 1)
	}
	must(t, nodes[0].Write(t.Context(), "w", 1, b))
	var work sync.WaitGroup
	for i, d := range nodes {
		work.Go(func() {
			for range 3 {
				if _, err := d.TrimCompleted(t.Context(), keep); err != nil {
					t.Error(err)
				}
			}
		})
		work.Go(func() {
			for round := range 10 {
				b := &Batch{}
				for n := range raised {
					b.SetCompleted(hashOf(n*(torrents/raised)), uint32(round+2))
				}
				if err := d.Write(t.Context(), []string{"a", "b"}[i], uint64(round+1), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	_, err := nodes[0].TrimCompleted(t.Context(), keep)
	must(t, err)
	left := allCompleted(t, nodes[1])
	if len(left) > keep {
		t.Errorf("%d are left", len(left))
	}
	for n := range raised {
		equal(t, "raised", left[hashOf(n*(torrents/raised))], 11)
	}
}

// testTrimRaised has another node raise a count between the moment at which it is
// found to be low and that at which it goes: it stays.
func testTrimRaised(t *testing.T, p place) {
	c := p.fresh(t)
	d, other := open(t, c), open(t, c)
	must(t, d.Write(t.Context(), "w", 1, &Batch{Completed: map[shoal.InfoHash]uint32{hashOf(1): 1, hashOf(2): 1, hashOf(3): 9}}))
	trimmed := make(chan error, 1)
	must(t, other.change(t.Context(), func(tx *transaction) error {
		if err := tx.writeCompleted(t.Context(), map[shoal.InfoHash]uint32{hashOf(1): 10}); err != nil {
			return err
		}
		go func() {
			_, err := d.TrimCompleted(t.Context(), 1)
			trimmed <- err
		}()
		time.Sleep(300 * time.Millisecond) // for it to come to where it waits for this
		return nil
	}))
	must(t, <-trimmed)
	left := allCompleted(t, d)
	equal(t, "raised", left[hashOf(1)], 10)
	equal(t, "greatest", left[hashOf(3)], 9)
	if _, is := left[hashOf(2)]; is {
		t.Error("the lowest is left")
	}
}
