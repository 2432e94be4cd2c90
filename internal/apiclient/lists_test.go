package apiclient

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func hashAt(i int) (hash shoal.InfoHash) {
	hash[0], hash[1] = byte(i>>8), byte(i)
	return hash
}

// asked answers every request with one text and returns what was asked.
func asked(t *testing.T, answer string) (*Client, *[]string) {
	var all []string
	return tracker(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		all = append(all, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		says(w, answer)
	}), &all
}

func wantAsked(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAdd(t *testing.T) {
	c, got := asked(t, `{"keys":[{"key":"0123456789abcdef","valid_until":7,"expiry_time":"x","label":"alice","created":5}],"more":1}`)
	keys, err := c.AddKeys(t.Context(), []NewKey{{"0123456789abcdef", "alice", 60}, {"fedcba9876543210", "", 0}})
	if err != nil || len(keys) != 1 || keys[0].Key != "0123456789abcdef" || keys[0].Label != "alice" || *keys[0].ValidUntil != 7 || *keys[0].Created != 5 {
		t.Errorf("keys %+v, error %v", keys, err)
	}
	if err := c.AddAllowed(t.Context(), []shoal.InfoHash{hashAt(1), hashAt(2)}); err != nil {
		t.Error(err)
	}
	if err := c.AddDenied(t.Context(), []NewDenied{{hashAt(1), "notice", 60}, {hashAt(2), "", 0}}); err != nil {
		t.Error(err)
	}
	wantAsked(t, *got,
		`POST /api/v1/keys/bulk {"keys":[{"key":"0123456789abcdef","seconds_valid":60,"label":"alice"},{"key":"fedcba9876543210","seconds_valid":null,"label":""}]}`,
		`POST /api/v1/whitelist/bulk {"info_hashes":["`+hashAt(1).String()+`","`+hashAt(2).String()+`"]}`,
		`POST /api/v1/deny/bulk {"torrents":[{"info_hash":"`+hashAt(1).String()+`","reason":"notice","seconds_valid":60},{"info_hash":"`+hashAt(2).String()+`","reason":"","seconds_valid":null}]}`)
}

func TestRemove(t *testing.T) {
	for answer, each := range map[string]int{`{"status":"ok","removed":1}`: 1, `{"status":"ok","removed":0}`: 0, `{"status":"ok"}`: 1} {
		c, got := asked(t, answer)
		var found [4]int
		var errs [4]error
		found[0], errs[0] = c.RemoveKeys(t.Context(), []string{"0123456789abcdef", "a/b?c#d e%"})
		found[1], errs[1] = c.RemoveAllowed(t.Context(), []shoal.InfoHash{hashAt(1), hashAt(2)})
		found[2], errs[2] = c.RemoveDenied(t.Context(), []shoal.InfoHash{hashAt(1), hashAt(2)})
		found[3], errs[3] = c.RemoveTorrents(t.Context(), []shoal.InfoHash{hashAt(1), hashAt(2)})
		for i := range found {
			if found[i] != 2*each || errs[i] != nil {
				t.Errorf("%s: call %d: %d found, error %v", answer, i, found[i], errs[i])
			}
		}
		wantAsked(t, *got, "DELETE /api/v1/key/0123456789abcdef", "DELETE /api/v1/key/a%2Fb%3Fc%23d%20e%25",
			"DELETE /api/v1/whitelist/"+hashAt(1).String(), "DELETE /api/v1/whitelist/"+hashAt(2).String(),
			"DELETE /api/v1/deny/"+hashAt(1).String(), "DELETE /api/v1/deny/"+hashAt(2).String(),
			"DELETE /api/v1/torrent/"+hashAt(1).String(), "DELETE /api/v1/torrent/"+hashAt(2).String())
	}
}

// TestRemoveStops: what follows an error is not removed, and what was is told.
func TestRemoveStops(t *testing.T) {
	c := tracker(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "2") {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		if strings.HasSuffix(r.URL.Path, "3") {
			t.Error("asked for what follows an error")
		}
		says(w, `{"removed":1}`)
	})
	found, err := c.RemoveKeys(t.Context(), []string{"1", "2", "3"})
	if found != 1 || err == nil {
		t.Errorf("%d found, error %v", found, err)
	}
}

// pages serves entries in pages of two: the first behind after.
func pages(name string, all []string, entry func(string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("limit") != "1000" {
			http.Error(w, "limit", http.StatusBadRequest)
			return
		}
		first, exact := slices.BinarySearch(all, r.URL.Query().Get("after"))
		if exact {
			first++
		}
		page, next := all[first:min(first+2, len(all))], "null"
		if first+2 < len(all) {
			next = fmt.Sprintf("%q", page[1])
		}
		var entries []string
		for _, one := range page {
			entries = append(entries, entry(one))
		}
		says(w, fmt.Sprintf(`{%q:[%s],"next":%s}`, name, strings.Join(entries, ","), next))
	}
}

func TestPages(t *testing.T) {
	for n := range 7 {
		all := []string{}
		for i := range n {
			all = append(all, hashAt(i).String())
		}
		check := func(what string, got []string, err error) {
			t.Helper()
			if err != nil || !slices.Equal(got, all) {
				t.Errorf("%s: %v, error %v, want %v", what, got, err, all)
			}
		}
		got := []string{}
		err := tracker(t, pages("keys", all, func(s string) string { return fmt.Sprintf(`{"key":%q,"uploaded":1,"downloaded":2}`, s) })).
			EachKey(t.Context(), func(k Key) error {
				if k.Uploaded != 1 || k.Downloaded != 2 || k.ValidUntil != nil {
					t.Errorf("key %+v", k)
				}
				got = append(got, k.Key)
				return nil
			})
		check("keys", got, err)

		got = []string{}
		err = tracker(t, pages("torrents", all, func(s string) string { return fmt.Sprintf("%q", s) })).
			EachAllowed(t.Context(), func(hash shoal.InfoHash) error { got = append(got, hash.String()); return nil })
		check("whitelist", got, err)

		got = []string{}
		err = tracker(t, pages("torrents", all, func(s string) string {
			return fmt.Sprintf(`{"info_hash":%q,"reason":"a\tb","created":1,"valid_until":null}`, s)
		})).EachDenied(t.Context(), func(d Denied) error {
			if d.Reason != "a b" || d.ValidUntil != nil || *d.Created != 1 {
				t.Errorf("denied %+v", d)
			}
			got = append(got, d.Hash.String())
			return nil
		})
		check("deny list", got, err)
	}
}

// TestPagesThatDoNotGoOn: a tracker cannot keep a command busy for ever.
func TestPagesThatDoNotGoOn(t *testing.T) {
	c, got := asked(t, `{"keys":[{"key":"0123456789abcdef"}],"torrents":[],"next":"0123456789abcdef"}`)
	if err := c.EachKey(t.Context(), func(Key) error { return nil }); err == nil || !strings.Contains(err.Error(), "do not go on") {
		t.Errorf("error %v", err)
	}
	if len(*got) != 2 {
		t.Errorf("asked %d times", len(*got))
	}
}

func TestNoTorrentInAList(t *testing.T) {
	c, _ := asked(t, `{"torrents":["0123"]}`)
	if err := c.EachAllowed(t.Context(), func(shoal.InfoHash) error { return nil }); err == nil {
		t.Error("taken as a hash")
	}
	c, _ = asked(t, `{"torrents":[{"info_hash":""}]}`)
	if err := c.EachDenied(t.Context(), func(Denied) error { return nil }); err == nil {
		t.Error("taken as a hash")
	}
}
