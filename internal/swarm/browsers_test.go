package swarm

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Browsers and all others are in one torrent, and neither count nor are given
// each other. Its completed count is one.
func TestBrowsersAndOthersApart(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	announce(s, "192.0.2.1:1", 0, 0)
	announce(s, "[2001:db8::1]:1", 5, 0)
	announceBrowser(s, 1, 5, 0)
	announceBrowser(s, 1, 0, 0) // completes
	announceBrowser(s, 2, 5, 0)

	res := announce(s, "192.0.2.2:1", 5, 0)
	if len(res.Peers4) != 6 || len(res.Peers6) != 18 || len(res.Links) != 0 || res.Complete != 1 || res.Incomplete != 2 {
		t.Errorf("a peer is given %+v", res)
	}
	res = announceBrowser(s, 3, 5, 0)
	slices.Sort(res.Links)
	want := []shoal.Link{browser(1), browser(2)}
	slices.Sort(want)
	if !slices.Equal(res.Links, want) || len(res.Peers4)+len(res.Peers6) != 0 || res.Complete != 1 || res.Incomplete != 2 {
		t.Errorf("a browser is given %+v", res)
	}
	res = announceBrowser(s, 4, 0, 0)
	if slices.Contains(res.Links, browser(1)) || len(res.Links) != 2 || res.Complete != 2 {
		t.Errorf("a seeding browser is given %+v", res)
	}

	var peers, browsers [2]shoal.ScrapeCounts
	hashes := []shoal.InfoHash{{}, {1}}
	s.Scrape(hashes, peers[:])
	s.ScrapeBrowsers(hashes, browsers[:])
	if peers != [2]shoal.ScrapeCounts{{Complete: 1, Incomplete: 2, Downloaded: 1}} {
		t.Errorf("a scrape of peers: %+v", peers)
	}
	if browsers != [2]shoal.ScrapeCounts{{Complete: 2, Incomplete: 2, Downloaded: 1}} {
		t.Errorf("a scrape of browsers: %+v", browsers)
	}
	if got := s.Totals(); got.Peers != 7 || got.Browsers != 4 || got.Torrents != 1 {
		t.Errorf("in all: %+v", got)
	}
	res = announceBrowser(s, 1, 0, shoal.EventStopped)
	if res.Complete != 1 || res.Incomplete != 2 || len(res.Links) != 0 {
		t.Errorf("who leaves is told %+v", res)
	}
}

// A browser is its connection: not its address, nor its peer ID, nor a part of
// the Link.
func TestABrowserIsItsLink(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	links := []shoal.Link{
		shoal.NewLink(0, 0, 0, 1), shoal.NewLink(1, 0, 0, 1), shoal.NewLink(0, 1, 0, 1),
		shoal.NewLink(0, 0, 1, 1), shoal.NewLink(0, 0, 0, 2), shoal.NewLink(255, 255, shoal.MaxLinkSlot, shoal.MaxLinkGeneration),
	}
	say := func(link shoal.Link, id byte, event shoal.Event) shoal.AnnounceResponse {
		res := room(50)
		s.Announce(&shoal.AnnounceRequest{Link: link, PeerID: shoal.PeerID{id}, Left: 1, Event: event, NumWant: 50}, &res, 1)
		return res
	}
	for _, link := range links {
		say(link, 1, 0)
		say(link, 2, 0) // itself again under another name
	}
	for i, link := range links {
		res := say(link, 1, 0)
		want := slices.Delete(slices.Clone(links), i, i+1)
		slices.Sort(want)
		if slices.Sort(res.Links); !slices.Equal(res.Links, want) {
			t.Errorf("%#x is given %#x, want %#x", link, res.Links, want)
		}
	}
	for i, link := range links {
		if res := say(link, 9, shoal.EventStopped); int(res.Incomplete) != len(links)-1-i {
			t.Errorf("%d are left after %#x has left", res.Incomplete, link)
		}
	}
	if got := s.Totals(); got.Peers != 0 || got.Browsers != 0 || got.Torrents != 0 {
		t.Errorf("after all have left: %+v", got)
	}
}

// Links go behind those that the room has already, never beyond it.
func TestRoomForLinks(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	for n := range 20 {
		announceBrowser(s, n, 5, 0)
	}
	for _, c := range []struct{ length, capacity, numWant, want int }{
		{0, 0, 50, 0}, {0, 5, 50, 5}, {0, 50, 5, 5}, {0, 50, 0, 0}, {0, 50, 50, 20}, {3, 3, 50, 0}, {3, 10, 50, 7}, {3, 10, 2, 2},
	} {
		memory := make([]shoal.Link, c.capacity, c.capacity+1)
		memory = append(memory, 77)
		for i := range c.length {
			memory[i] = shoal.Link(i + 1)
		}
		res := shoal.AnnounceResponse{Links: memory[:c.length:c.capacity]}
		s.Announce(&shoal.AnnounceRequest{Link: browser(100), Left: 1, NumWant: c.numWant}, &res, 1)
		if len(res.Links) != c.length+c.want || cap(res.Links) != c.capacity || memory[c.capacity] != 77 {
			t.Errorf("%+v: %d Links in room for %d, behind it %d", c, len(res.Links), cap(res.Links), memory[c.capacity])
		}
		for i := range c.length {
			if memory[i] != shoal.Link(i+1) {
				t.Errorf("%+v: the Links that were there are now %#x", c, memory[:c.length])
			}
		}
	}
	res := shoal.AnnounceResponse{}
	s.Announce(&shoal.AnnounceRequest{Link: browser(100), Left: 1, NumWant: 5}, &res, 1)
	if res.Links != nil {
		t.Errorf("without room there are %#x", res.Links)
	}
}

// In a batch browsers are served as alone.
func TestBrowsersInABatch(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	one := New(Config{PeerTimeout: time.Hour})
	batch := New(Config{PeerTimeout: time.Hour})
	const n = 200
	for range 50 {
		reqs, ress, refused := make([]shoal.AnnounceRequest, n), make([]shoal.AnnounceResponse, n), make([]shoal.Failure, n)
		for i := range reqs {
			reqs[i] = shoal.AnnounceRequest{InfoHash: shoal.InfoHash{byte(random.IntN(3))}, Left: uint64(random.IntN(2)), NumWant: 10}
			reqs[i].Addr, reqs[i].Link = addrOf(sizes[random.IntN(3)], uint32(random.IntN(300)))
			reqs[i].Event = shoal.Event(random.IntN(5))
			ress[i] = room(10)
		}
		batch.AnnounceBatch(reqs, ress, refused, 1)
		for i := range reqs {
			want := room(10)
			one.Announce(&reqs[i], &want, 1)
			if got := &ress[i]; got.Complete != want.Complete || got.Incomplete != want.Incomplete ||
				len(got.Links) != len(want.Links) || len(got.Peers4) != len(want.Peers4) || len(got.Peers6) != len(want.Peers6) {
				t.Fatalf("%+v: in a batch %+v, alone %+v", reqs[i], got, want)
			}
		}
	}
	if err := checkIntegrity(batch); err != nil {
		t.Error(err)
	}
}
