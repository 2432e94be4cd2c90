package swarm

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal"
)

// model is the naive swarm that the Store is held against: a list a torrent,
// walked from end to end for everything.
type model struct {
	timeout   time.Duration
	torrents  map[shoal.InfoHash][]modelPeer
	completed map[shoal.InfoHash]uint32
}

type modelPeer struct {
	addr    netip.AddrPort
	id      shoal.PeerID
	seeder  bool
	counted bool
	seen    shoal.Tick
}

func (m *model) announce(req *shoal.AnnounceRequest, now shoal.Tick) {
	peers := m.torrents[req.InfoHash]
	at := slices.IndexFunc(peers, func(p modelPeer) bool { return p.addr == req.Addr })
	switch {
	case req.Event == shoal.EventStopped:
		if at >= 0 {
			m.torrents[req.InfoHash] = slices.Delete(peers, at, at+1)
		}
	case at >= 0:
		p := &peers[at]
		if !p.seeder && !p.counted && (req.Seeder() || req.Event == shoal.EventCompleted) {
			p.counted = true
			m.completed[req.InfoHash]++
		}
		p.seeder, p.seen, p.id = req.Seeder(), now, req.PeerID
	case req.Addr.Port() != 0:
		m.torrents[req.InfoHash] = append(peers, modelPeer{addr: req.Addr, id: req.PeerID, seeder: req.Seeder(), seen: now})
	}
}

func (m *model) expire(now shoal.Tick) {
	for hash, peers := range m.torrents {
		m.torrents[hash] = slices.DeleteFunc(peers, func(p modelPeer) bool { return now.Sub(p.seen) >= m.timeout })
	}
}

func (m *model) scrape(h shoal.InfoHash) shoal.ScrapeCounts {
	c := shoal.ScrapeCounts{Downloaded: m.completed[h]}
	for _, p := range m.torrents[h] {
		if p.seeder {
			c.Complete++
		} else {
			c.Incomplete++
		}
	}
	return c
}

// given returns who may be handed to the asker: everybody else, seeders not to
// seeders.
func (m *model) given(req *shoal.AnnounceRequest) map[netip.AddrPort]shoal.PeerID {
	given := make(map[netip.AddrPort]shoal.PeerID)
	for _, p := range m.torrents[req.InfoHash] {
		if p.addr != req.Addr && !(req.Seeder() && p.seeder) {
			given[p.addr] = p.id
		}
	}
	return given
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const timeout = 100 * time.Second
		s := New(Config{PeerTimeout: timeout, Details: true, Seed: 1})
		m := &model{timeout: timeout, torrents: map[shoal.InfoHash][]modelPeer{}, completed: map[shoal.InfoHash]uint32{}}
		clock := shoal.Tick(1)
		hash := func() shoal.InfoHash { return shoal.InfoHash{byte(rapid.IntRange(0, 2).Draw(t, "torrent"))} }

		t.Repeat(map[string]func(*rapid.T){
			"announce": func(t *rapid.T) {
				req := shoal.AnnounceRequest{
					InfoHash: hash(),
					PeerID:   shoal.PeerID{byte(rapid.IntRange(0, 255).Draw(t, "id"))},
					Addr:     drawAddr(t),
					Left:     uint64(rapid.IntRange(0, 1).Draw(t, "left")),
					NumWant:  rapid.IntRange(0, 12).Draw(t, "numwant"),
					Event:    shoal.Event(rapid.IntRange(0, 4).Draw(t, "event")),
				}
				res := room(10)
				res.Complete, res.Incomplete = 99, 99 // of the announce before
				s.Announce(&req, &res, clock)
				m.announce(&req, clock)
				checkAnswer(t, m, &req, &res)
			},
			"wait": func(t *rapid.T) {
				clock = clock.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second)
				for i := range s.shards {
					s.sweep(&s.shards[i], nil, clock)
				}
				m.expire(clock)
			},
			"": func(t *rapid.T) { // after each step
				hashes := []shoal.InfoHash{{0}, {1}, {2}, {3}}
				counts := make([]shoal.ScrapeCounts, len(hashes))
				s.Scrape(hashes, counts)
				peers := 0
				for i, h := range hashes {
					if want := m.scrape(h); counts[i] != want {
						t.Fatalf("scrape of %v: %+v, the model has %+v", h, counts[i], want)
					}
					peers += len(m.torrents[h])
				}
				if got := s.Totals().Peers; got != peers {
					t.Fatalf("%d peers in all, the model has %d", got, peers)
				}
				checkPlaces(t, s)
			},
		})
	})
}

func drawAddr(t *rapid.T) netip.AddrPort {
	n := uint32(rapid.IntRange(1, 12).Draw(t, "host"))
	port := uint16(rapid.IntRange(0, 3).Draw(t, "port"))
	if rapid.Bool().Draw(t, "ipv6") {
		return netip.AddrPortFrom(addr6(n), port)
	}
	return netip.AddrPortFrom(addr4(n), port)
}

func checkAnswer(t *rapid.T, m *model, req *shoal.AnnounceRequest, res *shoal.AnnounceResponse) {
	counts := m.scrape(req.InfoHash)
	if res.Complete != counts.Complete || res.Incomplete != counts.Incomplete {
		t.Fatalf("counts %d/%d, the model has %+v", res.Complete, res.Incomplete, counts)
	}
	given := m.given(req)
	want4, want6 := 0, 0
	for addr := range given {
		if addr.Addr().Is4() {
			want4++
		} else {
			want6++
		}
	}
	limit := min(req.NumWant, 10)
	if req.Event == shoal.EventStopped {
		limit = 0
	}
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
		if len(peers) != got.want || len(got.ids) != got.want {
			t.Fatalf("%d peers and %d IDs of %d bytes, want %d", len(peers), len(got.ids), got.size, got.want)
		}
		for i, addr := range peers {
			id, ok := given[addr]
			if !ok {
				t.Fatalf("%v is handed out twice or should not be, to %v", addr, req.Addr)
			}
			if id != got.ids[i] {
				t.Fatalf("%v has peer ID %v, want %v", addr, got.ids[i], id)
			}
			delete(given, addr)
		}
	}
}

// checkPlaces holds the index of each family against its array.
func checkPlaces(t *rapid.T, s *Store) {
	for i := range s.shards {
		for _, torrent := range s.shards[i].torrents {
			for _, f := range []*family{&torrent.v4, &torrent.v6} {
				if len(f.places) != len(f.peers) || len(f.wire) != len(f.peers)*f.size || f.leechers > len(f.peers) {
					t.Fatalf("%d places, %d peers, %d bytes, %d leechers", len(f.places), len(f.peers), len(f.wire), f.leechers)
				}
				for p, at := range f.places {
					if f.place(at) != p {
						t.Fatalf("%v is not at its position %d", p, at)
					}
				}
			}
		}
	}
}

func room(peers int) shoal.AnnounceResponse {
	return shoal.AnnounceResponse{
		Peers4: make([]byte, 0, peers*shoal.CompactSize4),
		Peers6: make([]byte, 0, peers*shoal.CompactSize6),
		IDs4:   make([]shoal.PeerID, 0, peers),
		IDs6:   make([]shoal.PeerID, 0, peers),
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
	return netip.AddrFrom16([16]byte{0: 0xfd, 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
}
