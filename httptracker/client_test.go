package httptracker

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal"
)

func TestAppendAnnounceQuery(t *testing.T) {
	req := shoal.AnnounceRequest{
		InfoHash: testInfoHash, PeerID: shoal.PeerID([]byte("-SH0001-~._+&=%? \x00\xff\n")), Addr: netip.MustParseAddrPort("192.0.2.1:6881"),
		Uploaded: 1, Downloaded: 2, Left: 3, NumWant: 50, Event: shoal.EventStarted,
	}
	const start = "info_hash=" + testHash + "&peer_id=-SH0001-~._%2B%26%3D%25%3F%20%00%FF%0A&port=6881&uploaded=1&downloaded=2"
	if got, want := AppendAnnounceQuery([]byte("?"), &req), "?"+start+"&left=3&numwant=50&event=started&compact=1"; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	req.Left, req.NumWant, req.Event = shoal.LeftUnknown, shoal.NumWantDefault, shoal.EventNone
	if got, want := AppendAnnounceQuery(nil, &req), start+"&compact=1"; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendScrapeQuery(t *testing.T) {
	hashes := []shoal.InfoHash{testInfoHash, shoal.InfoHash([]byte("aaaaaaaaaaaaaaaaaaaa"))}
	if got, want := AppendScrapeQuery([]byte("?"), hashes), "?info_hash="+testHash+"&info_hash=aaaaaaaaaaaaaaaaaaaa"; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestQueriesReadBack(t *testing.T) {
	hash := rapid.Custom(func(t *rapid.T) shoal.InfoHash {
		return shoal.InfoHash(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "hash"))
	})
	rapid.Check(t, func(t *rapid.T) {
		req := shoal.AnnounceRequest{
			FromProxy:  stale().FromProxy,
			InfoHash:   hash.Draw(t, "info hash"),
			PeerID:     shoal.PeerID(hash.Draw(t, "peer ID")),
			Addr:       netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), rapid.Uint16().Draw(t, "port")),
			Uploaded:   rapid.Uint64().Draw(t, "uploaded"),
			Downloaded: rapid.Uint64().Draw(t, "downloaded"),
			Left:       rapid.Uint64().Draw(t, "left"),
			NumWant:    rapid.IntRange(shoal.NumWantDefault, 1<<31-1).Draw(t, "numwant"),
			Event:      shoal.Event(rapid.IntRange(0, int(shoal.EventPaused)).Draw(t, "event")),
		}
		query := AppendAnnounceQuery(nil, &req)
		got, form := stale(), Form{}
		if failure := ParseAnnounce(query, &got, &form); failure != shoal.OK || got != req || form != (Form{}) {
			t.Fatalf("%s\nread as %+v (%+v, %v)\nwant    %+v", query, got, form, failure, req)
		}

		hashes := rapid.SliceOfNDistinct(hash, 1, MaxScrape, rapid.ID).Draw(t, "hashes")
		query = AppendScrapeQuery(nil, hashes)
		if got, failure := ParseScrape(query, nil); failure != shoal.OK || !slices.Equal(got, hashes) {
			t.Fatalf("%s\nread as %v, %v", query, got, failure)
		}
	})
}
