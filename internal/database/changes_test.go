package database

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// allChanges reads the whole log, the latest first.
func allChanges(t *testing.T, d *Database) (all []Change) {
	t.Helper()
	var before int64
	for {
		page, err := d.Changes(t.Context(), before, MaxPage)
		must(t, err)
		if before > 0 && len(page) > 0 && page[0].ID >= before {
			t.Fatalf("%d before %d", page[0].ID, before)
		}
		if all = append(all, page...); len(page) < MaxPage {
			return all
		}
		before = page[len(page)-1].ID
	}
}

// summaries shows changes without their IDs and moments.
func summaries(changes []Change) (all []string) {
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%s %s %q %d", c.Who, c.Action, c.Subject, c.Count))
	}
	return all
}

// testChanges makes a change of each kind, and others that change nothing.
func testChanges(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	ctx := t.Context()
	equal(t, "changes", len(allChanges(t, d)), 0)
	begun := time.Now().Truncate(time.Second)
	found := func(want int) func(int, error) {
		return func(n int, err error) {
			t.Helper()
			must(t, err)
			equal(t, "found", n, want)
		}
	}
	h := func(n int) string { return hashOf(n).String() }
	one, two := Key{Key: "aliceAndBobsSecret"}, Key{Key: "zoesSecretOfOld-~"}

	must(t, d.AddKeys(ctx, "alice", one))
	must(t, d.AddKeys(ctx, "alice", two, one, two)) // both anew, each once
	must(t, d.AddKeys(ctx, "alice"))
	found(1)(d.RemoveKeys(ctx, "bob", two.Key))
	found(0)(d.RemoveKeys(ctx, "bob", two.Key))
	found(1)(d.RemoveKeys(ctx, "bob", two.Key, one.Key, "no key"))
	found(0)(d.RemoveKeys(ctx, "bob"))
	found(0)(d.RemoveKeys(ctx, "bob", "no key"))

	must(t, d.AddAllowed(ctx, "carol", hashOf(3)))
	must(t, d.AddAllowed(ctx, "carol", hashOf(3)))
	must(t, d.AddAllowed(ctx, "carol", hashOf(3), hashOf(1), hashOf(2), hashOf(1)))
	must(t, d.AddAllowed(ctx, "carol"))
	found(1)(d.RemoveAllowed(ctx, "carol", hashOf(2)))
	found(0)(d.RemoveAllowed(ctx, "carol", hashOf(2)))
	found(2)(d.RemoveAllowed(ctx, "carol", hashOf(3), hashOf(1), hashOf(9)))
	found(0)(d.RemoveAllowed(ctx, "carol"))

	must(t, d.AddDenied(ctx, "dave", Denied{Hash: hashOf(5), Reason: "spam"}))
	must(t, d.AddDenied(ctx, "dave", Denied{Hash: hashOf(6)}, Denied{Hash: hashOf(5)}))
	must(t, d.AddDenied(ctx, "dave"))
	found(2)(d.RemoveDenied(ctx, "dave", hashOf(6), hashOf(5)))
	found(0)(d.RemoveDenied(ctx, "dave", hashOf(6)))

	must(t, d.Note(ctx, strings.Repeat("~", maxWho), ActionTorrentRemove, h(8), 1))
	must(t, d.Note(ctx, "an operator", strings.Repeat("z", maxAction), strings.Repeat("é", MaxText/2), 0))

	want := []string{
		`alice key.add "alic…" 1`,
		`alice key.add "2 keys" 2`,
		`bob key.remove "zoes…" 1`,
		`bob key.remove "2 keys" 1`,
		`carol whitelist.add "` + h(3) + `" 1`,
		`carol whitelist.add "` + h(1) + `… 3 torrents" 2`,
		`carol whitelist.remove "` + h(2) + `" 1`,
		`carol whitelist.remove "` + h(1) + `… 3 torrents" 2`,
		`dave deny.add "` + h(5) + `" 1`,
		`dave deny.add "` + h(5) + `… 2 torrents" 2`,
		`dave deny.remove "` + h(5) + `… 2 torrents" 2`,
		strings.Repeat("~", 64) + ` torrent.remove "` + h(8) + `" 1`,
		`an operator ` + strings.Repeat("z", 32) + ` "` + strings.Repeat("é", 100) + `" 0`,
	}
	slices.Reverse(want)
	all := allChanges(t, d)
	got := summaries(all)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("change %d of\n%s\nwant\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	for i, c := range all {
		if c.At.Before(begun) || c.At.After(time.Now()) {
			t.Errorf("made %v, not between %v and now", c.At, begun)
		}
		if i > 0 && c.ID >= all[i-1].ID || c.ID < 1 {
			t.Errorf("%d behind another", c.ID)
		}
	}
}

func testChangesPages(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	const n = 25
	for i := range n {
		must(t, d.Note(t.Context(), "tester", ActionReload, fmt.Sprint(i), i))
	}
	all := allChanges(t, d)
	equal(t, "changes", len(all), n)
	for i, c := range all {
		equal(t, "count", c.Count, n-1-i)
		equal(t, "subject", c.Subject, fmt.Sprint(n-1-i))
	}
	for _, limit := range []int{1, 7, n - 1, n, n + 1} {
		var got []Change
		for before := int64(-1); ; before = got[len(got)-1].ID {
			page, err := d.Changes(t.Context(), before, limit)
			must(t, err)
			if got = append(got, page...); len(page) > limit || len(got) > n {
				t.Fatalf("%d rows of %d, %d in all", len(page), limit, len(got))
			}
			if len(page) == 0 {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("pages of %d: %v", limit, got)
		}
	}
	page, err := d.Changes(t.Context(), all[n-1].ID, 5)
	must(t, err)
	equal(t, "before the first", len(page), 0)
}

func testChangesRefused(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	ctx := t.Context()
	for _, by := range []string{"", strings.Repeat("x", 65), "é", "a\nb", "a\x00", "\x7f", "\xff"} {
		_, removeKeys := d.RemoveKeys(ctx, by, keyOf(1))
		_, removeAllowed := d.RemoveAllowed(ctx, by, hashOf(1))
		_, removeDenied := d.RemoveDenied(ctx, by, hashOf(1))
		for i, err := range []error{
			d.AddKeys(ctx, by, Key{Key: keyOf(1)}), removeKeys,
			d.AddAllowed(ctx, by, hashOf(1)), removeAllowed,
			d.AddDenied(ctx, by, Denied{Hash: hashOf(1)}), removeDenied,
			d.Note(ctx, by, ActionReload, "", 1),
		} {
			if err == nil || !strings.Contains(err.Error(), "who asks") {
				t.Errorf("%d by %q: %v", i, by, err)
			}
		}
	}
	for _, action := range []string{"", "a b", "Reload", "é", "'", strings.Repeat("x", 33)} {
		if err := d.Note(ctx, "tester", action, "", 1); err == nil || !strings.Contains(err.Error(), "action") {
			t.Errorf("action %q: %v", action, err)
		}
	}
	for _, subject := range []string{"a\nb", "\xff", "\u202e", strings.Repeat("x", MaxText+1)} {
		if err := d.Note(ctx, "tester", ActionReload, subject, 1); err == nil || !strings.Contains(err.Error(), "subject") {
			t.Errorf("subject %q: %v", subject, err)
		}
	}
	equal(t, "changes", len(allChanges(t, d)), 0)
	equal(t, "entries", len(allKeys(t, d))+len(allAllowed(t, d))+len(allDenied(t, d)), 0)
}

// testChangesTogether takes the log away: then nothing can be changed either. And
// a change that is refused leaves no line.
func testChangesTogether(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	ctx := t.Context()
	must(t, d.AddKeys(ctx, "tester", Key{Key: keyOf(1)}))
	must(t, d.AddAllowed(ctx, "tester", hashOf(1)))
	must(t, d.AddDenied(ctx, "tester", Denied{Hash: hashOf(1)}))
	lines := len(allChanges(t, d))
	if d.AddKeys(ctx, "tester", Key{Key: keyOf(2)}, Key{Key: "no key"}) == nil {
		t.Error("added what is no key")
	}
	called, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := d.changeBy(called, "tester", ActionKeyAdd, "", func(tx *transaction) (int64, error) {
		cancel()
		return 1, nil
	}); err == nil {
		t.Error("committed though it was called off")
	}
	equal(t, "lines", len(allChanges(t, d)), lines)

	_, err := d.write.Exec("DROP TABLE shoal_changes")
	must(t, err)
	n1, removeKeys := d.RemoveKeys(ctx, "tester", keyOf(1))
	n2, removeAllowed := d.RemoveAllowed(ctx, "tester", hashOf(1))
	n3, removeDenied := d.RemoveDenied(ctx, "tester", hashOf(1))
	equal(t, "found", n1+n2+n3, 0)
	for i, err := range []error{
		d.AddKeys(ctx, "tester", Key{Key: keyOf(2)}, Key{Key: keyOf(1), Label: "new"}), removeKeys,
		d.AddAllowed(ctx, "tester", hashOf(2)), removeAllowed,
		d.AddDenied(ctx, "tester", Denied{Hash: hashOf(2)}, Denied{Hash: hashOf(1), Reason: "new"}), removeDenied,
		d.Note(ctx, "tester", ActionReload, "", 1),
	} {
		if err == nil || !strings.Contains(err.Error(), "shoal_changes") {
			t.Errorf("%d: %v", i, err)
		}
	}
	keys, denied := allKeys(t, d), allDenied(t, d)
	if len(keys) != 1 || keys[0].Label != "" || len(denied) != 1 || denied[0].Reason != "" {
		t.Error(keys, denied)
	}
	if got := allAllowed(t, d); !slices.Equal(got, []shoal.InfoHash{hashOf(1)}) {
		t.Error(got)
	}
}

// testChangesTwoNodes has as many lines as there were changes, whatever had to be
// tried again.
func testChangesTwoNodes(t *testing.T, p place) {
	c := p.fresh(t)
	nodes := []*Database{open(t, c), open(t, c)}
	const workers, rounds, same = 6, 8, 40
	var work sync.WaitGroup
	for w := range workers {
		d, by := nodes[w%2], fmt.Sprint("worker ", w)
		work.Go(func() {
			for range rounds {
				var keys []Key
				for n := range same {
					keys = append(keys, Key{Key: keyOf(n)})
				}
				if err := d.AddKeys(t.Context(), by, keys...); err != nil {
					t.Error(err)
				}
				if err := d.AddDenied(t.Context(), by, Denied{Hash: hashOf(1), Reason: by}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	trimmed := make(chan error, 1)
	work.Go(func() { _, err := nodes[1].TrimChanges(t.Context(), ChangesKept); trimmed <- err })
	work.Wait()
	must(t, <-trimmed)
	counts := map[string]int{}
	for _, c := range allChanges(t, nodes[0]) {
		counts[fmt.Sprint(c.Who, " ", c.Action, " ", c.Count)]++
	}
	equal(t, "kinds of lines", len(counts), 2*workers)
	for w := range workers {
		equal(t, "grants", counts[fmt.Sprintf("worker %d key.add %d", w, same)], rounds)
		equal(t, "denials", counts[fmt.Sprintf("worker %d deny.add 1", w)], rounds)
	}
}

func testChangesTrimmed(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	n, err := d.TrimChanges(t.Context(), 1)
	must(t, err)
	equal(t, "removed from nothing", n, 0)
	const lines = min(2*trimChunk+100, many)
	must(t, d.change(t.Context(), func(tx *transaction) error {
		add := bulk{"INSERT INTO shoal_changes (id, made, who, action, subject, entries) VALUES ", "(?, 1, 'w', 'a', '', ?)", ""}
		_, err := add.exec(t.Context(), tx, lines, func(i int, values []any) []any {
			return append(values, int64(1+3*i), int64(i)) // with gaps, as servers leave them
		})
		return err
	}))
	left := lines
	for _, keep := range []int{-1, 0, lines + 1, lines, lines - 1, lines / 2, 100, 1, 1} {
		n, err := d.TrimChanges(t.Context(), keep)
		must(t, err)
		want := left
		if keep > 0 {
			want = min(left, keep)
		}
		equal(t, fmt.Sprint("removed to keep ", keep), n, int64(left-want))
		left = want
		all := allChanges(t, d)
		equal(t, "left", len(all), left)
		for i, c := range all {
			equal(t, "which", c.Count, lines-1-i)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.TrimChanges(ended, 1); err == nil {
		t.Error("trimmed by somebody who had gone")
	}
}
