package database

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// conformance is what every database has to do. Each test gets an empty one.
var conformance = []struct {
	name string
	run  func(t *testing.T, p place)
}{
	{"keys", testKeys},
	{"keys in the order of their bytes", testKeyOrder},
	{"labels", testLabels},
	{"keys refused", testKeysRefused},
	{"keys removed", testKeysRemoved},
	{"keys with what was counted", testKeysWithAccounts},
	{"whitelist", testAllowed},
	{"deny list", testDenied},
	{"pages", testPages},
	{"expiries", testExpiries},
	{"as a model", testModel},
	{"many at once", testMany},
	{"all or nothing", testAllOrNothing},
	{"grants from two nodes", testTwoNodes},
	{"two nodes migrate", testMigrateTogether},
	{"migration cut short", testMigrationCutShort},
	{"newer tables", testNewer},
	{"older tables", testOlder},
	{"counts", testCounts},
	{"counts once", testOnce},
	{"counts of the greatest size", testExtremes},
	{"many counts at once", testManyCounts},
	{"counts from two nodes", testTwoWriters},
	{"counts trimmed", testTrim},
	{"first and last count trimmed", testTrimEdges},
	{"counts trimmed by two nodes", testTrimTogether},
	{"counts trimmed and raised", testTrimRaised},
	{"writers forgotten", testWritersForgotten},
	{"changes", testChanges},
	{"changes in pages", testChangesPages},
	{"changes refused", testChangesRefused},
	{"changes with their lines or not at all", testChangesTogether},
	{"changes from two nodes", testChangesTwoNodes},
	{"changes trimmed", testChangesTrimmed},
	{"answers of commits lost", testMuffled},
	{"idle connections cut", testIdle},
	{"gone in the middle", testGone},
	{"passwords", testPasswords},
}

func TestConformance(t *testing.T) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) {
			version, err := open(t, p.fresh(t)).Version(t.Context())
			if err != nil || !strings.Contains(version, " ") {
				t.Fatal(version, err)
			}
			t.Log(version)
			for _, test := range conformance {
				t.Run(test.name, func(t *testing.T) { test.run(t, p) })
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// hashOf returns a different info hash for each n, in the same order.
func hashOf(n int) (h shoal.InfoHash) {
	for i := range 8 {
		h[i] = byte(n >> (8 * (7 - i)))
	}
	h[19] = 7
	return h
}

func keyOf(n int) string { return fmt.Sprintf("key-number-%010d", n) }

func allKeys(t *testing.T, d *Database) (all []Key) {
	t.Helper()
	must(t, d.EachKey(t.Context(), func(k Key) error {
		all = append(all, k)
		return nil
	}))
	return all
}

func allAllowed(t *testing.T, d *Database) (all []shoal.InfoHash) {
	t.Helper()
	must(t, d.EachAllowed(t.Context(), func(h shoal.InfoHash) error {
		all = append(all, h)
		return nil
	}))
	return all
}

func allDenied(t *testing.T, d *Database) (all []Denied) {
	t.Helper()
	must(t, d.EachDenied(t.Context(), func(one Denied) error {
		all = append(all, one)
		return nil
	}))
	return all
}

// testModel makes random changes to lists and keys, and to maps beside them.
func testModel(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	random := rand.New(rand.NewPCG(1, 2))
	var (
		keys    = map[string]string{}
		allowed = map[shoal.InfoHash]bool{}
		denied  = map[shoal.InfoHash]string{}
	)
	some := func() (hashes []shoal.InfoHash) {
		for range random.IntN(100) {
			hashes = append(hashes, hashOf(random.IntN(150)))
		}
		return hashes
	}
	distinct := func(hashes []shoal.InfoHash, has func(shoal.InfoHash) bool) (n int) {
		seen := map[shoal.InfoHash]bool{}
		for _, h := range hashes {
			if !seen[h] && has(h) {
				n++
			}
			seen[h] = true
		}
		return n
	}
	for range 120 {
		label := fmt.Sprint("label ", random.IntN(1000))
		switch random.IntN(6) {
		case 0:
			var added []Key
			for range random.IntN(100) {
				added = append(added, Key{Key: keyOf(random.IntN(150)), Label: label + fmt.Sprint(random.IntN(9))})
			}
			must(t, d.AddKeys(t.Context(), "tester", added...))
			for _, k := range added {
				keys[k.Key] = k.Label
			}
		case 1:
			key := keyOf(random.IntN(150))
			other := keyOf(random.IntN(150))
			found, err := d.RemoveKeys(t.Context(), "tester", key, other, "no key", key)
			must(t, err)
			had := len(keys)
			delete(keys, key)
			delete(keys, other)
			equal(t, "keys found", found, had-len(keys))
		case 2:
			hashes := some()
			must(t, d.AddAllowed(t.Context(), "tester", hashes...))
			for _, h := range hashes {
				allowed[h] = true
			}
		case 3:
			hashes := some()
			n, err := d.RemoveAllowed(t.Context(), "tester", hashes...)
			must(t, err)
			equal(t, "allowed and found", n, distinct(hashes, func(h shoal.InfoHash) bool { return allowed[h] }))
			for _, h := range hashes {
				delete(allowed, h)
			}
		case 4:
			var added []Denied
			for _, h := range some() {
				added = append(added, Denied{Hash: h, Reason: label + fmt.Sprint(random.IntN(9))})
			}
			must(t, d.AddDenied(t.Context(), "tester", added...))
			for _, one := range added {
				denied[one.Hash] = one.Reason
			}
		case 5:
			hashes := some()
			n, err := d.RemoveDenied(t.Context(), "tester", hashes...)
			must(t, err)
			equal(t, "denied and found", n, distinct(hashes, func(h shoal.InfoHash) bool { _, ok := denied[h]; return ok }))
			for _, h := range hashes {
				delete(denied, h)
			}
		}
	}
	gotKeys := allKeys(t, d)
	equal(t, "keys", len(gotKeys), len(keys))
	for _, k := range gotKeys {
		equal(t, "label", k.Label, keys[k.Key])
	}
	gotAllowed := allAllowed(t, d)
	equal(t, "allowed", len(gotAllowed), len(allowed))
	for _, h := range gotAllowed {
		equal(t, "allowed", allowed[h], true)
	}
	gotDenied := allDenied(t, d)
	equal(t, "denied", len(gotDenied), len(denied))
	for _, one := range gotDenied {
		equal(t, "reason", one.Reason, denied[one.Hash])
	}
	if !slices.IsSortedFunc(gotAllowed, compareHashes) || !slices.IsSortedFunc(gotDenied, func(a, b Denied) int { return bytes.Compare(a.Hash[:], b.Hash[:]) }) {
		t.Error("not in order")
	}
}

func testMany(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	hashes, keys, denied := make([]shoal.InfoHash, many), make([]Key, many), make([]Denied, many)
	for i := range many {
		hashes[i] = hashOf(i)
		keys[i] = Key{Key: keyOf(i), Label: fmt.Sprint(i)}
		denied[i] = Denied{Hash: hashes[i], Reason: "spam"}
	}
	shuffled := slices.Clone(hashes)
	rand.Shuffle(many, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	start := time.Now()
	must(t, d.AddAllowed(t.Context(), "tester", shuffled...))
	t.Logf("%d torrents allowed in %v", many, time.Since(start).Round(time.Millisecond))
	start = time.Now()
	must(t, d.AddKeys(t.Context(), "tester", keys...))
	t.Logf("%d keys added in %v", many, time.Since(start).Round(time.Millisecond))
	must(t, d.AddDenied(t.Context(), "tester", denied...))
	if !slices.Equal(allAllowed(t, d), hashes) {
		t.Error("the whitelist is not what was added")
	}
	got := allKeys(t, d)
	equal(t, "keys", len(got), many)
	for i, k := range got {
		if k.Key != keys[i].Key || k.Label != keys[i].Label {
			t.Fatalf("key %d is %q of %q", i, k.Key, k.Label)
		}
	}
	equal(t, "denied", len(allDenied(t, d)), many)
	for _, counted := range []func(context.Context) (int64, error){d.CountKeys, d.CountAllowed, d.CountDenied} {
		n, err := counted(t.Context())
		must(t, err)
		equal(t, "counted", n, many)
	}
	b := &Batch{} // which go with the keys
	for _, k := range keys {
		b.AddAccount(shoal.ParseAuthKey([]byte(k.Key)), 1, 2)
	}
	must(t, d.Write(t.Context(), "w", 1, b))
	names := make([]string, many)
	for i, at := range rand.Perm(many) {
		names[i] = keys[at].Key
	}
	for _, remove := range []struct {
		what string
		do   func() (int, error)
	}{
		{"torrents allowed no longer", func() (int, error) { return d.RemoveAllowed(t.Context(), "tester", shuffled...) }},
		{"torrents denied no longer", func() (int, error) { return d.RemoveDenied(t.Context(), "tester", shuffled...) }},
		{"keys removed", func() (int, error) { return d.RemoveKeys(t.Context(), "tester", names...) }},
	} {
		start := time.Now()
		n, err := remove.do()
		must(t, err)
		t.Logf("%d %s in %v", n, remove.what, time.Since(start).Round(time.Millisecond))
		equal(t, remove.what, n, many)
	}
	for _, counted := range []func(context.Context) (int64, error){d.CountKeys, d.CountAllowed, d.CountDenied} {
		n, err := counted(t.Context())
		must(t, err)
		equal(t, "counted", n, 0)
	}
	if got := allChanges(t, d); len(got) != 6 || got[0].Count != many {
		t.Errorf("%d changes: %v", len(got), got)
	}
}

func testAllOrNothing(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	keys := make([]Key, 1500)
	for i := range keys {
		keys[i] = Key{Key: keyOf(i)}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if d.AddKeys(ended, "tester", keys...) == nil {
		t.Error("added by somebody who had gone")
	}
	if n, err := d.RemoveKeys(ended, "tester", keyOf(1)); n != 0 || err == nil {
		t.Error("removed by somebody who had gone")
	}
	// The connection goes when most of them are written.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := d.change(ctx, func(tx *transaction) error {
		_, err := addKeys.exec(ctx, tx, len(keys), func(i int, values []any) []any {
			if i == len(keys)-1 {
				cancel()
			}
			hash := shoal.ParseAuthKey([]byte(keys[i].Key))
			return append(values, keys[i].Key, hash[:], "", int64(1), int64(0))
		})
		return err
	})
	if err == nil {
		t.Error("committed though it was called off")
	}
	equal(t, "keys", len(allKeys(t, d)), 0)
	must(t, d.AddKeys(t.Context(), "tester"))
	must(t, d.AddKeys(t.Context(), "tester", keys...))
	equal(t, "keys", len(allKeys(t, d)), len(keys))
}

// testTwoNodes grants at once what is partly the same, in different orders, so
// that transactions meet.
func testTwoNodes(t *testing.T, p place) {
	c := p.fresh(t)
	nodes := []*Database{open(t, c), open(t, c)}
	const granted, overlap = 100, 50
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			d := nodes[i%2]
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for round := range 5 {
				var keys []Key
				var hashes []shoal.InfoHash
				for _, n := range random.Perm(granted) {
					n += i * overlap
					keys = append(keys, Key{Key: keyOf(n), Label: fmt.Sprint(i, round)})
					hashes = append(hashes, hashOf(n))
				}
				if err := d.AddKeys(t.Context(), "tester", keys...); err != nil {
					t.Error(err)
				}
				if err := d.AddAllowed(t.Context(), "tester", hashes...); err != nil {
					t.Error(err)
				}
				if _, err := d.RemoveAllowed(t.Context(), "tester", hashOf(1_000_000)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	equal(t, "keys", len(allKeys(t, nodes[0])), 7*overlap+granted)
	equal(t, "allowed", len(allAllowed(t, nodes[1])), 7*overlap+granted)
}
