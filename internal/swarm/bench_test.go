//go:build !race

package swarm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// population is peers computed from their number: their torrents are Zipf
// distributed (s=1), three quarters are seeders.
type population struct{ torrents, peers int }

func (p population) request(n uint64, req *shoal.AnnounceRequest) {
	r := rand.NewPCG(n, 1)
	u := float64(r.Uint64()>>11) / (1 << 53)
	h := rand.NewPCG(uint64(math.Pow(float64(p.torrents), u)), 2)
	for i := 0; i < 16; i += 8 {
		x := h.Uint64()
		for j := range 8 {
			req.InfoHash[i+j] = byte(x >> (8 * j))
		}
	}
	x := r.Uint64()
	req.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(x)%200 + 1, byte(x >> 8), byte(x >> 16), byte(x >> 24)}), uint16(x>>32)|1)
	req.Left = 0
	if x>>62 == 0 {
		req.Left = 1
	}
	req.NumWant = 30
}

func vmRSS() int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	kib := 0
	for line := range splitLines(string(text)) {
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			break
		}
	}
	return kib << 10
}

func splitLines(s string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for len(s) > 0 {
			i := 0
			for i < len(s) && s[i] != '\n' {
				i++
			}
			if !yield(s[:i]) {
				return
			}
			s = s[min(len(s), i+1):]
		}
	}
}

// BenchmarkStore fills a store once and measures announces of peers that it
// knows. Run it alone, with -benchtime=5000000x: memory is that of the process.
func BenchmarkStore(b *testing.B) {
	p := population{torrents: 1 << 20, peers: envInt("SHOAL_BENCH_PEERS", 1_000_000)}
	s := New(Config{PeerTimeout: time.Hour})
	fill(s, p, 0)
	res := make([]shoal.AnnounceResponse, batchSize)
	reqs := make([]shoal.AnnounceRequest, batchSize)
	refused := make([]shoal.Failure, batchSize)
	rooms := make([][180]byte, batchSize)
	random := rand.NewPCG(1, 1)
	draw := func(i int) {
		p.request(random.Uint64()%uint64(p.peers), &reqs[i])
		res[i].Peers4 = rooms[i][:0]
	}
	b.Run("drawing alone", func(b *testing.B) {
		for i := range b.N {
			draw(i % batchSize)
		}
	})
	b.Run("one", func(b *testing.B) {
		for range b.N {
			draw(0)
			s.Announce(&reqs[0], &res[0], 1)
		}
	})
	b.Run("batch", func(b *testing.B) {
		for i := 0; i < b.N; i += batchSize {
			for j := range reqs {
				draw(j)
			}
			s.AnnounceBatch(reqs, res, refused, 1)
		}
	})
}

// BenchmarkBrowsers fills a store with browsers and measures announces of those
// that it knows, five offers each, and a connection that closes.
func BenchmarkBrowsers(b *testing.B) {
	const browsers, offers = 100_000, 5
	p := population{torrents: 20_000, peers: browsers}
	s := New(Config{PeerTimeout: time.Hour})
	res := shoal.AnnounceResponse{Links: make([]shoal.Link, 0, offers)}
	var req shoal.AnnounceRequest
	announce := func(n int) {
		p.request(uint64(n), &req)
		req.Link, res.Links = browser(n), res.Links[:0]
		s.Announce(&req, &res, 1)
	}
	for n := range browsers {
		announce(n)
	}
	random := rand.NewPCG(1, 1)
	b.Run("announce", func(b *testing.B) {
		for range b.N {
			announce(int(random.Uint64() % browsers))
		}
	})
	b.Run("leave and come back", func(b *testing.B) {
		hashes := make([]shoal.InfoHash, 1)
		for range b.N {
			n := int(random.Uint64() % browsers)
			p.request(uint64(n), &req)
			hashes[0] = req.InfoHash
			s.Leave(hashes, browser(n))
			announce(n)
		}
	})
}

func envInt(name string, otherwise int) int {
	n := otherwise
	fmt.Sscan(os.Getenv(name), &n)
	return n
}

func fill(s *Store, p population, generation uint64) {
	var req shoal.AnnounceRequest
	var res shoal.AnnounceResponse
	for n := range uint64(p.peers) {
		p.request(n+generation*uint64(p.peers), &req)
		s.Announce(&req, &res, 1)
	}
}

// TestMemoryAPeer prints what a peer takes in a fresh process. It is run by
// make bench, with SHOAL_BENCH_PEERS=10000000.
func TestMemoryAPeer(t *testing.T) {
	peers := envInt("SHOAL_BENCH_PEERS", 200_000)
	p := population{torrents: max(1, peers/10), peers: peers}
	before := vmRSS()
	s := New(Config{PeerTimeout: time.Hour})
	report := func(what string) {
		runtime.GC()
		debug.FreeOSMemory()
		totals := s.Totals()
		t.Logf("%s: VmRSS %d MB (+%d), %d torrents, %d peers: %.2f bytes a peer in all", what, vmRSS()>>20, (vmRSS()-before)>>20,
			totals.Torrents, totals.Peers, float64(vmRSS())/float64(totals.Peers))
	}
	start := time.Now()
	fill(s, p, 0)
	t.Logf("filled in %v", time.Since(start))
	t.Log(account(s))
	report("filled")
	for i := range s.shards {
		s.sweep(&s.shards[i], 1)
	}
	t.Log(account(s))
	report("swept")
	if os.Getenv("SHOAL_BENCH_SHORT") != "" {
		return
	}
	var stop shoal.AnnounceRequest
	for generation := range uint64(3) {
		var req shoal.AnnounceRequest
		var res shoal.AnnounceResponse
		for n := range uint64(peers) {
			p.request(n+generation*uint64(peers), &stop)
			stop.Event = shoal.EventStopped
			s.Announce(&stop, &res, 1)
			p.request(n+(generation+1)*uint64(peers), &req)
			s.Announce(&req, &res, 1)
			if n%uint64(peers/20+1) == 0 {
				for i := range s.shards {
					s.sweep(&s.shards[i], 1)
				}
			}
		}
		report(fmt.Sprintf("replaced %d times", generation+1))
	}
	if got := liveBytes(s) / s.Totals().Peers; got > 25 {
		t.Errorf("%d bytes a peer are in use", got)
	}
}

// TestSlowestAnnounce prints how long single announces take while one swarm
// grows. What the system takes the core away for is in it.
func TestSlowestAnnounce(t *testing.T) {
	peers := envInt("SHOAL_BENCH_SWARM", 50_000)
	s := New(Config{PeerTimeout: time.Hour})
	took := make([]time.Duration, peers)
	req := shoal.AnnounceRequest{Left: 1, NumWant: 30}
	res := room(50)
	for n := range took {
		req.Addr = netip.AddrPortFrom(addr4(uint32(n)), 6881)
		res.Peers4 = res.Peers4[:0]
		start := time.Now()
		s.Announce(&req, &res, 1)
		took[n] = time.Since(start)
	}
	slices.Sort(took)
	t.Logf("a swarm grew to %d peers: median %v, 99.9 %% below %v, 99.99 %% below %v, slowest %v",
		s.Totals().Peers, took[peers/2], took[peers*999/1000], took[peers*9999/10000], took[peers-1])
	if s.Totals().Peers != peers {
		t.Errorf("%d peers are stored, want %d", s.Totals().Peers, peers)
	}
}
