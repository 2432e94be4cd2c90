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

func join(s *Store, n int, seeder bool) { joinTorrent(s, shoal.InfoHash{}, n, seeder) }

func joinTorrent(s *Store, h shoal.InfoHash, n int, seeder bool) {
	req := shoal.AnnounceRequest{InfoHash: h, Addr: netip.AddrPortFrom(addr4(uint32(n)), 6881), Left: 1}
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

// A crowd that joins at once must not stand together: how many of 500 joiners
// turn up in an answer of 50 from 1,000 peers is hypergeometric.
func TestJoinersAreSpread(t *testing.T) {
	const old, joiners, answer, rounds = 500, 500, 50, 1500
	got := make([]float64, answer+1)
	s := New(Config{PeerTimeout: 1e12})
	for round := range rounds {
		h := shoal.InfoHash{byte(round), byte(round >> 8)}
		for i := range old + joiners {
			joinTorrent(s, h, i, false)
		}
		req := shoal.AnnounceRequest{InfoHash: h, Addr: netip.AddrPortFrom(addr4(1<<20), 0), Left: 1, NumWant: answer}
		res := room(answer)
		s.Announce(&req, &res, 1)
		n := 0
		for _, p := range parse(res.Peers4, 6) {
			if number(p) >= old {
				n++
			}
		}
		got[n]++
	}
	// Cells with fewer than 5 expected are joined into the tails.
	var cells, want []float64
	tailGot, tailWant := 0.0, 0.0
	for n := range got {
		p := math.Exp(choose(joiners, n) + choose(old, answer-n) - choose(old+joiners, answer))
		if e := p * rounds; e >= 5 {
			cells, want = append(cells, got[n]), append(want, e)
		} else {
			tailGot, tailWant = tailGot+got[n], tailWant+e
		}
	}
	checkChiSquare(t, "joiners in an answer", append(cells, tailGot), append(want, tailWant))
}

// choose returns the logarithm of the binomial coefficient.
func choose(n, k int) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
	return lg(n) - lg(k) - lg(n-k)
}
