package httpserver

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/shoal-tracker/shoal/internal/streamio"
)

// say sends requests of every kind, a connection for each but one: six
// connections with nine requests. forwarded is header lines of a proxy.
func say(s *Server, from string, state streamio.ConnState, forwarded string) {
	ask := func(requests ...string) {
		var in strings.Builder
		for _, r := range requests {
			line, fields, _ := strings.Cut(r, "\n")
			in.WriteString(line + " HTTP/1.1\r\n" + forwarded + fields + "\r\n")
		}
		visitAs(s, from, state).send(in.String())
	}
	announce, scrape := "GET /announce?"+leecher, "GET /scrape?info_hash=%aa%AAaaaaaaaaaaaaaaaaaa"
	ask(announce, strings.Replace(announce, "6881", "22", 1), "GET /scrape", announce)
	ask(scrape)
	ask("HEAD /announce?" + leecher)
	ask("GET /")
	ask("GET /announce\n" + withKey)
	ask("GET /announce\n" + wanted)
}

// said is what say is counted as, n times.
func said(n uint64) Family {
	return Family{
		Connections: 6 * n, Requests: 9 * n,
		Announces: 2 * n, Scrapes: n, Upgrades: n,
		Refused: 4 * n, AnnouncesRefused: n, ScrapesRefused: n, UpgradesRefused: n,
	}
}

func checkCounters(t *testing.T, s *Server, v4, v6 Family) {
	t.Helper()
	want := Counters{Family: v4.plus(v6), V4: v4, V6: v6}
	if got := s.Counters(); got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestCountersOfFamilies(t *testing.T) {
	proxy := streamio.ConnState{Trusted: true}
	tests := []struct {
		name, from string
		state      streamio.ConnState
		forwarded  string
		six        bool
	}{
		{"IPv4", "192.0.2.9:5000", streamio.ConnState{}, "", false},
		{"IPv6", "[2001:db8::9]:5000", streamio.ConnState{}, "", true},
		{"IPv4-mapped", "[::ffff:192.0.2.9]:5000", streamio.ConnState{}, "", false},
		{"not a proxy", "192.0.2.9:5000", streamio.ConnState{}, "X-Forwarded-For: 2001:db8::9\r\n", false},
		{"IPv6 behind IPv4", "10.0.0.1:5000", proxy, "X-Forwarded-For: 192.0.2.7, 2001:db8::9, 10.0.0.2\r\n", true},
		{"IPv4 behind IPv6", "[fd00::1]:5000", proxy, "X-Forwarded-For: 2001:db8::9\r\nX-Forwarded-For: 192.0.2.9\r\n", false},
		{"IPv4-mapped behind IPv6", "[fd00::1]:5000", proxy, "X-Forwarded-For: ::ffff:192.0.2.9\r\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &door{t: t}
			s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{Upgrade: d.upgrade})
			const n = countSets + 3
			for range n {
				say(s, tt.from, tt.state, tt.forwarded)
			}
			if tt.six {
				checkCounters(t, s, Family{}, said(n))
			} else {
				checkCounters(t, s, said(n), Family{})
			}
		})
	}
	t.Run("both", func(t *testing.T) {
		d := &door{t: t}
		s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{Upgrade: d.upgrade})
		for i, tt := range tests {
			for range i + 1 {
				say(s, tt.from, tt.state, tt.forwarded)
			}
		}
		checkCounters(t, s, said(1+3+4+6+7), said(2+5))
	})
}

// Where a proxy names nobody, its own address counts. What the client may claim
// then is of the same family, or refused.
func TestCountersOfTheNameless(t *testing.T) {
	proxy, nameless := streamio.ConnState{Trusted: true}, streamio.ConnState{Trusted: true, Nameless: true}
	s := newServerWith(behindProxies("X-Forwarded-For"), "trusted", false, Options{})
	four, six := "GET /announce?"+leecher+"&ip=203.0.113.1 HTTP/1.1\r\n", "GET /announce?"+leecher+"&ip=2001:db8::9 HTTP/1.1\r\n"
	visitAs(s, "10.0.0.1:1", proxy).send(four + "\r\n")
	visitAs(s, "10.0.0.1:1", proxy).send(six + "\r\n")
	visitAs(s, "10.0.0.1:1", proxy).send(six + "X-Forwarded-For: unknown\r\n\r\n")
	visitAs(s, "10.0.0.1:1", nameless).send(six + "X-Forwarded-For: 2001:db8::9\r\n\r\n")
	visitAs(s, "[fd00::1]:1", proxy).send(six + "\r\n")
	visitAs(s, "[fd00::1]:1", proxy).send(four + "\r\n")
	visitAs(s, "[fd00::1]:1", nameless).send("GET /scrape?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n")
	checkCounters(t, s,
		Family{Connections: 4, Requests: 4, Announces: 1, Refused: 3, AnnouncesRefused: 3},
		Family{Connections: 3, Requests: 3, Announces: 1, Scrapes: 1, Refused: 1, AnnouncesRefused: 1})
}

// What is no request of a tracker is counted, and once.
func TestCountersOfTheRest(t *testing.T) {
	s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{Plain: "redirect"})
	get := "GET /announce?" + leecher + " HTTP/1.1\r\nHost: h\r\n\r\n"
	visit(s, "192.0.2.9:1").send(get + get)                            // redirected
	visit(s, "192.0.2.9:1").send(strings.Replace(get, "Host", "A", 1)) // nobody knows where to
	visit(s, "192.0.2.9:1").send("")
	visit(s, "192.0.2.9:1").send("GET /announ")
	visit(s, "192.0.2.9:1").send("\r\n\r\n")
	visit(s, "[2001:db8::9]:1").send("\x16\x03\x01 and more")
	visit(s, "[2001:db8::9]:1").send("GET / HTTP/1.1\r\nA: " + strings.Repeat("a", 2*MaxHead))
	// What a proxy named counts as far as the header lines are there.
	for _, in := range []string{"nonsense\r\n", "GET / HTTP/1.1\r\nB : b\r\n", "GET / HTTP/1.1\r\nA: " + strings.Repeat("a", MaxHead) + "\r\n"} {
		visitAs(s, "10.0.0.1:1", streamio.ConnState{Trusted: true}).send(in + "X-Forwarded-For: 2001:db8::9\r\n\r\n")
	}
	checkCounters(t, s,
		Family{Connections: 2 + 1, Requests: 3 + 1, Refused: 1 + 1},
		Family{Connections: 2 + 2, Requests: 2 + 2, Refused: 2 + 2})
}

// TestCountersAreAlone checks that two sets share no pair of cache lines.
func TestCountersAreAlone(t *testing.T) {
	if n := unsafe.Sizeof(counts{}); n%128 != 0 {
		t.Errorf("a set has %d bytes, want a multiple of 128", n)
	}
}
