package database

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

func testKeysWithAccounts(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	ctx := t.Context()
	at := time.Unix(1_700_000_000, 0).UTC()
	const n = 20
	var want []KeyAccount
	b := &Batch{}
	for i := range n {
		k := KeyAccount{Key: Key{Key: keyOf(i), Label: "label ≠", Created: at, Until: at.Add(time.Hour)}}
		if i%3 == 0 { // of the others nothing was counted
			k.Uploaded, k.Downloaded = uint64(i+1), 1<<40
			b.AddAccount(shoal.ParseAuthKey([]byte(k.Key.Key)), k.Uploaded, k.Downloaded)
		}
		if i == 5 {
			k.Until = time.Time{}
		}
		must(t, d.AddKeys(ctx, "tester", k.Key))
		want = append(want, k)
	}
	must(t, d.Write(ctx, "w", 1, b))
	for _, limit := range []int{1, 7, n, MaxPage} {
		var got []KeyAccount
		for after := ""; ; after = got[len(got)-1].Key.Key {
			page, err := d.KeysWithAccounts(ctx, after, limit)
			must(t, err)
			if got = append(got, page...); len(page) > limit || len(got) > n {
				t.Fatalf("%d rows of %d, %d in all", len(page), limit, len(got))
			}
			if len(page) == 0 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v", limit, got)
		}
	}
	for after, want := range map[string]int{
		"\x00": n, " ": n, "'": n, "k": n, "key\x00~": n, "key~": 0, "key\xff": 0, "\xff\x00": 0, "é": 0, "key-é": 0,
		keyOf(14) + "\x00'": n - 15, keyOf(14) + "\xff": n - 15, keyOf(14)[:20] + "\xff": n - 20, strings.Repeat("a", 5000): n,
	} {
		page, err := d.KeysWithAccounts(ctx, after, n)
		must(t, err)
		equal(t, fmt.Sprintf("behind %.70q", after), len(page), want)
		keys, err := d.Keys(ctx, after, n)
		must(t, err)
		equal(t, fmt.Sprintf("behind %.70q", after), len(keys), want)
	}
}
