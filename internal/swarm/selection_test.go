package swarm

import (
	"math"
	"net/netip"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// The thresholds below are passed by a right selection all but once in 10^9
// runs: 6.1 standard deviations of the normal that a chi-square of many
// degrees of freedom approaches (Wilson and Hilferty).
const deviations = 6.1

func checkChiSquare(t *testing.T, what string, got []float64, want []float64) {
	t.Helper()
	x := 0.0
	for i := range got {
		x += (got[i] - want[i]) * (got[i] - want[i]) / want[i]
	}
	k := float64(len(got) - 1)
	z := (math.Cbrt(x/k) - (1 - 2/(9*k))) / math.Sqrt(2/(9*k))
	t.Logf("%s: chi-square %.1f at %.0f degrees of freedom, %.2f deviations", what, x, k, z)
	if z > deviations {
		t.Errorf("%s: not what the law says, %.2f deviations off", what, z)
	}
}

func join(s *Store, n int, seeder bool) {
	req := shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(uint32(n)), 6881), Left: 1}
	if seeder {
		req.Left = 0
	}
	var res shoal.AnnounceResponse
	s.Announce(&req, &res, 1)
}

// number returns the number that join was given.
func number(a netip.AddrPort) int {
	b := a.Addr().As4()
	return int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

// joinBrowser is join for a browser.
func joinBrowser(s *Store, n int, seeder bool) {
	req := shoal.AnnounceRequest{Link: browser(n), Left: 1}
	if seeder {
		req.Left = 0
	}
	var res shoal.AnnounceResponse
	s.Announce(&req, &res, 1)
}

func TestEveryPeerHasTheSameChance(t *testing.T) {
	for _, c := range []struct {
		name              string
		leechers, seeders int
		asker             uint64 // Left
		candidates        int
	}{
		{"a leecher among leechers", 300, 0, 1, 300},
		{"a leecher among both", 200, 100, 1, 300},
		{"a seeder among both", 200, 100, 0, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New(Config{PeerTimeout: 1e12})
			for i := range c.leechers + c.seeders {
				join(s, i, i >= c.leechers)
			}
			req := shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(1<<20), 1), Left: c.asker, NumWant: 7}
			const rounds = 30000
			got, want := make([]float64, c.candidates), make([]float64, c.candidates)
			for range rounds {
				res := room(50)
				s.Announce(&req, &res, 1)
				for _, p := range parse(res.Peers4, 6) {
					got[number(p)]++
				}
			}
			for i := range want {
				want[i] = rounds * 7 / float64(c.candidates)
			}
			checkChiSquare(t, c.name, got, want)
		})
	}
}

// The offers of a browser go to others that are drawn as peers are, be the asker
// one of them or not, and be there others of another family or not.
func TestEveryBrowserHasTheSameChance(t *testing.T) {
	for _, c := range []struct {
		name              string
		leechers, seeders int
		asker             int    // which of them asks
		left              uint64 // of the asker
		candidates        int
		mixed             bool
	}{
		{"a newcomer among leechers", 300, 0, 1000, 1, 300, false},
		{"one of the leechers", 300, 0, 17, 1, 300, true},
		{"a leecher among both", 200, 100, 150, 1, 300, true},
		{"a seeder among both", 200, 100, 250, 0, 200, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New(Config{PeerTimeout: 1e12})
			for i := range c.leechers + c.seeders {
				joinBrowser(s, i, i >= c.leechers)
				if c.mixed {
					join(s, i, i%2 == 0)
				}
			}
			number := make(map[shoal.Link]int)
			for i := range c.candidates {
				number[browser(i)] = i
			}
			req := shoal.AnnounceRequest{Link: browser(c.asker), Left: c.left, NumWant: 50}
			const rounds, offers = 30000, 7
			got := make([]float64, c.candidates)
			room := make([]shoal.Link, 0, offers)
			res := shoal.AnnounceResponse{}
			for range rounds {
				res.Links = room
				s.Announce(&req, &res, 1)
				if len(res.Links) != offers {
					t.Fatalf("%d browsers, want %d", len(res.Links), offers)
				}
				seen := make(map[shoal.Link]bool)
				for _, link := range res.Links {
					n, ok := number[link]
					if !ok || seen[link] || n == c.asker {
						t.Fatalf("%#x is handed out twice or should not be: %#x", link, res.Links)
					}
					seen[link] = true
					got[n]++
				}
			}
			if c.asker < c.candidates { // it is never handed out to itself
				got = append(got[:c.asker], got[c.asker+1:]...)
			}
			want := make([]float64, len(got))
			for i := range want {
				want[i] = rounds * offers / float64(len(want))
			}
			checkChiSquare(t, c.name, got, want)
		})
	}
}

// A crowd that does something at once must not stand together: how many of 500
// turn up in an answer of 50 from 1,000 peers is hypergeometric.
func TestCrowdsAreSpread(t *testing.T) {
	const old, crowd, answer = 500, 500, 50
	rounds := 800
	if onHeap { // race builds look for races, and take ten times as long
		rounds = 100
	}
	for _, c := range []struct {
		name   string
		family int // IPv4 if not said
		tell   func(say func(n int, left uint64, event shoal.Event))
	}{
		{name: "leechers join", tell: func(say func(int, uint64, shoal.Event)) {
			for n := range old + crowd {
				say(n, 1, 0)
			}
		}},
		{name: "IPv6 leechers join", family: size6, tell: func(say func(int, uint64, shoal.Event)) {
			for n := range old + crowd {
				say(n, 1, 0)
			}
		}},
		{name: "browsers complete", family: sizeLink, tell: func(say func(int, uint64, shoal.Event)) {
			for n := range old {
				say(n, 0, 0)
			}
			for n := range crowd {
				say(old+n, 1, 0)
			}
			for n := range crowd {
				say(old+n, 0, 0)
			}
		}},
		{name: "seeders join", tell: func(say func(int, uint64, shoal.Event)) {
			for n := range old + crowd {
				say(n, 0, 0)
			}
		}},
		{name: "leechers complete", tell: func(say func(int, uint64, shoal.Event)) {
			for n := range old {
				say(n, 0, 0)
			}
			for n := range crowd {
				say(old+n, 1, 0)
			}
			for n := range crowd {
				say(old+n, 0, 0)
			}
		}},
		{name: "seeders become leechers", tell: func(say func(int, uint64, shoal.Event)) {
			for n := range old {
				say(n, 1, 0)
			}
			for n := range crowd {
				say(old+n, 0, 0)
			}
			for n := range crowd {
				say(old+n, 1, 0)
			}
		}},
		{name: "others have left before and after", tell: func(say func(int, uint64, shoal.Event)) {
			for n := range 2 * old {
				say(5000+n, 1, 0)
			}
			for n := range old {
				say(n, 1, 0)
				say(5000+2*n, 1, shoal.EventStopped)
			}
			for n := range crowd {
				say(old+n, 1, 0)
			}
			for n := range old {
				say(5000+2*n+1, 1, shoal.EventStopped)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make([]float64, answer+1)
			s := New(Config{PeerTimeout: 1e12})
			for round := range rounds {
				req := shoal.AnnounceRequest{InfoHash: shoal.InfoHash{byte(round), byte(round >> 8)}}
				var none shoal.AnnounceResponse
				c.tell(func(n int, left uint64, event shoal.Event) {
					req.Addr, req.Link = addrOf(max(size4, c.family), uint32(n))
					req.Left, req.Event = left, event
					s.Announce(&req, &none, 1)
				})
				req.Addr, req.Left, req.Event, req.NumWant = netip.AddrPortFrom(addr4(1<<20), 0), 1, 0, answer
				if req.Link != 0 {
					req.Link = browser(1 << 20)
				}
				res := room(answer)
				s.Announce(&req, &res, 1)
				in := 0
				for i := range answer {
					var n int
					switch c.family {
					case size6:
						n = int(res.Peers6[18*i+14])<<8 | int(res.Peers6[18*i+15])
					case sizeLink:
						n = int(res.Links[i].Slot())*2 + int(res.Links[i].Loop())
					default:
						n = int(res.Peers4[6*i+2])<<8 | int(res.Peers4[6*i+3])
					}
					if n >= old {
						in++
					}
				}
				got[in]++
			}
			checkHypergeometric(t, c.name, got, old, crowd, answer, rounds)
		})
	}
}

// checkHypergeometric compares how often so many of the crowd were in an answer
// with the law. Cells with fewer than 5 expected are joined into the tails.
func checkHypergeometric(t *testing.T, what string, got []float64, old, crowd, answer, rounds int) {
	t.Helper()
	var cells, want []float64
	tailGot, tailWant := 0.0, 0.0
	for n := range got {
		p := math.Exp(choose(crowd, n) + choose(old, answer-n) - choose(old+crowd, answer))
		if e := p * float64(rounds); e >= 5 {
			cells, want = append(cells, got[n]), append(want, e)
		} else {
			tailGot, tailWant = tailGot+got[n], tailWant+e
		}
	}
	checkChiSquare(t, what, append(cells, tailGot), append(want, tailWant))
}

// choose returns the logarithm of the binomial coefficient.
func choose(n, k int) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
	return lg(n) - lg(k) - lg(n-k)
}
