package swarm

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal"
)

// What is asked beside the road is held against the naive store too.

func (p *pair) remove(t *rapid.T, hash shoal.InfoHash) {
	_, held := p.store.Torrent(hash)
	if got := p.store.Remove(hash); got != held {
		t.Fatalf("removed %v: %v, it was held: %v", hash, got, held)
	}
	if _, held := p.store.Torrent(hash); held {
		t.Fatalf("%v is held after it was removed", hash)
	}
	if held {
		p.naive.remove(hash, p.told != nil)
	}
}

// checkPages compares what the store lists with what the naive one has, by pages
// of drawn sizes.
func (p *pair) checkPages(t *rapid.T) {
	var want []Torrent
	for h, torrent := range p.naive.torrents {
		got, held := p.store.Torrent(h)
		switch counts := p.naive.torrent(h); {
		case held && got != counts:
			t.Fatalf("%+v, the naive one has %+v", got, counts)
		case held:
			want = append(want, got)
		case len(torrent.peers) > 0 || torrent.completed > 0 && p.told == nil:
			t.Fatalf("%v is not held, the naive one has %+v", h, counts)
		}
	}
	slices.SortFunc(want, func(a, b Torrent) int { return compareHashes(a.Hash, b.Hash) })
	limit := rapid.SampledFrom([]int{1, 2, 100}).Draw(t, "torrents a page")
	if got := allTorrents(p.store, limit); !slices.Equal(got, want) {
		t.Fatalf("by pages of %d: %v, want %v", limit, got, want)
	}
	for offset := range len(want) + 2 {
		expect := want[min(offset, len(want)):min(offset+limit, len(want))]
		if got := p.store.Torrents(nil, offset, limit); !slices.Equal(got, expect) {
			t.Fatalf("%d from %d: %v, want %v", limit, offset, got, expect)
		}
	}
	limit = rapid.SampledFrom([]int{1, 3, 700, 10_000}).Draw(t, "peers a page")
	if p.store.Totals().Peers > 100 {
		limit = max(limit, 700)
	}
	for _, torrent := range want {
		p.checkPeers(t, torrent.Hash, limit)
	}
}

// checkPeers turns the pages of a torrent.
func (p *pair) checkPeers(t *rapid.T, hash shoal.InfoHash, limit int) {
	naive := p.naive.torrents[hash].peers
	seen := make(map[who]bool)
	for _, peer := range allPeers(t, p.store, hash, limit) {
		w := who{addr: peer.Addr, link: peer.Link}
		if seen[w] || naive[w] == nil {
			t.Fatalf("%v of %v is listed twice, or is not in the naive one", w, hash)
		}
		if want := p.naive.peer(naive[w], p.store.shape4.ids); peer != want {
			t.Fatalf("%+v of %v, the naive one has %+v", peer, hash, want)
		}
		seen[w] = true
	}
	if len(seen) != len(naive) {
		t.Fatalf("%d peers of %v, the naive one has %d", len(seen), hash, len(naive))
	}
}

// allTorrents turns the pages of all torrents.
func allTorrents(s *Store, limit int) (all []Torrent) {
	var after *shoal.InfoHash
	for {
		page := s.Torrents(after, 0, limit)
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
		after = &all[len(all)-1].Hash
	}
}

// allPeers turns the pages of a torrent, with cursors that were text in between.
func allPeers(t interface{ Fatalf(string, ...any) }, s *Store, hash shoal.InfoHash, limit int) (all []Peer) {
	var after PeerCursor
	for {
		page, next, ok := s.Peers(hash, after, limit)
		if !ok {
			t.Fatalf("%v is not held", hash)
		}
		all = append(all, page...)
		if next == (PeerCursor{}) {
			return all
		}
		if len(page) != limit {
			t.Fatalf("a page of %d is not the last one, want %d", len(page), limit)
		}
		parsed, err := ParsePeerCursor(next.String())
		if err != nil || parsed != next {
			t.Fatalf("the cursor %+v comes back as %+v: %v", next, parsed, err)
		}
		after = parsed
	}
}

// At the bound of torrents one makes room for another. Which one only the store
// knows, so the naive one follows it.
func TestEvictionsAgainstMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(Config{PeerTimeout: 100 * time.Second, Seed: 1})
		if rapid.Bool().Draw(t, "with a database") {
			p.store.SetCompleted([]Completed{})
			p.told = make(table)
		}
		p.store.SetLimits(Limits{Torrents: 3})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			req := shoal.AnnounceRequest{
				InfoHash: shoal.InfoHash{byte(rapid.IntRange(0, 8).Draw(t, "torrent"))},
				Addr:     drawAddr(t),
				Link:     drawLink(t),
				Left:     uint64(rapid.IntRange(0, 1).Draw(t, "left")),
				Event:    rapid.SampledFrom([]shoal.Event{0, 0, 0, shoal.EventStopped}).Draw(t, "event"),
			}
			before := p.store.Totals()
			res := room(0)
			p.store.Announce(&req, &res, p.clock)
			if p.store.Totals().TorrentsRefused == before.TorrentsRefused {
				p.naive.announce(&req, p.clock)
			}
			p.follow(t, int(p.store.Totals().TorrentsEvicted-before.TorrentsEvicted))
			p.check(t, []shoal.InfoHash{{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}})
		}
	})
}

// follow has the naive store forget what the store has dropped to make room.
func (p *pair) follow(t *rapid.T, evicted int) {
	for h, torrent := range p.naive.torrents {
		if _, held := p.store.Torrent(h); held || len(torrent.peers) == 0 && (torrent.completed == 0 || p.told != nil) {
			continue
		}
		if evicted--; evicted < 0 || len(torrent.peers) > 1 {
			t.Fatalf("%v has made room, %d too many or with %d peers", h, -evicted, len(torrent.peers))
		}
		p.naive.remove(h, p.told != nil)
	}
}
