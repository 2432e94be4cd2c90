package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/database"
)

func hashOf(n int) shoal.InfoHash { return shoal.InfoHash{byte(n >> 16), byte(n >> 8), byte(n), 0xab} }

// TestBulkAndPages adds many of each with one request and turns their pages.
func TestBulkAndPages(t *testing.T) {
	k := newTracker(t, false, false)
	const n = 250
	var keys, hashes, denied, wantKeys, wantHashes []string
	for i := range n {
		key, hash := fmt.Sprintf("key-of-member-%04d", i), hashOf(i).String()
		wantKeys, wantHashes = append(wantKeys, key), append(wantHashes, hash)
		keys = append(keys, fmt.Sprintf(`{"key":%q,"label":"member %d"}`, key, i))
		hashes = append(hashes, fmt.Sprintf("%q", strings.ToUpper(hash)))
		denied = append(denied, fmt.Sprintf(`{"info_hash":%q,"reason":"notice %d","seconds_valid":60}`, hash, i))
	}
	slices.Reverse(keys)
	text := k.must(http.MethodPost, "/keys/bulk", `{"keys":[`+strings.Join(keys, ",")+`]}`)
	var many manyKeys
	if err := json.Unmarshal([]byte(text), &many); err != nil || len(many.Keys) != n || many.Keys[0].Key != wantKeys[n-1] || many.Keys[0].Label != "member 249" {
		t.Errorf("%v: %.200s", err, text)
	}
	k.must(http.MethodPost, "/whitelist/bulk", `{"info_hashes":[`+strings.Join(hashes, ",")+`]}`)
	k.must(http.MethodPost, "/deny/bulk", `{"torrents":[`+strings.Join(denied, ",")+`]}`)

	for _, limit := range []int{1, 100, 125, 249, 250, 251, 1000} {
		var gotKeys, gotAllowed, gotDenied []string
		turn := func(path string, page func(path string) *string) {
			for after, pages := new(string), 0; after != nil; pages++ {
				if pages > n {
					t.Fatalf("%s by %d does not end", path, limit)
				}
				after = page(fmt.Sprintf("%s?limit=%d&after=%s", path, limit, *after))
			}
		}
		turn("/keys", func(path string) *string {
			page := get[keyPage](k, path)
			for _, key := range page.Keys {
				gotKeys = append(gotKeys, key.Key)
			}
			return page.Next
		})
		turn("/whitelist", func(path string) *string {
			page := get[allowedPage](k, path)
			gotAllowed = append(gotAllowed, page.Torrents...)
			return page.Next
		})
		turn("/deny", func(path string) *string {
			page := get[deniedPage](k, path)
			for _, d := range page.Torrents {
				gotDenied = append(gotDenied, d.InfoHash)
				if d.ValidUntil == nil || *d.ValidUntil < d.Created+60 || *d.ValidUntil > d.Created+120 || d.ExpiryTime == nil {
					t.Errorf("a denied torrent is %+v", d)
				}
			}
			return page.Next
		})
		if !slices.Equal(gotKeys, wantKeys) || !slices.Equal(gotAllowed, wantHashes) || !slices.Equal(gotDenied, wantHashes) {
			t.Errorf("pages of %d have %d keys, %d allowed, %d denied", limit, len(gotKeys), len(gotAllowed), len(gotDenied))
		}
	}
	if page := get[keyPage](k, "/keys"); len(page.Keys) != 100 {
		t.Errorf("a page has %d keys unless said", len(page.Keys))
	}
}

// TestAllOrNothing sends lists with one bad entry: nothing of them is kept.
func TestAllOrNothing(t *testing.T) {
	k := newTracker(t, false, false)
	good := hashA.String()
	for _, test := range []struct{ path, body, location string }{
		{"/keys/bulk", `{"keys":[{"key":"0123456789abcdef"},{"key":"short"}]}`, "body.keys[1].key"},
		{"/keys/bulk", `{"keys":[{"key":"0123456789abcdef"},{"seconds_valid":0}]}`, "body.keys[1].seconds_valid"},
		{"/keys/bulk", `{"keys":[{"key":"0123456789abcdef"},{"label":"` + strings.Repeat("é", 101) + `"}]}`, "body.keys[1].label"},
		{"/keys/bulk", `{"keys":[{"key":"0123456789abcdef"},{"label":"a\u0000b"}]}`, "body.keys[1].label"},
		{"/keys/bulk", `{"keys":[]}`, "body.keys"},
		{"/keys/bulk", `{"keys":null}`, "body.keys"},
		{"/keys/bulk", `{}`, "body"},
		{"/whitelist/bulk", `{"info_hashes":["` + good + `","12345"]}`, "body.info_hashes[1]"},
		{"/whitelist/bulk", `{"info_hashes":["` + good + `",null]}`, "body.info_hashes[1]"},
		{"/deny/bulk", `{"torrents":[{"info_hash":"` + good + `"},{"info_hash":"x"}]}`, "body.torrents[1].info_hash"},
		{"/deny/bulk", `{"torrents":[{"info_hash":"` + good + `"},{"info_hash":"` + good + `","reason":"\u202e"}]}`, "body.torrents[1].reason"},
		{"/deny/bulk", `{"torrents":[{"info_hash":"` + good + `"},{"reason":"none"}]}`, "body.torrents[1]"},
	} {
		status, text := k.ask(http.MethodPost, test.path, test.body)
		if status != http.StatusUnprocessableEntity || !strings.Contains(text, `"location":"`+test.location+`"`) {
			t.Errorf("%s %s: %d %s, want one at %s", test.path, test.body, status, text, test.location)
		}
	}
	var many []string
	for i := range mostEntries + 1 {
		many = append(many, `"`+hashOf(i).String()+`"`)
	}
	if status, text := k.ask(http.MethodPost, "/whitelist/bulk", `{"info_hashes":[`+strings.Join(many, ",")+`]}`); status != http.StatusUnprocessableEntity {
		t.Errorf("100,001 torrents: %d %s", status, text)
	}
	keys, allowed, denied := get[keyPage](k, "/keys"), get[allowedPage](k, "/whitelist"), get[deniedPage](k, "/deny")
	if len(keys.Keys)+len(allowed.Torrents)+len(denied.Torrents) != 0 {
		t.Fatalf("of refused lists there are %v, %v and %v", keys, allowed, denied)
	}
	if text := k.must(http.MethodPost, "/whitelist/bulk", `{"info_hashes":[`+strings.Join(many[:mostEntries], ",")+`]}`); text != `{"status":"ok"}` {
		t.Error(text)
	}
	if count, err := k.db.CountAllowed(t.Context()); err != nil || count != mostEntries {
		t.Errorf("of 100,000 torrents %d are there: %v", count, err)
	}
}

// TestOfTwoTheLater is about keys and torrents that stand in one request twice.
func TestOfTwoTheLater(t *testing.T) {
	k := newTracker(t, false, false)
	text := k.must(http.MethodPost, "/keys/bulk", `{"keys":[{"key":"0123456789abcdef","label":"first"},{},{"key":"0123456789abcdef","label":"second"}]}`)
	var many manyKeys
	if err := json.Unmarshal([]byte(text), &many); err != nil || len(many.Keys) != 3 || many.Keys[0].Label != "second" || many.Keys[2].Label != "second" || len(many.Keys[1].Key) != 32 {
		t.Errorf("%v: %s", err, text)
	}
	if key := get[heldKey](k, "/key/0123456789abcdef"); key.Label != "second" {
		t.Errorf("kept is %+v", key)
	}
	k.must(http.MethodPost, "/deny/bulk", fmt.Sprintf(`{"torrents":[{"info_hash":%q,"reason":"first"},{"info_hash":%q,"reason":"second"}]}`, hashA, hashA))
	if d := get[deniedTorrent](k, "/deny/"+hashA.String()); d.Reason != "second" {
		t.Errorf("kept is %+v", d)
	}
}

// TestOneByOne grants, asks for, and takes back, each more than once.
func TestOneByOne(t *testing.T) {
	k := newTracker(t, false, false)
	zero, v2 := shoal.InfoHash{}.String(), hashA.String()+strings.Repeat("0", 24)
	for _, path := range []string{"/key/a.key-of~an_alice", "/whitelist/" + zero, "/whitelist/" + v2, "/deny/" + zero, "/deny/" + v2} {
		if status, text := k.ask(http.MethodGet, path, ""); status != http.StatusNotFound {
			t.Errorf("GET %s: %d %s", path, status, text)
		}
		first := k.must(http.MethodPut, path, "")
		if again := k.must(http.MethodPut, path, ""); again != first {
			t.Errorf("PUT %s: %s, and then %s", path, first, again)
		}
		k.must(http.MethodGet, path, "")
		if text := k.must(http.MethodDelete, path, ""); text != `{"status":"ok","removed":1}` {
			t.Errorf("DELETE %s: %s", path, text)
		}
		if text := k.must(http.MethodDelete, path, ""); text != `{"status":"ok","removed":0}` {
			t.Errorf("DELETE %s again: %s", path, text)
		}
	}
	k.must(http.MethodPut, "/key/0123456789abcdef", `{"label":"alice","seconds_valid":3153600000}`)
	if key := get[heldKey](k, "/key/0123456789abcdef"); key.Label != "alice" || key.ValidUntil == nil || *key.ValidUntil-key.Created < mostSeconds {
		t.Errorf("%+v", key)
	}
	k.must(http.MethodPut, "/key/0123456789abcdef", `{"seconds_valid":null}`)
	if key := get[heldKey](k, "/key/0123456789abcdef"); key.Label != "" || key.ValidUntil != nil || key.ExpiryTime != nil {
		t.Errorf("%+v", key)
	}
	k.must(http.MethodPut, "/deny/"+v2, `{"reason":"notice"}`)
	if d := get[deniedTorrent](k, "/deny/"+hashA.String()); d.Reason != "notice" || d.ValidUntil != nil || d.InfoHash != hashA.String() {
		t.Errorf("%+v", d)
	}
}

// TestAccounts shows what was counted for a key.
func TestAccounts(t *testing.T) {
	k := newTracker(t, false, false)
	k.must(http.MethodPut, "/key/0123456789abcdef", "")
	k.must(http.MethodPut, "/key/0123456789abcdeg", "")
	hash := shoal.ParseAuthKey([]byte("0123456789abcdef"))
	var counted database.Batch
	counted.AddAccount(hash, 7000, 5000)
	if err := k.db.Write(t.Context(), "test", 1, &counted); err != nil {
		t.Fatal(err)
	}
	if key := get[heldKey](k, "/key/0123456789abcdef"); key.Uploaded != 7000 || key.Downloaded != 5000 {
		t.Errorf("one: %+v", key)
	}
	page := get[keyPage](k, "/keys")
	if len(page.Keys) != 2 || page.Keys[0].Uploaded != 7000 || page.Keys[0].Downloaded != 5000 || page.Keys[1].Uploaded != 0 {
		t.Errorf("all: %+v", page)
	}
}
