package database

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shoal-tracker/shoal"
)

func testKeys(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	created := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	k := Key{Key: NewKey(), Label: "alice", Created: created, Until: created.AddDate(1, 0, 0)}
	if _, found, err := d.Key(t.Context(), k.Key); found || err != nil {
		t.Fatal(found, err)
	}
	must(t, d.AddKeys(t.Context(), "tester", k))
	got, found, err := d.Key(t.Context(), k.Key)
	must(t, err)
	equal(t, "found", found, true)
	equal(t, "key", got, k)

	// Again: new label and expiry, the old moment of creation.
	again := Key{Key: k.Key, Label: "bob", Created: created.AddDate(5, 0, 0)}
	must(t, d.AddKeys(t.Context(), "tester", k, again))
	got, _, err = d.Key(t.Context(), k.Key)
	must(t, err)
	equal(t, "key", got, Key{Key: k.Key, Label: "bob", Created: created})
	equal(t, "keys", len(allKeys(t, d)), 1)

	// Without a moment of creation it is now.
	fresh := Key{Key: NewKey()}
	before := time.Now().Truncate(time.Second)
	must(t, d.AddKeys(t.Context(), "tester", fresh))
	got, _, err = d.Key(t.Context(), fresh.Key)
	must(t, err)
	if got.Created.Before(before) || got.Created.After(time.Now()) {
		t.Errorf("created %v, not between %v and now", got.Created, before)
	}
	for _, none := range []string{"", "short", strings.ToUpper(k.Key) + "x", "' OR 1=1 --------------", "\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"} {
		if _, found, err := d.Key(t.Context(), none); found || err != nil {
			t.Errorf("%q: %v %v", none, found, err)
		}
	}
}

// testKeyOrder has keys that a database which knows languages would put in
// another order, or take for one.
func testKeyOrder(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	var want []string
	for _, c := range "-.0189AZ_az~" {
		want = append(want, strings.Repeat(string(c), 16), strings.Repeat(string(c), 64))
	}
	slices.Sort(want)
	for _, key := range want {
		must(t, d.AddKeys(t.Context(), "tester", Key{Key: key, Label: key}))
	}
	got := allKeys(t, d)
	equal(t, "keys", len(got), len(want))
	for i, k := range got {
		equal(t, "key", k.Key, want[i])
		equal(t, "label", k.Label, want[i])
	}
	page, err := d.Keys(t.Context(), "Z", 2)
	must(t, err)
	equal(t, "page", fmt.Sprint(len(page), page[0].Key, page[1].Key), fmt.Sprint(2, strings.Repeat("Z", 16), strings.Repeat("Z", 64)))
}

func testLabels(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	labels := []string{
		"", " ", " padded ", "Ångström ≠ Å", "日本語", "🐟🐠🐡", "é", "e\u0301", strings.Repeat("é", 100), strings.Repeat("x", MaxText),
		strings.Repeat("🐟", MaxText/4), "\u200d\U0010ffff", "שלום", "مرحبا", `\`, `\0`, `\'`, `"`, "'", "''", "`", "%", "_", "?", "$1", ":a", "@a",
		`'); DROP TABLE shoal_keys; --`, `" OR ""="`, "'/*", "excluded.label ON CONFLICT (x) DO NOTHING", "{{.}}", "NULL", "null", "0",
	}
	var keys []Key
	for i, label := range labels {
		keys = append(keys, Key{Key: keyOf(i), Label: label})
	}
	must(t, d.AddKeys(t.Context(), "tester", keys...))
	for i, k := range allKeys(t, d) {
		equal(t, "label", k.Label, labels[i])
	}
	// Others read the table too: the text in it has to be that text.
	length := "CHAR_LENGTH"
	if p.name == "sqlite" {
		length = "LENGTH"
	}
	for i, label := range labels {
		var got int
		must(t, d.read.QueryRow("SELECT "+length+"(label) FROM shoal_keys WHERE passkey = '"+keyOf(i)+"'").Scan(&got))
		equal(t, "characters", got, utf8.RuneCountInString(label))
	}
	for i, label := range labels { // again one by one, and as reasons
		must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(len(labels) - 1 - i), Label: label}))
		must(t, d.AddDenied(t.Context(), "tester", Denied{Hash: hashOf(i), Reason: label}))
	}
	for i, k := range allKeys(t, d) {
		equal(t, "label", k.Label, labels[len(labels)-1-i])
	}
	for i, one := range allDenied(t, d) {
		equal(t, "reason", one.Reason, labels[i])
	}
}

func testKeysRefused(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	fine := Key{Key: keyOf(1)}
	tests := []struct {
		name string
		key  Key
		want string
	}{
		{"empty", Key{}, "16 to 64"},
		{"short", Key{Key: strings.Repeat("a", 15)}, "16 to 64"},
		{"long", Key{Key: strings.Repeat("a", 65)}, "16 to 64"},
		{"blank", Key{Key: "aaaaaaaa aaaaaaaa"}, "16 to 64"},
		{"slash", Key{Key: "aaaaaaaa/aaaaaaaa"}, "16 to 64"},
		{"not ASCII", Key{Key: strings.Repeat("é", 16)}, "16 to 64"},
		{"label too long", Key{Key: keyOf(2), Label: strings.Repeat("x", MaxText+1)}, "201 bytes"},
		{"label too long in bytes", Key{Key: keyOf(2), Label: strings.Repeat("é", 101)}, "202 bytes"},
		{"label not UTF-8", Key{Key: keyOf(2), Label: "\xc3"}, "UTF-8"},
		{"label with a line", Key{Key: keyOf(2), Label: "a\nb"}, "control"},
		{"label with zero", Key{Key: keyOf(2), Label: "a\x00b"}, "control"},
		{"label with a control character of Unicode", Key{Key: keyOf(2), Label: "a\u0085b"}, "control"},
		{"label read backwards", Key{Key: keyOf(2), Label: "a\u202eb"}, "control"},
		{"label with a mark", Key{Key: keyOf(2), Label: "\u200f"}, "control"},
		{"label with an isolate", Key{Key: keyOf(2), Label: "a\u2066b\u2069"}, "control"},
		{"label with an Arabic mark", Key{Key: keyOf(2), Label: "a\u061c"}, "control"},
		{"expiry too late", Key{Key: keyOf(2), Until: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}, "10000"},
		{"expiry far too late", Key{Key: keyOf(2), Until: time.Unix(1<<60, 0)}, "10000"},
	}
	for _, test := range tests {
		err := d.AddKeys(t.Context(), "tester", fine, test.key)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "key 2 of 2") {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && len(test.key.Key) > 5 && strings.Contains(err.Error(), test.key.Key) {
			t.Errorf("%s: the key is in the error", test.name)
		}
	}
	equal(t, "keys", len(allKeys(t, d)), 0) // not the one that is fine either
	for _, bad := range []Denied{
		{Reason: strings.Repeat("x", MaxText+1)}, {Reason: "\xff"}, {Reason: "a\tb"}, {Reason: "a\u202eb"}, {Until: time.Unix(1<<60, 0)},
	} {
		if d.AddDenied(t.Context(), "tester", Denied{Hash: hashOf(1)}, bad) == nil {
			t.Errorf("denied for %q until %v", bad.Reason, bad.Until)
		}
	}
	equal(t, "denied", len(allDenied(t, d)), 0)
}

func testKeysRemoved(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	keep, remove := Key{Key: keyOf(1)}, Key{Key: keyOf(2)}
	must(t, d.AddKeys(t.Context(), "tester", keep, remove))
	b := &Batch{}
	hashes := []shoal.AuthKey{shoal.ParseAuthKey([]byte(keep.Key)), shoal.ParseAuthKey([]byte(remove.Key))}
	for _, hash := range hashes {
		b.AddAccount(hash, 10, 20)
	}
	must(t, d.Write(t.Context(), "w", 1, b))
	for _, none := range []string{keyOf(3), "", "x' OR 'a'='a--------"} {
		found, err := d.RemoveKeys(t.Context(), "tester", none)
		must(t, err)
		equal(t, "found", found, 0)
	}
	for _, want := range []int{1, 0} {
		found, err := d.RemoveKeys(t.Context(), "tester", keyOf(7), remove.Key, "", remove.Key)
		must(t, err)
		equal(t, "found", found, want)
	}
	equal(t, "keys", len(allKeys(t, d)), 1)
	must(t, d.Write(t.Context(), "w", 2, b)) // the tracker has not heard of it yet
	for i, want := range []Account{{hashes[0], 20, 40}, {Key: hashes[1]}} {
		got, err := d.Account(t.Context(), hashes[i])
		must(t, err)
		equal(t, "account", got, want)
	}
	must(t, d.AddKeys(t.Context(), "tester", remove)) // begins with nothing
	got, err := d.Account(t.Context(), hashes[1])
	must(t, err)
	equal(t, "account", got, Account{Key: hashes[1]})
}

func testExpiries(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	tests := []struct{ until, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Unix(0, 0), time.Unix(1, 0)}, // not never
		{time.Unix(-5, 0), time.Unix(1, 0)},
		{time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Unix(1, 0)},
		{time.Unix(1_700_000_000, 0), time.Unix(1_700_000_000, 0)},
		{time.Unix(1_700_000_000, 1), time.Unix(1_700_000_001, 0)},
		{time.Unix(math.MaxUint32+1, 0), time.Unix(math.MaxUint32+1, 0)},
		{time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
	}
	for i, test := range tests {
		must(t, d.AddKeys(t.Context(), "tester", Key{Key: keyOf(i), Until: test.until}))
		must(t, d.AddDenied(t.Context(), "tester", Denied{Hash: hashOf(i), Until: test.until, Created: time.Unix(5, 5)}))
	}
	for i, k := range allKeys(t, d) {
		equal(t, "of a key", k.Until.Equal(tests[i].want), true)
		equal(t, "never", k.Until.IsZero(), tests[i].until.IsZero())
	}
	for i, one := range allDenied(t, d) {
		equal(t, "of a torrent", one.Until.Equal(tests[i].want), true)
		equal(t, "created", one.Created, time.Unix(5, 0).UTC())
	}
}

func TestNewKey(t *testing.T) {
	seen, counts := map[string]bool{}, map[rune]int{}
	const drawn = 20_000
	for range drawn {
		key := NewKey()
		if len(key) != 32 || !isKey(key) || seen[key] {
			t.Fatalf("%q", key)
		}
		seen[key] = true
		for _, c := range key {
			counts[c]++
		}
	}
	if len(counts) != 62 {
		t.Fatalf("%d different characters", len(counts))
	}
	// 61 degrees of freedom: above 200 less than once in 10¹⁵ runs.
	const mean = drawn * 32 / 62.0
	var square float64
	for c, n := range counts {
		if !strings.ContainsRune(keyAlphabet, c) {
			t.Errorf("%q", c)
		}
		square += (float64(n) - mean) * (float64(n) - mean) / mean
	}
	if square > 200 {
		t.Errorf("chi-square is %.0f: not all are as likely", square)
	}
}

func testPages(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	ctx := t.Context()
	for _, limit := range []int{-1, 0, MaxPage + 1, math.MaxInt} {
		_, one := d.Keys(ctx, "", limit)
		_, two := d.Allowed(ctx, nil, limit)
		_, three := d.Denied(ctx, nil, limit)
		_, four := d.KeysWithAccounts(ctx, "", limit)
		_, five := d.Changes(ctx, 0, limit)
		if one == nil || two == nil || three == nil || four == nil || five == nil {
			t.Errorf("a page of %d rows", limit)
		}
	}
	equal(t, "nothing", len(allKeys(t, d))+len(allAllowed(t, d))+len(allDenied(t, d)), 0)
	// The first and the last hash there are, and one that is more than a page.
	const n = MaxPage + 3
	hashes := []shoal.InfoHash{{}}
	for i := 1; i < n-1; i++ {
		hashes = append(hashes, hashOf(i))
	}
	hashes = append(hashes, shoal.InfoHash([]byte(strings.Repeat("\xff", 20))))
	var denied []Denied
	for _, h := range hashes {
		denied = append(denied, Denied{Hash: h, Reason: h.String()})
	}
	must(t, d.AddAllowed(ctx, "tester", hashes...))
	must(t, d.AddDenied(ctx, "tester", denied...))
	if !slices.Equal(allAllowed(t, d), hashes) {
		t.Error("the whitelist is not what was added")
	}
	got := allDenied(t, d)
	equal(t, "denied", len(got), n)
	for i := range got {
		equal(t, "reason", got[i].Reason, hashes[i].String())
	}
	for _, at := range []int{0, 1, 100, n - 3, n - 2, n - 1} {
		page, err := d.Allowed(ctx, &hashes[at], 2)
		must(t, err)
		if want := hashes[at+1 : min(at+3, n)]; !slices.Equal(page, want) {
			t.Errorf("behind %d: %v, want %v", at, page, want)
		}
		reasons, err := d.Denied(ctx, &hashes[at], 1)
		must(t, err)
		equal(t, "rows", len(reasons), min(1, n-1-at))
	}
	page, err := d.Allowed(ctx, nil, 1)
	must(t, err)
	equal(t, "first", page[0], shoal.InfoHash{})
	// A visitor may end it, and may change what it is shown.
	end := fmt.Errorf("enough")
	visits := 0
	err = d.EachAllowed(ctx, func(h shoal.InfoHash) error {
		if visits++; visits == 5 {
			return end
		}
		_, err := d.RemoveAllowed(context.WithoutCancel(ctx), "tester", h)
		return err
	})
	equal(t, "error", err, end)
	equal(t, "left", len(allAllowed(t, d)), n-4)
}

func testAllowed(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	must(t, d.AddAllowed(t.Context(), "tester"))
	must(t, d.AddAllowed(t.Context(), "tester", hashOf(1), hashOf(2), hashOf(1)))
	must(t, d.AddAllowed(t.Context(), "tester", hashOf(2), hashOf(3)))
	if got := allAllowed(t, d); !slices.Equal(got, []shoal.InfoHash{hashOf(1), hashOf(2), hashOf(3)}) {
		t.Error(got)
	}
	for _, want := range []int{2, 0} {
		n, err := d.RemoveAllowed(t.Context(), "tester", hashOf(1), hashOf(9), hashOf(3), hashOf(3))
		must(t, err)
		equal(t, "found", n, want)
	}
	if got := allAllowed(t, d); !slices.Equal(got, []shoal.InfoHash{hashOf(2)}) {
		t.Error(got)
	}
	equal(t, "denied", len(allDenied(t, d)), 0)
}

func testDenied(t *testing.T, p place) {
	d := open(t, p.fresh(t))
	at := time.Unix(1_700_000_000, 0).UTC()
	must(t, d.AddDenied(t.Context(), "tester",
		Denied{hashOf(1), "first", at, time.Time{}},
		Denied{hashOf(2), "never seen", at, time.Time{}},
		Denied{hashOf(2), "asked to", at, at.Add(time.Hour)}))
	must(t, d.AddDenied(t.Context(), "tester", Denied{hashOf(1), "second", at.Add(time.Minute), at.Add(2 * time.Hour)}))
	want := []Denied{{hashOf(1), "second", at, at.Add(2 * time.Hour)}, {hashOf(2), "asked to", at, at.Add(time.Hour)}}
	if got := allDenied(t, d); !slices.Equal(got, want) {
		t.Error(got)
	}
	for _, want := range []int{1, 0} {
		n, err := d.RemoveDenied(t.Context(), "tester", hashOf(1), hashOf(5))
		must(t, err)
		equal(t, "found", n, want)
	}
	equal(t, "denied", len(allDenied(t, d)), 1)
	equal(t, "allowed", len(allAllowed(t, d)), 0)
}
