package swarm

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal"
)

// pair is a Store and the naive one that is told the same.
type pair struct {
	store *Store
	naive *mapStore
	clock shoal.Tick
	told  table // what a database knows; nil: there is none
}

func newPair(c Config) *pair {
	return &pair{store: New(c), naive: newMapStore(c.PeerTimeout, c.Limits), clock: 1000}
}

func (p *pair) announce(t *rapid.T, req *shoal.AnnounceRequest) {
	res := room(10)
	res.Complete, res.Incomplete = 99, 99 // of the announce before
	p.store.Announce(req, &res, p.clock)
	p.naive.announce(req, p.clock)
	p.checkAnswer(t, req, &res)
}

func (p *pair) wait(d time.Duration) {
	for d >= 0 {
		step := min(d, 5*time.Second) // as Run does
		p.clock = p.clock.Add(step)
		for _, sh := range inUse(p.store) {
			p.store.sweep(sh, p.clock)
		}
		if d -= step; d == 0 {
			break
		}
	}
	p.naive.expire(p.clock)
}

// bring has a database come, the first time it is called.
func (p *pair) bring(t *rapid.T) {
	known := []Completed{}
	for n := range rapid.IntRange(0, 5).Draw(t, "known") {
		known = append(known, Completed{shoal.InfoHash{byte(n)}, uint32(rapid.IntRange(0, 3).Draw(t, "count"))})
	}
	p.store.SetCompleted(known)
	if p.told == nil {
		p.told = make(table)
		for _, c := range known {
			p.naive.bring(c)
			p.told.tell(c)
		}
	}
}

// drain tells the database, which then knows all.
func (p *pair) drain(t *rapid.T) {
	told := p.told
	if told == nil {
		told = make(table)
	}
	p.store.DrainCompleted(told.tell)
	for hash, torrent := range p.naive.torrents {
		if want := torrent.completed; p.told != nil && told[hash] != want || p.told == nil && told[hash] != 0 {
			t.Fatalf("the database was told %d of %v, the naive one has %d", told[hash], hash, want)
		}
	}
}

// check compares all that both hold.
func (p *pair) check(t *rapid.T, hashes []shoal.InfoHash) {
	counts := make([]shoal.ScrapeCounts, len(hashes))
	browsers := make([]shoal.ScrapeCounts, len(hashes))
	p.store.Scrape(hashes, counts)
	p.store.ScrapeBrowsers(hashes, browsers)
	for i, h := range hashes {
		if want := p.naive.scrape(h, false); counts[i] != want {
			t.Fatalf("scrape of %v: %+v, the naive one has %+v", h, counts[i], want)
		}
		if want := p.naive.scrape(h, true); browsers[i] != want {
			t.Fatalf("scrape of the browsers of %v: %+v, the naive one has %+v", h, browsers[i], want)
		}
		got := peersOf(p.store, h)
		if torrent := p.naive.torrents[h]; torrent != nil {
			for w, peer := range torrent.peers {
				want := stored{seeder: peer.req.Seeder()}
				if p.store.shape4.ids {
					want.id = peer.req.PeerID
				}
				if s, ok := got[w]; !ok || s != want {
					t.Fatalf("%v of %v: %+v (there: %v), the naive one has %+v", w, h, s, ok, want)
				}
				delete(got, w)
			}
		}
		if len(got) != 0 {
			t.Fatalf("%v has peers that the naive one has not: %v", h, got)
		}
	}
	totals := p.store.Totals()
	naive := p.naive.totals()
	held, least := p.naive.held()
	if p.told == nil {
		least = held // what is told elsewhere need not be held
	}
	naive.Torrents, naive.TorrentsEvicted, naive.Bytes = totals.Torrents, totals.TorrentsEvicted, totals.Bytes
	naive.TorrentsRefused = totals.TorrentsRefused
	if totals.Torrents > held || totals.Torrents < least || totals != naive {
		t.Fatalf("%+v in all, the naive one has %+v and %d torrents, %d with peers", totals, naive, held, least)
	}
	p.checkPages(t)
	if err := checkIntegrity(p.store); err != nil {
		t.Fatal(err)
	}
}

func TestAgainstMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(Config{
			PeerTimeout: 100 * time.Second,
			Details:     rapid.Bool().Draw(t, "details"),
			Seed:        1,
			Limits: Limits{
				Peers:           rapid.SampledFrom([]int{0, 0, 20}).Draw(t, "peers"),
				PeersPerTorrent: rapid.SampledFrom([]int{0, 0, 12}).Draw(t, "peers of a torrent"),
				PeersPerNetwork: rapid.SampledFrom([]int{0, 0, 6}).Draw(t, "peers of a network"),
			},
		})
		t.Repeat(map[string]func(*rapid.T){
			"announce": func(t *rapid.T) {
				p.announce(t, &shoal.AnnounceRequest{
					InfoHash: shoal.InfoHash{byte(rapid.IntRange(0, 2).Draw(t, "torrent"))},
					PeerID:   shoal.PeerID{byte(rapid.IntRange(0, 255).Draw(t, "id"))},
					Addr:     drawAddr(t),
					Link:     drawLink(t),
					Uploaded: rapid.Uint64().Draw(t, "uploaded"),
					Left:     uint64(rapid.IntRange(0, 1).Draw(t, "left")),
					NumWant:  rapid.IntRange(0, 12).Draw(t, "numwant"),
					Event:    shoal.Event(rapid.IntRange(0, 4).Draw(t, "event")),
					Hidden:   rapid.IntRange(0, 9).Draw(t, "hidden") == 9,
				})
			},
			"leave": func(t *rapid.T) {
				hashes := []shoal.InfoHash{{0}, {1}, {2}, {3}}[rapid.IntRange(0, 3).Draw(t, "torrent"):]
				link := browser(rapid.IntRange(0, 9).Draw(t, "browser"))
				p.store.Leave(hashes, link)
				p.naive.leave(hashes, link)
			},
			"remove": func(t *rapid.T) {
				p.remove(t, shoal.InfoHash{byte(rapid.IntRange(0, 3).Draw(t, "torrent"))})
			},
			"wait": func(t *rapid.T) {
				p.wait(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second)
			},
			"drain": p.drain,
			"a database": func(t *rapid.T) {
				if rapid.IntRange(0, 4).Draw(t, "comes") == 4 {
					p.bring(t)
				}
			},
			"move everything": func(t *rapid.T) {
				for _, sh := range inUse(p.store) {
					sh.arena.retire()
				}
				p.wait(0)
				p.checkMoved(t)
			},
			"": func(t *rapid.T) { // after each step
				p.check(t, []shoal.InfoHash{{0}, {1}, {2}, {3}, {4}})
			},
		})
	})
}

// Crowds come and go, so that families pass through every form they can take.
func TestCrowdsAgainstMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(Config{PeerTimeout: 100 * time.Second, Details: rapid.Bool().Draw(t, "details"), Seed: 1})
		families := rapid.SampledFrom([][]int{{size4}, {size6}, {sizeLink}, sizes[:]}).Draw(t, "families")
		crowd := func(t *rapid.T, event shoal.Event) {
			req := shoal.AnnounceRequest{Event: event, NumWant: 3}
			family := rapid.SampledFrom(families).Draw(t, "family")
			from := rapid.IntRange(0, 5000).Draw(t, "from")
			count := rapid.SampledFrom([]int{1, 3, 40, 500, 3000}).Draw(t, "count")
			step := rapid.IntRange(1, 2).Draw(t, "step")
			role := rapid.IntRange(0, 2).Draw(t, "role")
			for i := range count {
				n := uint32(from + i*step)
				req.Addr, req.Link = addrOf(family, n)
				req.Left = uint64(role)
				if role == 2 {
					req.Left = uint64(n % 2)
				}
				req.PeerID = shoal.PeerID{byte(n), byte(n >> 8)}
				res := room(10)
				p.store.Announce(&req, &res, p.clock)
				p.naive.announce(&req, p.clock)
				if i < 3 {
					p.checkAnswer(t, &req, &res)
				}
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1, 2:
				crowd(t, shoal.EventNone)
			case 3:
				crowd(t, shoal.EventStopped)
			case 4:
				p.wait(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second)
			case 5:
				for _, sh := range inUse(p.store) {
					sh.arena.retire()
				}
				p.wait(0)
				p.checkMoved(t)
			case 6:
				p.remove(t, shoal.InfoHash{})
			}
			p.check(t, []shoal.InfoHash{{}})
		}
		p.wait(500 * time.Second)
		p.check(t, []shoal.InfoHash{{}})
	})
}

// checkMoved checks that a sweep has left nothing in old regions.
func (p *pair) checkMoved(t *rapid.T) {
	for _, sh := range inUse(p.store) {
		c := checker{shard: sh, blocks: make(map[ref]int)}
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		for r, units := range c.blocks {
			if sh.arena.old(r) {
				t.Fatalf("a block of %d units is left in an old region", units)
			}
		}
	}
}

// inUse returns the shards that ever stored something.
func inUse(s *Store) []*shard {
	var used []*shard
	for i := range s.shards {
		if sh := &s.shards[i]; sh.directory.Load().page(0) != 0 {
			used = append(used, sh)
		}
	}
	return used
}

func drawAddr(t *rapid.T) netip.AddrPort {
	n := uint32(rapid.IntRange(1, 12).Draw(t, "host")) * 37 // some share a network
	port := uint16(rapid.IntRange(0, 3).Draw(t, "port"))
	if rapid.Bool().Draw(t, "ipv6") {
		return netip.AddrPortFrom(addr6(n), port)
	}
	return netip.AddrPortFrom(addr4(n), port)
}

// drawLink returns the Link of one of a few browsers, or mostly none.
func drawLink(t *rapid.T) shoal.Link {
	if n := rapid.IntRange(-15, 9).Draw(t, "browser"); n >= 0 {
		return browser(n)
	}
	return 0
}

// browser returns the Link of the n-th browser: all its parts matter.
func browser(n int) shoal.Link {
	return shoal.NewLink(uint8(n%3), uint8(n%2), uint32(n/2), uint32(1+n%5))
}

// addrOf returns what the n-th peer of a family announces from. All browsers
// come from one address.
func addrOf(family int, n uint32) (netip.AddrPort, shoal.Link) {
	switch family {
	case size4:
		return netip.AddrPortFrom(addr4(n), 6881), 0
	case size6:
		return netip.AddrPortFrom(addr6(n), 6881), 0
	}
	return netip.AddrPortFrom(addr4(1), 0), browser(int(n))
}

func (p *pair) checkAnswer(t *rapid.T, req *shoal.AnnounceRequest, res *shoal.AnnounceResponse) {
	counts := p.naive.scrape(req.InfoHash, req.Link != 0)
	if res.Complete != counts.Complete || res.Incomplete != counts.Incomplete {
		t.Fatalf("counts %d/%d, the naive one has %+v", res.Complete, res.Incomplete, counts)
	}
	given := p.naive.given(req)
	want4, want6, wantLinks := 0, 0, 0
	for w := range given {
		switch {
		case w.link != 0:
			wantLinks++
		case w.addr.Addr().Is4():
			want4++
		default:
			want6++
		}
	}
	limit := min(req.NumWant, 10)
	if req.Event == shoal.EventStopped {
		limit = 0
	}
	details := p.store.shape4.ids
	for _, got := range []struct {
		wire []byte
		ids  []shoal.PeerID
		size int
		want int
	}{
		{res.Peers4, res.IDs4, shoal.CompactSize4, min(want4, limit)},
		{res.Peers6, res.IDs6, shoal.CompactSize6, min(want6, limit)},
	} {
		peers := parse(got.wire, got.size)
		if len(peers) != got.want || details && len(got.ids) != got.want {
			t.Fatalf("%d peers and %d IDs of %d bytes, want %d", len(peers), len(got.ids), got.size, got.want)
		}
		for i, addr := range peers {
			id, ok := given[who{addr: addr}]
			if !ok {
				t.Fatalf("%v is handed out twice or should not be, to %v", addr, whoOf(req))
			}
			if details && id != got.ids[i] {
				t.Fatalf("%v has peer ID %v, want %v", addr, got.ids[i], id)
			}
			delete(given, who{addr: addr})
		}
	}
	if len(res.Links) != min(wantLinks, limit) {
		t.Fatalf("%d browsers, want %d", len(res.Links), min(wantLinks, limit))
	}
	for _, link := range res.Links {
		if _, ok := given[who{link: link}]; !ok {
			t.Fatalf("%#x is handed out twice or should not be, to %v", link, whoOf(req))
		}
		delete(given, who{link: link})
	}
}

func room(peers int) shoal.AnnounceResponse {
	return shoal.AnnounceResponse{
		Peers4: make([]byte, 0, peers*shoal.CompactSize4),
		Peers6: make([]byte, 0, peers*shoal.CompactSize6),
		IDs4:   make([]shoal.PeerID, 0, peers),
		IDs6:   make([]shoal.PeerID, 0, peers),
		Links:  make([]shoal.Link, 0, peers),
	}
}

func parse(wire []byte, size int) []netip.AddrPort {
	var peers []netip.AddrPort
	for ; len(wire) > 0; wire = wire[size:] {
		addr, _ := netip.AddrFromSlice(wire[:size-2])
		peers = append(peers, netip.AddrPortFrom(addr, binary.BigEndian.Uint16(wire[size-2:])))
	}
	return peers
}

func addr4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

func addr6(n uint32) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 6: byte(n >> 8), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
}
