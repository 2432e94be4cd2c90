package policy

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// hashesOf returns n hashes that look like those of torrents.
func hashesOf(seed uint64, n int) []shoal.InfoHash {
	random := rand.New(rand.NewPCG(seed, 1))
	hashes := make([]shoal.InfoHash, n)
	for i := range hashes {
		binary.BigEndian.PutUint64(hashes[i][:8], random.Uint64())
		binary.BigEndian.PutUint64(hashes[i][8:16], random.Uint64())
		binary.BigEndian.PutUint32(hashes[i][16:], random.Uint32())
	}
	return hashes
}

// TestTableOfEverySize finds each hash where it is, and nothing else, in tables
// of random hashes, of hashes that all fall into one bucket, and of both.
func TestTableOfEverySize(t *testing.T) {
	random := hashesOf(1, 4200)
	for i := range random {
		switch {
		case i%3 == 0:
			clear(random[i][:12])
		case i%7 == 0:
			for j := range 12 {
				random[i][j] = 0xff
			}
		}
	}
	in, out := random[:2100], random[2100:]
	for n := 0; n <= len(in); n += 1 + n/16 {
		hashes := sorted(slices.Clone(in[:n]))
		if len(hashes) != n || !slices.IsSortedFunc(hashes, compare) {
			t.Fatalf("%d hashes: %d sorted, in order: %v", n, len(hashes), slices.IsSortedFunc(hashes, compare))
		}
		table := newTable(hashes, nil)
		for want := range hashes {
			if at, found := table.find(&hashes[want]); !found || at != want {
				t.Fatalf("%d hashes: find = %d, %v; want %d", n, at, found, want)
			}
		}
		for i := range out {
			if at, found := table.find(&out[i]); found {
				t.Fatalf("%d hashes: %v found at %d", n, out[i], at)
			}
			want, _ := slices.BinarySearchFunc(hashes, out[i], compare)
			if at, found := table.place(&out[i]); (n > 0 && at != want) || found {
				t.Fatalf("%d hashes: place = %d, %v; want %d", n, at, found, want)
			}
		}
		if size := 20*len(table.hashes) + 8*len(table.buckets); n >= 4 && size > 24*n {
			t.Errorf("%d hashes: %d bytes", n, size)
		}
	}
}

// TestTableFilter tells most hashes that are not in the table by one read, or a
// large deny list would cost every announce two.
func TestTableFilter(t *testing.T) {
	for _, n := range []int{1 << 16, 100_000, 1<<17 - 1} {
		table := newTable(sorted(hashesOf(2, n)), nil)
		passed, others := 0, hashesOf(3, 100_000)
		for i := range others {
			head := binary.BigEndian.Uint64(others[i][:8])
			if table.buckets[head>>table.shift]&table.filter(head) != 0 {
				passed++
			}
		}
		if passed > len(others)/7 {
			t.Errorf("%d hashes: %d of %d others pass the filter", n, passed, len(others))
		}
	}
}

func TestSorted(t *testing.T) {
	for name, hashes := range map[string][]shoal.InfoHash{
		"random":     hashesOf(4, 30_000),
		"one byte":   make([]shoal.InfoHash, 5000),
		"in order":   sorted(hashesOf(5, 3000)),
		"two values": append(make([]shoal.InfoHash, 3000), slices.Repeat([]shoal.InfoHash{{19: 1}}, 3000)...),
		"none":       nil,
	} {
		for i := range hashes {
			if name == "one byte" {
				hashes[i][19] = byte(i * 7)
			}
		}
		for range 2 {
			hashes = append(hashes, hashes[:len(hashes)/3]...) // doubles
			want := slices.Clone(hashes)
			slices.SortFunc(want, compare)
			want = slices.Compact(want)
			if got := sorted(slices.Clone(hashes)); !slices.Equal(got, want) {
				t.Errorf("%s: %d hashes are wrong", name, len(hashes))
			}
			slices.Reverse(hashes)
		}
	}
}

// TestMerges adds and removes one by one until changes have been merged more than
// once, and looks at what is kept beside the base.
func TestMerges(t *testing.T) {
	torrents, hashes := NewTorrents(), hashesOf(6, 5000)
	torrents.ReplaceHashes(slices.Clone(hashes[:1000]))
	merges, before := 0, 0
	for i, h := range hashes {
		switch {
		case i < 500:
			torrents.Remove(h)
		case i < 1000:
			torrents.Add(Torrent{h, 0}) // is there
		case i%2 == 0:
			torrents.Add(Torrent{h, 0})
		default:
			torrents.Add(Torrent{h, 1000})
		}
		s := torrents.set.load()
		changed := len(s.changed.hashes)
		if changed < before {
			merges++
		}
		if before = changed; changed > enough(len(s.permanent.hashes)+len(s.timed.hashes)) {
			t.Fatalf("%d changes are kept", changed)
		}
		if i == 999 && changed != 500 {
			t.Errorf("%d changes after 500 removals and adding what was there", changed)
		}
	}
	if merges < 3 || torrents.Len() != 4500 {
		t.Errorf("%d merges, %d torrents; want 3 or more, 4500", merges, torrents.Len())
	}
	for i, h := range hashes {
		want := i >= 500
		if got := torrents.Has(&h, 999); got != want {
			t.Fatalf("hash %d: %v", i, got)
		}
		want = want && (i < 1000 || i%2 == 0)
		if got := torrents.Has(&h, 1000); got != want {
			t.Fatalf("hash %d, later: %v", i, got)
		}
	}
	s := torrents.set.load()
	before = len(s.permanent.hashes)
	var timed []Torrent
	for _, h := range hashesOf(7, 2000) {
		timed = append(timed, Torrent{h, 5000})
	}
	torrents.Add(timed...) // one by one would have done the same
	torrents.Remove(hashesOf(7, 2000)...)
	if now := torrents.set.load(); len(now.changed.hashes) != 0 || torrents.Len() != 4500 || len(now.permanent.hashes) < before {
		t.Errorf("after many changes at once: %d changes, %d torrents, %d permanent", len(now.changed.hashes), torrents.Len(), len(now.permanent.hashes))
	}
}

// TestReadersWhileWriting has several writers at once, each with torrents of its
// own, and readers that must always find what nobody touches.
func TestReadersWhileWriting(t *testing.T) {
	const writers, each = 3, 900
	hashes := hashesOf(8, 2000+writers*each)
	fixed, never, changing := hashes[:1000], hashes[1000:2000], hashes[2000:]
	torrents := NewTorrents()
	torrents.ReplaceHashes(slices.Clone(fixed))

	var writing, reading sync.WaitGroup
	var done atomic.Bool
	for i := range 2 {
		reading.Go(func() {
			for n := i; !done.Load(); n++ {
				if h := &fixed[n%len(fixed)]; !torrents.Has(h, 1) {
					t.Errorf("%v is gone", h)
					return
				}
				if h := &never[n%len(never)]; torrents.Has(h, 1) {
					t.Errorf("%v has come", h)
					return
				}
				if h := &changing[n%len(changing)]; torrents.Has(h, 6000) {
					t.Errorf("%v has expired and is there", h)
					return
				}
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			own := changing[w*each:][:each]
			for i, h := range own {
				torrents.Add(Torrent{h, 5000})
				if i%3 == 0 {
					torrents.Remove(h)
				}
			}
		})
	}
	writing.Wait()
	for i, h := range changing {
		if want := i%each%3 != 0; torrents.Has(&h, 1) != want {
			t.Errorf("hash %d of writer %d: %v, want %v", i%each, i/each, !want, want)
		}
	}
	if want := len(fixed) + writers*each*2/3; torrents.Len() != want {
		t.Errorf("%d torrents, want %d", torrents.Len(), want)
	}
	for range 20 { // whole lists, which all have the fixed ones
		torrents.Replace(append(entriesOf(fixed, 0), entriesOf(changing, 5000)...))
		torrents.ReplaceHashes(slices.Clone(fixed))
	}
	done.Store(true)
	reading.Wait()
}

func entriesOf(hashes []shoal.InfoHash, until shoal.Tick) []Torrent {
	entries := make([]Torrent, len(hashes))
	for i, h := range hashes {
		entries[i] = Torrent{h, until}
	}
	return entries
}

// TestKeysExpire has what Keys adds to what they are made of.
func TestKeysExpire(t *testing.T) {
	keys := NewKeys()
	keys.Add(Key{good, 0}, Key{old, 1000})
	for _, tt := range []struct {
		key  shoal.AuthKey
		now  shoal.Tick
		want shoal.Failure
	}{
		{good, 999, shoal.OK}, {good, 1 << 50, shoal.OK},
		{old, 999, shoal.OK}, {old, 1000, shoal.KeyExpired},
		{unknown, 999, shoal.KeyUnknown}, {broken, 0, shoal.KeyInvalid}, {shoal.AuthKey{}, 0, shoal.KeyMissing},
	} {
		if got := keys.Check(tt.key, tt.now); got != tt.want {
			t.Errorf("Check(%x, %d) = %v, want %v", tt.key, tt.now, got, tt.want)
		}
	}
	keys.Add(Key{old, 2000}) // prolonged
	if got := keys.Check(old, 1000); got != shoal.OK || keys.Len() != 2 {
		t.Errorf("prolonged: %v, %d keys", got, keys.Len())
	}
	keys.Remove(old, unknown)
	if got := keys.Check(old, 3000); got != shoal.KeyUnknown || keys.Len() != 1 {
		t.Errorf("removed: %v, %d keys", got, keys.Len())
	}
	keys.Replace(nil)
	if got := keys.Check(good, 0); got != shoal.KeyUnknown || keys.Len() != 0 {
		t.Errorf("replaced by none: %v, %d keys", got, keys.Len())
	}
}
