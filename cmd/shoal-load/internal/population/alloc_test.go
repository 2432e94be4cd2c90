//go:build !race

package population

import "testing"

func TestNothingAllocates(t *testing.T) {
	p := newPopulation(t, Config{Peers: 1 << 40, Torrents: 50_000_000, Seed: 1, Sources: loopbacks(32)})
	e := entry(p, 12345)
	var peer Peer
	if n := testing.AllocsPerRun(100, func() {
		p.Describe(98765, &peer)
		_ = p.Hash(peer.Torrent)
		e[3]++
	}); n != 0 {
		t.Errorf("%v allocations a peer", n)
	}
	small := newPopulation(t, Config{Peers: 1 << 20, Torrents: 50_000_000, Seed: 1, Sources: loopbacks(32)})
	if n := testing.AllocsPerRun(100, func() { small.Member(e, 3) }); n != 0 {
		t.Errorf("%v allocations a look-up", n)
	}
}
