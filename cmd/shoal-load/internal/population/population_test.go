package population

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func loopbacks(n int) (sources []netip.Addr) {
	for a := netip.MustParseAddr("127.64.0.1"); len(sources) < n; a = a.Next() {
		sources = append(sources, a)
	}
	return sources
}

func newPopulation(t testing.TB, c Config) *Population {
	t.Helper()
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func entry(p *Population, peer uint64) []byte {
	b := p.sources[p.Source(peer)].AsSlice()
	return binary.BigEndian.AppendUint16(b, p.Port(peer))
}

// TestDistinct fills every address and port there is.
func TestDistinct(t *testing.T) {
	p := newPopulation(t, Config{Peers: 3 * Ports, Torrents: 1000, Seed: 1, Sources: loopbacks(3)})
	if p.Shared() {
		t.Error("as many peers as addresses and ports, and they share")
	}
	seen := map[[6]byte]bool{}
	for peer := range p.Peers() {
		e := [6]byte(entry(p, peer))
		if seen[e] {
			t.Fatalf("peer %d has the address of another", peer)
		}
		seen[e] = true
		if p.Port(peer) < FirstPort {
			t.Fatalf("peer %d has port %d", peer, p.Port(peer))
		}
	}
	if !newPopulation(t, Config{Peers: 3*Ports + 1, Torrents: 1, Sources: loopbacks(3)}).Shared() {
		t.Error("one peer more, and they do not share")
	}
}

// TestMember holds the way back, from an address to what it may be handed out
// for, against the way there.
func TestMember(t *testing.T) {
	scattered := []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.0.0.3")}
	v6 := []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("fd00::7")}
	for name, c := range map[string]Config{
		"alone":     {Peers: 1, Torrents: 1, Sources: loopbacks(1)},
		"few":       {Peers: 1000, Torrents: 50, Seed: 2, Sources: loopbacks(7)},
		"shared":    {Peers: 5*Ports + 17, Torrents: 300, Seed: 3, Sources: loopbacks(2)},
		"scattered": {Peers: 1000, Torrents: 50, Seed: 4, Sources: scattered},
		"IPv6":      {Peers: 1000, Torrents: 50, Seed: 5, Sources: v6},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPopulation(t, c)
			there := map[string]map[uint64]bool{}
			for peer := range p.Peers() {
				e := string(entry(p, peer))
				if there[e] == nil {
					there[e] = map[uint64]bool{}
				}
				there[e][p.Torrent(peer)] = true
			}
			checked := 0
			for e, torrents := range there {
				if checked++; checked > 5000 {
					break
				}
				for torrent := range min(c.Torrents, 60) {
					if got := p.Member([]byte(e), torrent); got != torrents[torrent] {
						t.Fatalf("entry %x, torrent %d: %v", e, torrent, got)
					}
				}
			}
			if len(there) == 0 || p.EntrySize() != len(c.Sources[0].AsSlice())+2 {
				t.Errorf("entries of %d bytes", p.EntrySize())
			}
		})
	}
}

func TestStrangers(t *testing.T) {
	p := newPopulation(t, Config{Peers: 1000, Torrents: 1, Sources: loopbacks(10)})
	if !p.Member(entry(p, 0), 0) {
		t.Fatal("peer 0 is a stranger")
	}
	for name, e := range map[string][]byte{
		"address before":      {127, 64, 0, 0, 0x04, 0x00},
		"address behind":      {127, 64, 0, 11, 0x04, 0x00},
		"another network":     {192, 0, 2, 1, 0x04, 0x00},
		"port 0":              {127, 64, 0, 1, 0, 0},
		"privileged port":     {127, 64, 0, 1, 0x03, 0xFF},
		"port of no peer":     {127, 64, 0, 1, 0x04, 0x01},
		"IPv6 to an IPv4 one": append(netip.MustParseAddr("::1").AsSlice(), 4, 0),
	} {
		if p.Member(e, 0) {
			t.Errorf("%s: a member", name)
		}
	}
}

// TestCounts wants every peer to be some source's, once.
func TestCounts(t *testing.T) {
	for _, peers := range []uint64{1, 6, 7, 8, 1000} {
		p := newPopulation(t, Config{Peers: peers, Torrents: 10, Sources: loopbacks(7)})
		seen := map[uint64]bool{}
		for source := range 7 {
			for i := range p.Count(source) {
				peer := p.Peer(source, i)
				if peer >= peers || seen[peer] || p.Source(peer) != source {
					t.Fatalf("%d peers: peer %d of source %d", peers, peer, source)
				}
				seen[peer] = true
			}
		}
		if len(seen) != int(peers) {
			t.Errorf("%d peers: %d found", peers, len(seen))
		}
	}
}

// TestPopularity: a rank has ln((r+2)/(r+1))/ln(T+1) of the peers.
func TestPopularity(t *testing.T) {
	const peers, torrents = 400_000, 10_000
	p := newPopulation(t, Config{Peers: peers, Torrents: torrents, Seeders: 75, Seed: 9, Sources: loopbacks(32)})
	counts := make([]float64, torrents)
	seeders := 0.0
	var peer Peer
	for number := range p.Peers() {
		p.Describe(number, &peer)
		if peer.Torrent != p.Torrent(number) || peer.Port != p.Port(number) {
			t.Fatalf("peer %d is described as another", number)
		}
		counts[peer.Torrent]++
		if peer.Left == 0 {
			seeders++
		}
	}
	near := func(what string, got, share float64) {
		t.Helper()
		want, deviation := peers*share, math.Sqrt(peers*share*(1-share))
		if math.Abs(got-want) > 6*deviation {
			t.Errorf("%s: %v, want about %v", what, got, want)
		}
	}
	for _, rank := range []float64{0, 1, 9, 99} {
		near("rank", counts[int(rank)], math.Log((rank+2)/(rank+1))/math.Log(torrents+1))
	}
	near("seeders", seeders, 0.75)
}

func TestSeedersAllOrNone(t *testing.T) {
	for percent, left := range map[float64]uint64{0: LeechersLeft, 100: 0} {
		p := newPopulation(t, Config{Peers: 5000, Torrents: 10, Seeders: percent, Sources: loopbacks(1)})
		for number := range p.Peers() {
			var peer Peer
			if p.Describe(number, &peer); peer.Left != left {
				t.Fatalf("%v %% seeders: peer %d has %d left", percent, number, peer.Left)
			}
		}
	}
}

// TestIdentities wants peer IDs and info hashes to differ, and to stay.
func TestIdentities(t *testing.T) {
	c := Config{Peers: 20_000, Torrents: 20_000, Seed: 7, Sources: loopbacks(3)}
	p, same := newPopulation(t, c), newPopulation(t, c)
	c.Seed = 8
	other := newPopulation(t, c)
	ids, hashes := map[shoal.PeerID]bool{}, map[shoal.InfoHash]bool{}
	for i := range p.Peers() {
		var peer, again Peer
		p.Describe(i, &peer)
		same.Describe(i, &again)
		if peer != again || p.Hash(i) != same.Hash(i) {
			t.Fatalf("peer or torrent %d is another the second time", i)
		}
		if p.Hash(i) == other.Hash(i) {
			t.Fatalf("torrent %d has its hash for two seeds", i)
		}
		ids[peer.ID], hashes[p.Hash(i)] = true, true
	}
	if len(ids) != int(p.Peers()) || len(hashes) != int(p.Peers()) {
		t.Errorf("%d IDs and %d hashes of %d", len(ids), len(hashes), p.Peers())
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []Config{{Peers: 1, Torrents: 1}, {Torrents: 1, Sources: loopbacks(1)}, {Peers: 1, Sources: loopbacks(1)}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

func TestBelow(t *testing.T) {
	r := NewRandom(1)
	seen := map[uint64]int{}
	for range 10_000 {
		seen[r.Below(10)]++
	}
	for n := range uint64(10) {
		if seen[n] < 800 || seen[n] > 1200 {
			t.Errorf("%d came %d times of 10000", n, seen[n])
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d numbers below 10", len(seen))
	}
}

// A spray: hardly a torrent has two peers, and all of the range is used.
func TestUniform(t *testing.T) {
	p := newPopulation(t, Config{Peers: 10000, Torrents: 1 << 40, Uniform: true, Seed: 1, Sources: loopbacks(1)})
	seen := make(map[uint64]bool)
	var high int
	for n := range uint64(10000) {
		torrent := p.Torrent(n)
		if torrent >= 1<<40 {
			t.Fatalf("torrent %d of %d", torrent, uint64(1<<40))
		}
		if torrent >= 1<<39 {
			high++
		}
		seen[torrent] = true
	}
	if len(seen) < 9990 || high < 4600 || high > 5400 {
		t.Errorf("%d torrents of 10000 peers, %d in the upper half", len(seen), high)
	}
}
