package apiclient

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestEachTorrent(t *testing.T) {
	var all []Torrent
	for i := range 5 {
		all = append(all, Torrent{InfoHash: hashAt(i).String(), Seeders: uint64(i), Completed: 7, Leechers: 1})
	}
	for n := range all {
		want := all[:n]
		c := tracker(t, func(w http.ResponseWriter, r *http.Request) {
			first := slices.IndexFunc(want, func(t Torrent) bool { return t.InfoHash > r.URL.Query().Get("after") })
			page := []Torrent{}
			if first >= 0 {
				page = want[first:min(first+2, len(want))]
			}
			text, err := json.Marshal(page)
			if err != nil {
				t.Error(err)
			}
			says(w, string(text))
		})
		var got []Torrent
		if err := c.EachTorrent(t.Context(), func(t Torrent) error { got = append(got, t); return nil }); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, error %v, want %v", got, err, want)
		}
	}
}

// TestTorrentsByNumber: Torrust's API knows offsets alone. One that comes in between
// moves the others, which are not told twice.
func TestTorrentsByNumber(t *testing.T) {
	all := []string{}
	for i := range 5 {
		all = append(all, hashAt(2*i+2).String())
	}
	asked := 0
	c := tracker(t, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 3 {
			all = slices.Insert(all, 0, hashAt(1).String())
		}
		first, _ := strconv.Atoi(r.URL.Query().Get("offset")) // none is 0
		page := []string{}
		for _, hash := range all[min(first, len(all)):min(first+2, len(all))] {
			page = append(page, `{"info_hash":"`+hash+`"}`)
		}
		says(w, "["+strings.Join(page, ",")+"]")
	})
	var got []string
	err := c.EachTorrent(t.Context(), func(t Torrent) error { got = append(got, t.InfoHash); return nil })
	if err != nil || !slices.Equal(got, all[1:]) {
		t.Errorf("%v, error %v", got, err)
	}
}

// TestTorrentsThatDoNotGoOn: a tracker cannot keep a command busy for ever.
func TestTorrentsThatDoNotGoOn(t *testing.T) {
	c, got := asked(t, `[{"info_hash":"`+hashAt(1).String()+`"}]`)
	err := c.EachTorrent(t.Context(), func(Torrent) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "do not go on") || len(*got) != 3 {
		t.Errorf("error %v after %d requests", err, len(*got))
	}
}

func TestTorrent(t *testing.T) {
	c, got := asked(t, `{
		"info_hash": "`+hashAt(1).String()+`", "seeders": 1, "completed": 2, "leechers": 3,
		"peers": [
			{"peer_id": {"id": "0x2d", "client": "qBit\u001btorrent"}, "peer_addr": "[2001:db8::1]:6881", "uploaded": 1, "downloaded": 2, "left": 0, "event": "Completed"},
			{"peer_id": null, "peer_addr": null, "uploaded": null, "downloaded": null, "left": null, "event": null}
		], "of another version": 1}`)
	s, err := c.Torrent(t.Context(), hashAt(1))
	if err != nil {
		t.Fatal(err)
	}
	wantAsked(t, *got, "GET /api/v1/torrent/"+hashAt(1).String())
	if s.Torrent != (Torrent{hashAt(1).String(), 1, 2, 3}) || len(s.Peers) != 2 {
		t.Fatalf("%+v", s)
	}
	if p := s.Peers[0]; *p.ID.Client != "qBit torrent" || *p.Addr != "[2001:db8::1]:6881" || *p.Left != 0 || *p.Uploaded != 1 || *p.Downloaded != 2 || *p.Event != "Completed" {
		t.Errorf("%+v", p)
	}
	if p := s.Peers[1]; p != (Peer{}) {
		t.Errorf("%+v", p)
	}
	if text := string(s.JSON); strings.ContainsAny(text, "\n\t") || !strings.Contains(text, `"of another version":1`) {
		t.Errorf("%s", text)
	}
}

func TestTorrentNotHeld(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   bool
	}{
		{404, `{"title":"Not Found","status":404,"detail":"this torrent is not held"}`, true},
		{200, `"torrent not known"`, true},
		{404, `404 page not found`, false},
		{500, `{"title":"Internal Server Error"}`, false},
		{200, `{"info_hash":"of no torrent"}`, false},
	} {
		c := tracker(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		})
		if _, err := c.Torrent(t.Context(), shoal.InfoHash{}); err == nil || errors.Is(err, ErrNotHeld) != test.want {
			t.Errorf("%d %s: error %v", test.status, test.body, err)
		}
	}
}
