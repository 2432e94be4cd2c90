package database

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

func allCompleted(t *testing.T, d *Database) map[shoal.InfoHash]uint32 {
	t.Helper()
	all := map[shoal.InfoHash]uint32{}
	must(t, d.EachCompleted(t.Context(), func(h shoal.InfoHash, n uint32) error {
		all[h] = n
		return nil
	}))
	return all
}

func wantTotal(t *testing.T, d *Database, name string, want uint64) {
	t.Helper()
	got, err := d.Total(t.Context(), name)
	must(t, err)
	equal(t, name, got, want)
}

func wantAccount(t *testing.T, d *Database, key shoal.AuthKey, uploaded, downloaded uint64) {
	t.Helper()
	got, err := d.Account(t.Context(), key)
	must(t, err)
	equal(t, "account", got, Account{key, uploaded, downloaded})
}

func testCounts(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	key := shoal.ParseAuthKey([]byte(keyOf(1)))
	wantTotal(t, d, "completed", 0)
	wantAccount(t, d, key, 0, 0)
	must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(1)}))
	must(t, d.Write(t.Context(), "w", 1, &Batch{}))
	first := &Batch{}
	first.SetCompleted(hashOf(1), 5)
	first.SetCompleted(hashOf(2), 5)
	first.AddAccount(key, 100, 0)
	first.AddTotal("completed", 7)
	first.AddTotal("other", 1)
	must(t, d.Write(t.Context(), "w", 1, first))
	second := &Batch{}
	second.SetCompleted(hashOf(1), 4) // another node knows of fewer
	second.SetCompleted(hashOf(2), 6)
	second.SetCompleted(hashOf(3), 1)
	second.AddAccount(key, 11, 22)
	second.AddTotal("completed", 3)
	must(t, d.Write(t.Context(), "w", 2, second))
	got := allCompleted(t, d)
	for n, want := range []uint32{0, 5, 6, 1} {
		equal(t, "completed", got[hashOf(n)], want)
	}
	equal(t, "torrents", len(got), 3)
	wantAccount(t, d, key, 111, 22)
	totals, err := d.Totals(t.Context())
	must(t, err)
	equal(t, "totals", fmt.Sprint(totals), fmt.Sprint(map[string]uint64{"completed": 10, "other": 1}))
}

func testOnce(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	key := shoal.ParseAuthKey([]byte(keyOf(1)))
	must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(1)}))
	write := func(writer string, sequence uint64) {
		t.Helper()
		b := &Batch{}
		b.AddAccount(key, 1, 2)
		b.AddTotal("x", 1)
		must(t, d.Write(t.Context(), writer, sequence, b))
	}
	for _, step := range []struct {
		writer   string
		sequence uint64
		want     uint64
	}{
		{"a", 1, 1}, {"a", 1, 1}, {"a", 2, 2}, {"a", 1, 2}, {"a", 2, 2},
		{"b", 1, 3}, {"B", 1, 4}, {"b", 1, 4}, {"a", 3, 5},
		{"a", 10, 6}, {"a", 9, 6}, {"c", 7, 7}, {"c", 7, 7}, {"c", math.MaxInt64, 8}, {"c", math.MaxInt64, 8},
	} {
		write(step.writer, step.sequence)
		wantTotal(t, d, "x", step.want)
		wantAccount(t, d, key, step.want, 2*step.want)
	}
	one := &Batch{Totals: map[string]uint64{"x": 1}}
	for _, sequence := range []uint64{0, math.MaxInt64 + 1, math.MaxUint64} {
		if d.Write(t.Context(), "d", sequence, one) == nil {
			t.Errorf("number %d", sequence)
		}
	}
	for _, name := range []string{"", "a b", "é", "a\x00", strings.Repeat("n", 65)} {
		b := &Batch{Totals: map[string]uint64{"y": 1, name: 1}}
		if d.Write(t.Context(), "d", 1, b) == nil {
			t.Errorf("a total called %q", name)
		}
	}
	wantTotal(t, d, "x", 8)
	wantTotal(t, d, "y", 0)
}

func testExtremes(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	key := shoal.ParseAuthKey([]byte(keyOf(1)))
	must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(1)}))
	steps := []struct{ add, want uint64 }{
		{math.MaxInt64 - 1, math.MaxInt64 - 1}, {1, math.MaxInt64}, {1, math.MaxInt64}, {math.MaxInt64, math.MaxInt64},
		{math.MaxInt64 + 1, math.MaxInt64}, {math.MaxUint64, math.MaxInt64},
	}
	for i, step := range steps {
		b := &Batch{}
		b.AddAccount(key, step.add, 0)
		b.AddTotal("x", step.add)
		must(t, d.Write(t.Context(), "w", uint64(i+1), b))
		wantAccount(t, d, key, step.want, 0)
		wantTotal(t, d, "x", step.want)
	}
	b := &Batch{}
	b.AddAccount(key, 0, math.MaxUint64)
	b.AddTotal("y", math.MaxUint64)
	b.AddTotal("y", math.MaxUint64)
	b.SetCompleted(hashOf(1), math.MaxUint32)
	must(t, d.Write(t.Context(), "w", 100, b))
	wantAccount(t, d, key, math.MaxInt64, math.MaxInt64)
	wantTotal(t, d, "y", math.MaxInt64)
	equal(t, "completed", allCompleted(t, d)[hashOf(1)], math.MaxUint32)
}

// testManyCounts writes 10,000 counts, the batch that is to take less than a
// second, and then as many as a drain never has in one.
func testManyCounts(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	const torrents, holders = min(10_000, many), 1_000
	var keys []Key
	for i := range holders {
		keys = append(keys, Key{Key: keyOf(i)})
	}
	must(t, d.AddKeys(t.Context(), "tester", keys...))
	for round, n := range []int{torrents, torrents, many} {
		b := &Batch{}
		for i := range n {
			b.SetCompleted(hashOf(i), uint32(round*1000+i))
		}
		for _, k := range keys {
			b.AddAccount(shoal.ParseAuthKey([]byte(k.Key)), 1, 2)
		}
		start := time.Now()
		must(t, d.Write(t.Context(), "w", uint64(round+1), b))
		t.Logf("%d counts in %v", b.Len(), time.Since(start).Round(time.Millisecond))
		got := allCompleted(t, d)
		equal(t, "torrents", len(got), n)
		for i := range n {
			equal(t, "completed", got[hashOf(i)], uint32(round*1000+i))
		}
		wantAccount(t, d, shoal.ParseAuthKey([]byte(keyOf(holders-1))), uint64(round+1), uint64(2*(round+1)))
	}
}

// testTwoWriters has nodes write the same rows at once, while keys come and go.
func testTwoWriters(t *testing.T, p place) {
	c := p.fresh(t)
	nodes := []*Database{open(t, c), open(t, c)}
	const writers, batches, holders = 4, 10, 30
	for i := range holders {
		must(t, nodes[0].AddKeys(t.Context(), "tester", Key{Key: keyOf(i)}))
	}
	var work sync.WaitGroup
	for w := range writers {
		d := nodes[w%2]
		work.Go(func() {
			for i := range batches {
				b := &Batch{}
				for n := range 300 {
					b.SetCompleted(hashOf(n), uint32(w*batches+i+1))
				}
				for n := range holders {
					b.AddAccount(shoal.ParseAuthKey([]byte(keyOf(n))), 1, 0)
				}
				b.AddTotal("x", 1)
				for range 2 { // as somebody who has heard nothing
					if err := d.Write(t.Context(), fmt.Sprint("w", w), uint64(i+1), b); err != nil {
						t.Error(err)
					}
				}
				if w == 0 {
					if _, err := d.RemoveKeys(t.Context(), "tester", keyOf(holders-1-i)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	work.Wait()
	wantTotal(t, nodes[0], "x", writers*batches)
	for n := range holders - batches {
		wantAccount(t, nodes[1], shoal.ParseAuthKey([]byte(keyOf(n))), writers*batches, 0)
	}
	for n := holders - batches; n < holders; n++ {
		wantAccount(t, nodes[1], shoal.ParseAuthKey([]byte(keyOf(n))), 0, 0)
	}
	for _, n := range allCompleted(t, nodes[0]) {
		equal(t, "completed", n, writers*batches)
	}
}

func testWritersForgotten(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	one := &Batch{Totals: map[string]uint64{"x": 1}}
	must(t, d.Write(t.Context(), "old", 5, one))
	must(t, d.Write(t.Context(), "recent", 5, one))
	_, err := d.write.Exec(fmt.Sprintf("UPDATE shoal_writers SET written = %d WHERE writer = 'old'", time.Now().Add(-writersKept).Unix()-10))
	must(t, err)
	must(t, d.Write(t.Context(), "new", 1, one))
	var left int
	must(t, d.read.QueryRow("SELECT COUNT(*) FROM shoal_writers").Scan(&left))
	equal(t, "writers", left, 2)
	must(t, d.Write(t.Context(), "recent", 5, one))
	wantTotal(t, d, "x", 3)
}

// testMuffled loses the answer of every commit for a while: what was written is
// there, and nobody knows.
func testMuffled(t *testing.T, p place) {
	c := p.fresh(t)
	direct := open(t, c)
	through, wall := p.away(t, c)
	d := open(t, through)
	if !wall.muffle(3) {
		return // SQLite answers, or nothing is written
	}
	failed := 0
	for wall.muffled() > 0 || failed == 0 {
		if err := d.Write(t.Context(), "w", 1, &Batch{Totals: map[string]uint64{"x": 1}}); err != nil {
			failed++
		}
	}
	must(t, d.Write(t.Context(), "w", 1, &Batch{Totals: map[string]uint64{"x": 1}}))
	if failed == 0 {
		t.Error("no answer was lost")
	}
	wantTotal(t, direct, "x", 1)

	// The same for grants, which can be made again.
	wall.muffle(1)
	if d.AddKeys(t.Context(), "tester", Key{Key: keyOf(1)}) == nil {
		t.Error("granted, though no answer came")
	}
	must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(1)}))
	equal(t, "keys", len(allKeys(t, direct)), 1)
}

// testIdle has a server, or something on the way to it, drop connections that
// nothing is asked on: nobody notices.
func testIdle(t *testing.T, p place) {
	c := p.fresh(t)
	through, wall := p.away(t, c)
	if !wall.muffle(0) {
		return // a file has no line
	}
	d := open(t, through)
	must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(1)}))
	for round := range 2 {
		wall.shut()
		wall.open()
		time.Sleep(1100 * time.Millisecond) // pgx trusts a connection for a second
		must(t, d.Write(t.Context(), "w", uint64(round+1), &Batch{Totals: map[string]uint64{"x": 1}}))
		equal(t, "keys", len(allKeys(t, d)), 1)
	}
	wantTotal(t, d, "x", 2)
}
