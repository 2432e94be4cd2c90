package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// announceBrowser puts a WebTorrent peer into a torrent.
func (k *tracker) announceBrowser(hash shoal.InfoHash, link shoal.Link, left uint64) {
	req := shoal.AnnounceRequest{InfoHash: hash, Addr: netip.MustParseAddrPort("203.0.113.1:1"), Link: link, Left: left}
	if left != 0 {
		req.Event = shoal.EventPaused
	}
	k.swarm.Announce(&req, &shoal.AnnounceResponse{}, noon)
}

func TestTorrentByKinds(t *testing.T) {
	k := newTracker(t, false, true)
	k.crowd()
	k.announceBrowser(hashB, 7, shoal.LeftUnknown)
	got := get[shownTorrent](k, "/torrent/"+strings.ToUpper(hashB.String()))
	want := [3]kind{{0, 1}, {0, 1}, {0, 1}}
	if got.Leechers != 3 || got.Seeders != 0 || [3]kind{got.IPv4, got.IPv6, got.WebTorrent} != want || len(got.Peers) != 3 || got.PeersNext != nil {
		t.Fatalf("%+v", got)
	}
	four, six, browser := got.Peers[0], got.Peers[1], got.Peers[2]
	if *four.Addr != "203.0.113.8:51413" || *six.Addr != "[2001:db8::8]:51413" || browser.Addr != nil {
		t.Errorf("addresses are %v, %v and %v", *four.Addr, *six.Addr, browser.Addr)
	}
	if *four.ID.Client != "qBittorrent" || *four.Left != 9 || *four.Uploaded != 4096 || *four.Downloaded != 1024 || *four.Event != "Started" || four.Seeder {
		t.Errorf("a peer is %+v", four)
	}
	if browser.ID.Client != nil || browser.Left != nil || *browser.Event != "Paused" {
		t.Errorf("a browser that does not say how much is left is %+v", browser)
	}
	if unit := k.swarm.SeenUnit().Milliseconds(); four.Ago < 0 || four.Ago >= unit || four.Updated+four.Ago != int64(noon) {
		t.Errorf("updated is %d, %d ms ago, at %d", four.Updated, four.Ago, noon)
	}
}

func TestPeersWithoutDetails(t *testing.T) {
	k := newTracker(t, false, false)
	k.crowd()
	text := k.must(http.MethodGet, "/torrent/"+hashC.String(), "")
	if !strings.Contains(text, `"peers":[{"peer_id":null,"peer_addr":"203.0.113.9:51413","updated":`) ||
		!strings.Contains(text, `"uploaded":null,"downloaded":null,"left":null,"event":null,"seeder":true}]`) {
		t.Error(text)
	}
	c := newTracker(t, true, false)
	c.crowd()
	c.announceBrowser(hashC, 7, 0)
	text = c.must(http.MethodGet, "/torrent/"+hashC.String(), "")
	if !strings.Contains(text, `"seeders":2,`) || strings.Count(text, "peer_addr") != 1 ||
		!strings.Contains(text, `{"id":null,"client":null},"peer_addr":"203.0.113.9:51413"`) || !strings.Contains(text, `"uploaded":0,"downloaded":0,"left":0,"event":"None"}]`) {
		t.Errorf("to the letter: %s", text)
	}
	if text = c.must(http.MethodGet, "/torrent/"+hashB.String(), ""); !strings.Contains(text, `"left":9223372036854775807,`) {
		t.Errorf("a leecher to the letter: %s", text)
	}
}

// TestAllPeers turns the pages of a torrent, from where /torrent ends too.
func TestAllPeers(t *testing.T) {
	k := newTracker(t, false, true)
	const all = 2500
	var want []string
	for i := range all {
		addr := fmt.Sprintf("198.51.%d.%d:6881", i>>8, i&255)
		want = append(want, addr)
		k.announce(hashA, addr, 1, shoal.EventNone)
	}
	slices.Sort(want)
	first := get[shownTorrent](k, "/torrent/"+hashA.String())
	if len(first.Peers) != mostShownPeers || first.PeersNext == nil {
		t.Fatalf("%d peers, next is %v", len(first.Peers), first.PeersNext)
	}
	for _, limit := range []int{9, 700, 2500, 10000} {
		var got []string
		after := new(string)
		if limit == 700 {
			after = first.PeersNext
			for _, p := range first.Peers {
				got = append(got, *p.Addr)
			}
		}
		for pages := 0; after != nil && pages <= all; pages++ {
			page := get[peerPage](k, fmt.Sprintf("/torrent/%s/peers?limit=%d&after=%s", hashA, limit, *after))
			for _, p := range page.Peers {
				got = append(got, *p.Addr)
			}
			after = page.Next
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d have %d peers, want %d", limit, len(got), all)
		}
	}
	if status, text := k.ask(http.MethodGet, "/torrent/"+hashB.String()+"/peers", ""); status != http.StatusNotFound {
		t.Errorf("peers of nothing: %d %s", status, text)
	}
	if status, text := k.ask(http.MethodGet, "/torrent/"+hashA.String()+"/peers?after=zz", ""); status != http.StatusUnprocessableEntity || !strings.Contains(text, "query.after") {
		t.Errorf("behind nonsense: %d %s", status, text)
	}
}

func TestListTorrents(t *testing.T) {
	k := newTracker(t, false, false)
	if text := k.must(http.MethodGet, "/torrents", ""); text != "[]" {
		t.Errorf("of nothing: %s", text)
	}
	var want []string
	for i := range 300 {
		k.announce(hashOf(i), "203.0.113.1:6881", 1, shoal.EventNone)
		want = append(want, hashOf(i).String())
	}
	named := "?info_hash=" + want[299] + "&info_hash=" + hashA.String()
	for _, hash := range want[:298] { // as many as a request's head surely holds
		named += "&info_hash=" + hash
	}
	for path, part := range map[string][]string{
		"":                                want,
		"?limit=7":                        want[:7],
		"?limit=0":                        {},
		"?offset=295&limit=100":           want[295:],
		"?offset=300":                     {},
		"?offset=4294967295":              {},
		"?after=" + want[9] + "&limit=2":  want[10:12],
		"?after=" + want[9] + "&offset=5": want[15:],
		"?after=" + want[299]:             {},
		named:                             append([]string{want[299]}, want[:298]...),
		"?info_hash=" + hashB.String():    {},
	} {
		got := k.send(http.MethodGet, "/torrents"+path, http.Header{"Authorization": {"Bearer " + indexToken}}, "")
		var hashes []string
		for _, one := range parsed(t, got.body).([]any) {
			hashes = append(hashes, one.(map[string]any)["info_hash"].(string))
		}
		if !slices.Equal(hashes, part) || got.header.Get("X-Total-Count") != "300" {
			t.Errorf("%.60s has %d of %s, want %d", path, len(hashes), got.header.Get("X-Total-Count"), len(part))
		}
	}
}

func TestRemoveTorrent(t *testing.T) {
	k := newTracker(t, false, false)
	k.crowd()
	if status, text := k.askAs(grafanaToken, http.MethodDelete, "/torrent/"+hashA.String(), ""); status != http.StatusForbidden {
		t.Fatalf("with scope read: %d %s", status, text)
	}
	for _, want := range []string{`{"status":"ok","removed":1}`, `{"status":"ok","removed":0}`} {
		if text := k.must(http.MethodDelete, "/torrent/"+hashA.String(), ""); text != want {
			t.Errorf("%s, want %s", text, want)
		}
		if status, _ := k.ask(http.MethodGet, "/torrent/"+hashA.String(), ""); status != http.StatusNotFound {
			t.Errorf("it is still there: %d", status)
		}
	}
	if list := get[[]listedTorrent](k, "/torrents"); len(list) != 2 {
		t.Errorf("there are %v", list)
	}
}
