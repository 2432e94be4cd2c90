package swarm

import (
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// A connection that closes leaves everything that it was in, at once and exactly.
func TestLeave(t *testing.T) {
	const torrents = 1000
	s := New(Config{PeerTimeout: time.Hour})
	var hashes []shoal.InfoHash
	want := make(map[int]int) // others in a torrent
	for n := range torrents {
		hashes = append(hashes, shoal.InfoHash{7, byte(n >> 16), byte(n >> 8), byte(n)})
		if n%2 == 0 {
			tell(s, n, 1, 1, 0)
			want[n]++
		}
		if n%3 == 0 {
			tellBrowser(s, n, 2, 1, 0)
			want[n]++
		}
		for i := range n % 5 * 20 {
			tellBrowser(s, n, 3+i, uint64(i%2), 0)
			want[n]++
		}
	}
	before, live := s.Totals(), liveBytes(s)
	for n := range torrents {
		tellBrowser(s, n, 1, uint64(n%2), 0)
	}
	if got := s.Totals(); got.Browsers != before.Browsers+torrents || got.Torrents != torrents {
		t.Fatalf("before it leaves: %+v, without it %+v", got, before)
	}
	// What it is not in does not mind, nor does it to be told twice.
	all := append(append([]shoal.InfoHash{{9}, {}}, hashes...), hashes[5], hashes[6])
	s.Leave(all, browser(1))
	if got := s.Totals(); got.Peers != before.Peers || got.Browsers != before.Browsers || got.Torrents != before.Torrents {
		t.Errorf("after it has left: %+v, without it %+v", got, before)
	}
	for n, hash := range hashes {
		if got := peersOf(s, hash); len(got) != want[n] {
			t.Errorf("torrent %d has %d peers, want %d", n, len(got), want[n])
		} else if _, ok := got[who{link: browser(1)}]; ok {
			t.Errorf("it is still in torrent %d", n)
		}
	}
	for i := range s.shards {
		s.sweep(&s.shards[i], 1)
	}
	if got := liveBytes(s); got > live*5/4 {
		t.Errorf("%d bytes are in use, %d were before it came", got, live)
	}
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
	s.Leave(hashes, 0) // no browser
	s.Leave(nil, browser(2))
	if got := s.Totals(); got.Peers != before.Peers {
		t.Errorf("nobody left, and there are %+v", got)
	}
}

// A connection that leaves takes nothing of the completed count along.
func TestLeaveKeepsCompleted(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	announceBrowser(s, 1, 5, 0)
	announceBrowser(s, 1, 0, 0)
	s.Leave([]shoal.InfoHash{{}}, browser(1))
	if got := s.Totals(); downloaded(s) != 1 || got.Torrents != 1 || got.Browsers != 0 {
		t.Errorf("downloaded %d, %+v", downloaded(s), got)
	}
}
