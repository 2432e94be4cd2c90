//go:build !race

package tracker

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/accounting"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// community is a tracker whose n-th peer is computed from its number.
type community struct {
	torrents, peers, keys int
}

func (c community) hash(n uint64) (hash shoal.InfoHash) {
	r := rand.NewPCG(n, 1)
	binary.LittleEndian.PutUint64(hash[:], r.Uint64())
	binary.LittleEndian.PutUint64(hash[8:], r.Uint64())
	return hash
}

func (c community) key(n uint64) (key shoal.AuthKey) {
	r := rand.NewPCG(n, 2)
	binary.LittleEndian.PutUint64(key[:], r.Uint64())
	binary.LittleEndian.PutUint64(key[8:], r.Uint64())
	return key
}

func (c community) request(n uint64, req *shoal.AnnounceRequest) {
	r := rand.NewPCG(n, 3)
	*req = shoal.AnnounceRequest{
		InfoHash: c.hash(r.Uint64() % uint64(c.torrents)),
		AuthKey:  c.key(r.Uint64() % uint64(c.keys)),
		PeerID:   shoal.PeerID{'-', 'q', 'B', '5', '0', '0', '0', '-', byte(n), byte(n >> 8), byte(n >> 16)},
		Addr:     netip.AddrPortFrom(netip.AddrFrom4([4]byte{81, byte(n >> 16), byte(n >> 8), byte(n)}), 6881),
		Left:     n % 4,
		NumWant:  30,
		Uploaded: n,
	}
}

// everything is every rule there is, none of which refuses the community.
func (c community) everything(denied int) *policy.Chain {
	allowed := make([]shoal.InfoHash, c.torrents)
	for n := range allowed {
		allowed[n] = c.hash(uint64(n))
	}
	keys := make([]policy.Key, c.keys)
	for n := range keys {
		keys[n].Hash = c.key(uint64(n))
	}
	bad := make([]shoal.InfoHash, denied)
	r := rand.NewPCG(4, 4)
	for n := range bad {
		binary.LittleEndian.PutUint64(bad[n][:], r.Uint64())
	}
	lists := policy.Lists{Keys: policy.NewKeys(), Allowed: []*policy.Torrents{policy.NewTorrents()}, Denied: []*policy.Torrents{policy.NewTorrents()}}
	lists.Keys.Replace(keys)
	lists.Allowed[0].ReplaceHashes(allowed)
	lists.Denied[0].ReplaceHashes(bad)
	rules := policy.DefaultConfig()
	rules.Private, rules.Listed, rules.PrivateAddresses = true, true, "drop"
	rules.ClientsDenied = []string{"-XL0012-", "-XL0013-", "-SD0100-", "-BN"}
	rules.PortsDenied = []int{22, 25, 80, 443}
	for i := range 100 {
		rules.AddressesDenied = append(rules.AddressesDenied, netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, byte(i), 0}), 24))
	}
	return policy.Compile(rules, lists)
}

func (c community) tracker(chain *policy.Chain) (*Tracker, *shoal.Clock, *accounting.Ledger) {
	clock := new(shoal.Clock)
	clock.Set(1_767_225_600_000)
	tr := New(DefaultConfig(), chain, swarm.New(swarm.Config{PeerTimeout: time.Hour}), clock)
	ledger := accounting.New(accounting.Config{Enabled: true, MaxRate: 1 << 30}, 0, time.Hour)
	tr.SetLedger(ledger)
	var req shoal.AnnounceRequest
	var res shoal.AnnounceResponse
	for n := range uint64(c.peers) {
		c.request(n, &req)
		tr.Announce(&req, &res)
	}
	return tr, clock, ledger
}

// BenchmarkAnnounce measures announces of known peers without rules, and with all
// of them and accounting. SHOAL_BENCH_PEERS and SHOAL_BENCH_DENIED set the sizes.
func BenchmarkAnnounce(b *testing.B) {
	const size = 64
	peers, denied := 1_000_000, 1_000_000
	fmt.Sscan(os.Getenv("SHOAL_BENCH_PEERS"), &peers)
	fmt.Sscan(os.Getenv("SHOAL_BENCH_DENIED"), &denied)
	c := community{torrents: max(1, peers/5), peers: peers, keys: max(1, peers/20)}
	reqs, ress, failures := make([]shoal.AnnounceRequest, size), make([]shoal.AnnounceResponse, size), make([]shoal.Failure, size)
	for i := range ress {
		ress[i] = room()
	}
	for _, kind := range []struct {
		name  string
		chain *policy.Chain
	}{
		{"nothing", nil},
		{"everything", c.everything(denied)},
	} {
		tr, clock, ledger := c.tracker(kind.chain)
		announced := false
		random := rand.NewPCG(1, 1)
		draw := func() {
			clock.Set(clock.Now() + 1)
			for i := range reqs {
				c.request(random.Uint64()%uint64(c.peers), &reqs[i])
				reqs[i].Uploaded += uint64(clock.Now())
				ress[i].Peers4 = ress[i].Peers4[:0]
			}
		}
		b.Run(kind.name+"/drawing alone", func(b *testing.B) {
			for range b.N / size {
				draw()
			}
		})
		b.Run(kind.name+"/one", func(b *testing.B) {
			b.ReportAllocs()
			announced = true
			for range b.N / size {
				draw()
				for i := range reqs {
					if f := tr.Announce(&reqs[i], &ress[i]); f != shoal.OK {
						b.Fatal(f)
					}
				}
			}
		})
		b.Run(kind.name+"/batch", func(b *testing.B) {
			b.ReportAllocs()
			announced = true
			for range b.N / size {
				draw()
				clear(failures)
				tr.AnnounceBatch(reqs, ress, failures)
				if failures[0] != shoal.OK {
					b.Fatal(failures[0])
				}
			}
		})
		counted := 0
		ledger.Drain(func(shoal.AuthKey, uint64, uint64) { counted++ })
		if announced && (counted > 0) != (kind.chain != nil) {
			b.Errorf("%s: something was counted for %d keys", kind.name, counted)
		}
	}
}

// With all rules and accounting on nothing is allocated either, whether an
// announce is let in or refused.
func TestNothingIsAllocatedWithEverything(t *testing.T) {
	const size = 64
	c := community{torrents: 500, peers: 2000, keys: 50}
	tr, clock, ledger := c.tracker(c.everything(1000))
	reqs, ress, failures := make([]shoal.AnnounceRequest, size), make([]shoal.AnnounceResponse, size), make([]shoal.Failure, size)
	for i := range reqs {
		c.request(uint64(i), &reqs[i])
		ress[i] = room()
	}
	refused := make([]shoal.AnnounceRequest, 0, 8)
	for _, change := range []func(*shoal.AnnounceRequest){
		func(r *shoal.AnnounceRequest) { r.InfoHash = shoal.InfoHash{1} },
		func(r *shoal.AnnounceRequest) { r.AuthKey = shoal.AuthKey{} },
		func(r *shoal.AnnounceRequest) { r.AuthKey[0]++ },
		func(r *shoal.AnnounceRequest) { copy(r.PeerID[:], "-XL0012-") },
		func(r *shoal.AnnounceRequest) { r.Addr = netip.MustParseAddrPort("203.0.5.5:6881") },
		func(r *shoal.AnnounceRequest) { r.Addr = netip.AddrPortFrom(r.Addr.Addr(), 22) },
	} {
		req := reqs[0]
		change(&req)
		refused = append(refused, req)
	}
	hidden := reqs[1]
	hidden.Addr = netip.MustParseAddrPort("10.0.0.1:6881")
	hashes, counts := []shoal.InfoHash{reqs[0].InfoHash, {1}}, make([]shoal.ScrapeCounts, 2)
	why := make([]shoal.Failure, len(refused))
	var moved shoal.AnnounceRequest
	for name, f := range map[string]func(){
		"Announce": func() {
			clock.Set(clock.Now() + 100)
			reqs[0].Uploaded += 10
			ress[0].Peers4 = ress[0].Peers4[:0]
			failures[0] = tr.Announce(&reqs[0], &ress[0])
		},
		"AnnounceBatch": func() {
			clock.Set(clock.Now() + 100)
			clear(failures)
			for i := range ress {
				reqs[i].Uploaded += 10
				ress[i].Peers4 = ress[i].Peers4[:0]
			}
			tr.AnnounceBatch(reqs, ress, failures)
		},
		"Announce, refused": func() {
			for i := range refused {
				why[i] = tr.Announce(&refused[i], &ress[0])
			}
		},
		"Announce, hidden": func() { moved = hidden; tr.Announce(&moved, &ress[0]) },
		"Scrape":           func() { tr.Scrape(reqs[0].AuthKey, hashes, counts) },
		"Scrape, refused":  func() { tr.Scrape(shoal.AuthKey{}, hashes, counts) },
		"Permit":           func() { tr.Permit(reqs[0].AuthKey, &hashes[0]); tr.Permit(shoal.AuthKey{}, &hashes[1]) },
	} {
		f()
		if got := testing.AllocsPerRun(100, f); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	want := []shoal.Failure{shoal.TorrentUnlisted, shoal.KeyMissing, shoal.KeyUnknown, shoal.ClientDenied, shoal.AddressDenied, shoal.PortDenied}
	if !slices.Equal(why, want) {
		t.Errorf("refused with %v, want %v", why, want)
	}
	for i, f := range failures {
		if f != shoal.OK {
			t.Fatalf("announce %d is refused: %v", i, f)
		}
	}
	counted := 0
	ledger.Drain(func(shoal.AuthKey, uint64, uint64) { counted++ })
	if counted == 0 {
		t.Error("measured the wrong thing: nothing was counted")
	}
}
