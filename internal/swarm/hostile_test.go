package swarm

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// However badly keys hash, an index comes to an end: with this seed all IPv4
// keys have the same hash. What finds no place is refused.
func TestKeysThatAllCollide(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	s.keySeed = [2]uint64{}
	if a, _ := makeKey(netip.MustParseAddrPort("192.0.2.1:1")); a.hash(&s.keySeed) != 0 {
		t.Fatal("these keys do not collide any more: find others")
	}
	peers := 7000
	if onHeap { // each search looks at all: too slow for race builds
		peers = 2000
	}
	for n := range peers {
		join(s, n, n%2 == 0)
	}
	totals := s.Totals()
	if totals.PeersRefused != uint64(peers-totals.Peers) || !onHeap && (totals.Peers < narrowMost || totals.Peers == peers) {
		t.Errorf("got %+v", totals)
	}
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
	for n := range peers {
		req := shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(uint32(n)), 6881), Event: shoal.EventStopped}
		var res shoal.AnnounceResponse
		s.Announce(&req, &res, 1)
	}
	for range 3 {
		s.sweep(s.shardOf(&shoal.InfoHash{}), 1)
	}
	if got := s.Totals(); got.Peers != 0 || got.Torrents != 0 {
		t.Errorf("after all have left: %+v", got)
	}
}

// The port is the client's to choose: those of one address must spread as
// others do.
func TestPortsOfOneAddressSpread(t *testing.T) {
	random := rand.NewPCG(1, 2)
	for range 300 {
		seed := [2]uint64{random.Uint64(), random.Uint64()}
		k := key{low: random.Uint64(), high: random.Uint64()}
		var pages [16]int
		for port := range 4096 {
			k.tail = uint16(port)
			pages[k.hash(&seed)>>60]++
		}
		for _, n := range pages { // 256 and six standard deviations
			if n < 160 || n > 352 {
				t.Fatalf("seed %x, address %x: %v", seed, k, pages)
			}
		}
	}
}

// The walk ahead of a batch may find anything: it must neither fail nor hang.
func TestHintsFromGarbage(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 5000 {
		join(s, i, i%2 == 0)
		tell(s, i, 1, 1, 0)
		tellBrowser(s, i, 1, 1, 0)
	}
	memory := s.memory.bytes(regionUnits, 4*regionUnits)
	directories := make([]*directory, shardCount)
	for i := range directories {
		directories[i] = s.shards[i].directory.Load()
	}
	reqs, hashes := make([]shoal.AnnounceRequest, batchSize), make([]torrentHash, batchSize)
	var starts [batchSize]uint64
	for range 300 {
		for n := len(memory) / 40; n > 0; n-- {
			memory[random.IntN(len(memory))] = byte(random.Uint32())
		}
		for i := range s.shards {
			d := &directory{depth: random.IntN(4)}
			d.pages = make([]atomic.Uint32, 1<<d.depth)
			for j := range d.pages {
				old := directories[i].pages
				d.pages[j].Store(old[j%len(old)].Load())
				if random.IntN(3) == 0 {
					d.pages[j].Store(random.Uint32())
				}
			}
			s.shards[i].directory.Store(d)
		}
		for i := range reqs {
			reqs[i] = shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(uint32(random.IntN(6000))), 6881), NumWant: 50, Left: 1}
			if i%3 == 0 {
				reqs[i].Addr = netip.AddrPortFrom(addr6(uint32(i)), 1)
			}
			if i%7 == 0 {
				reqs[i].Link = browser(i)
			}
			if i%2 == 0 {
				n := random.IntN(5000)
				reqs[i].InfoHash = shoal.InfoHash{7, byte(n >> 16), byte(n >> 8), byte(n)}
			}
			hashes[i] = s.hash(&reqs[i].InfoHash)
			starts[i] = random.Uint64()
		}
		s.prefetch(reqs, hashes, &starts)
	}
}

// What a crowd and a spray have filled is given back when they have gone, and
// nothing stays behind in regions that were to be emptied.
func TestWhatIsLeftBehind(t *testing.T) {
	s := New(Config{PeerTimeout: 100 * time.Second, Limits: Limits{PeersPerNetwork: 100}})
	req := shoal.AnnounceRequest{Left: 1}
	var res shoal.AnnounceResponse
	for n := range uint32(60000) {
		req.Addr = netip.AddrPortFrom(addr4(n<<4), 1)
		s.Announce(&req, &res, 0)
		tell(s, int(n), n, 1, 0)
	}
	most := liveBytes(s)
	req.Addr = netip.MustParseAddrPort("192.0.2.1:1")
	for seconds := shoal.Tick(0); seconds < 200; seconds += 5 {
		s.Announce(&req, &res, seconds*1000) // one of the crowd stays
		for i := range s.shards {
			s.sweep(&s.shards[i], seconds*1000)
		}
	}
	if got := s.Totals(); got.Peers != 1 || got.Torrents != 1 || liveBytes(s) > most/4 {
		t.Errorf("got %+v in %d bytes, %d at most", got, liveBytes(s), most)
	}
	if table := account(s)["table"]; table != shardCount*pageUnits*unitBytes {
		t.Errorf("the tables have %d bytes, want a page each", table)
	}
	if sh := s.shardOf(&shoal.InfoHash{}); len(sh.networks) != 0 {
		t.Errorf("counts of %d families are kept", len(sh.networks))
	}
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
}

func (s *Store) shardOf(h *shoal.InfoHash) *shard { return &s.shards[s.hash(h).shard] }

// liveBytes returns what is in use of the memory that shards have taken.
func liveBytes(s *Store) int {
	live := 0
	for i := range s.shards {
		live += s.shards[i].arena.live * unitBytes
	}
	return live
}
