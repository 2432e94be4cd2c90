package swarm

import (
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

func TestLimitsOfBrowsers(t *testing.T) {
	t.Run("peers are all", func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour, Limits: Limits{Peers: 3}})
		join(s, 1, false)
		for n := range 4 {
			joinBrowser(s, n, false)
		}
		join(s, 2, false)
		if got := s.Totals(); got.Peers != 3 || got.Browsers != 2 || got.PeersRefused != 3 {
			t.Errorf("got %+v", got)
		}
		if res := announceBrowser(s, 9, 1, 0); len(res.Links) != 2 || res.Incomplete != 2 {
			t.Errorf("who is not stored is answered %+v", res)
		}
	})
	t.Run("peers of a torrent apart", func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour, Limits: Limits{PeersPerTorrent: 2}})
		for n := range 5 {
			join(s, n, false)
			joinBrowser(s, n, false)
		}
		if got := s.Totals(); got.Peers != 4 || got.Browsers != 2 || got.PeersRefused != 6 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("no networks", func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour, Limits: Limits{PeersPerNetwork: 2}})
		for n := range 6000 {
			announceBrowser(s, n, 5, 0) // all from one address
		}
		announce(s, "192.0.2.1:1", 5, 0)
		announce(s, "192.0.2.1:2", 5, 0)
		announce(s, "192.0.2.1:3", 5, 0)
		if got := s.Totals(); got.Peers != 6002 || got.Browsers != 6000 || got.PeersRefused != 1 {
			t.Errorf("got %+v", got)
		}
		if n := len(s.shardOf(&shoal.InfoHash{}).networks); n != 0 {
			t.Errorf("networks of %d families are counted", n)
		}
	})
	t.Run("torrents", func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour, Limits: Limits{Torrents: 600}})
		announceBrowser(s, 1, 0, 0)
		announce(s, "192.0.2.1:1", 0, 0)
		for n := range 5000 {
			tellBrowser(s, n, n, 1, 0)
		}
		got := s.Totals()
		if got.Torrents > 600 || got.Browsers > 600 || got.TorrentsEvicted == 0 || got.TorrentsEvicted+got.TorrentsRefused != 5000-599 {
			t.Errorf("got %+v", got)
		}
		if res := announceBrowser(s, 2, 5, 0); res.Complete != 1 {
			t.Errorf("a real swarm was dropped: %+v", res)
		}
		if err := checkIntegrity(s); err != nil {
			t.Error(err)
		}
	})
}

// Somebody who is not stored does not have a torrent dropped that has peers of
// another kind alone.
func TestAStrangerDropsNothing(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	announceBrowser(s, 1, 5, 0)
	announce(s, "192.0.2.1:0", 5, 0)                      // cannot be dialed
	announce(s, "192.0.2.1:1", 5, shoal.EventStopped)     // unknown
	announce(s, "[2001:db8::1]:1", 5, shoal.EventStopped) // likewise
	s.SetLimits(Limits{Peers: 1})
	announce(s, "192.0.2.1:1", 5, 0) // at the cap
	if got := s.Totals(); got.Peers != 1 || got.Browsers != 1 || got.Torrents != 1 {
		t.Errorf("a browser was alone: %+v", got)
	}
	s = New(Config{PeerTimeout: time.Hour})
	announce(s, "192.0.2.1:1", 5, 0)
	s.SetLimits(Limits{Peers: 1})
	announceBrowser(s, 1, 5, 0)
	announceBrowser(s, 1, 5, shoal.EventStopped)
	s.Leave([]shoal.InfoHash{{}}, browser(1))
	if got := s.Totals(); got.Peers != 1 || got.Browsers != 0 || got.Torrents != 1 {
		t.Errorf("a peer was alone: %+v", got)
	}
}
