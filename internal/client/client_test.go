package client

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-tracker/shoal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is far more than any test needs; it only ends one that hangs.
const patience = time.Minute

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func request() *shoal.AnnounceRequest {
	return &shoal.AnnounceRequest{
		InfoHash: shoal.InfoHash{1, 2, 3, 0xff},
		PeerID:   shoal.PeerID([]byte("-SH0100-abcdefghijkl")),
		Addr:     netip.AddrPortFrom(netip.Addr{}, 6881),
		Uploaded: 1, Downloaded: 2, Left: 3, NumWant: 4,
		Event: shoal.EventStarted,
	}
}

func hashes(n int) []shoal.InfoHash {
	hashes := make([]shoal.InfoHash, n)
	for i := range hashes {
		hashes[i] = shoal.InfoHash{byte(i), 'h'}
	}
	return hashes
}

// countsOf is what the trackers of these tests know of a torrent.
func countsOf(hash shoal.InfoHash) shoal.ScrapeCounts {
	n := uint32(hash[0])
	return shoal.ScrapeCounts{Complete: n, Downloaded: 2 * n, Incomplete: 3 * n}
}

func wantCounts(t *testing.T, hashes []shoal.InfoHash, counts []shoal.ScrapeCounts, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(counts) != len(hashes) {
		t.Fatalf("got counts of %d torrents, want %d", len(counts), len(hashes))
	}
	for i, hash := range hashes {
		if counts[i] != countsOf(hash) {
			t.Errorf("torrent %d: got %+v, want %+v", i, counts[i], countsOf(hash))
		}
	}
}

func TestURL(t *testing.T) {
	tests := []struct{ url, want string }{
		{"ftp://tracker.example/announce", "must begin with udp://, http://, https://, ws:// or wss://"},
		{"tracker.example:6969", "must begin with udp://, http://, https://, ws:// or wss://"},
		{"", "must begin with udp://, http://, https://, ws:// or wss://"},
		{"udp://tracker.example/announce", "has no port"},
		{"http:///announce", "has no host"},
		{"ws:///announce", "has no host"},
		{"wss://:443/announce", "has no host"},
		{"udp://:6969/announce", "has no host"},
		{"http://tracker.example:port/announce", "invalid port"},
	}
	for _, test := range tests {
		if _, err := Announce(t.Context(), test.url, request()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("announce to %q: got %v, want %q", test.url, err, test.want)
		}
		if _, err := Scrape(t.Context(), test.url, hashes(1)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("scrape of %q: got %v, want %q", test.url, err, test.want)
		}
	}
}

func TestRefusedError(t *testing.T) {
	for _, test := range []struct {
		err  RefusedError
		want string
	}{
		{RefusedError{Reason: "go away"}, `tracker refused: "go away"`},
		{RefusedError{Reason: "go away", RetryIn: "never"}, `tracker refused: "go away", retry in: "never"`},
		{RefusedError{Reason: "\x1b[2J", RetryIn: "\a"}, `tracker refused: "\x1b[2J", retry in: "\a"`},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
