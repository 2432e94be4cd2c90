package httpserver

import (
	"net/netip"
	"sync"
	"testing"

	"github.com/shoal-tracker/shoal/internal/streamio"
)

func TestLonePrivate(t *testing.T) {
	in := func(forwarded string) string {
		return "GET /announce?" + leecher + " HTTP/1.1\r\nX-Forwarded-For: " + forwarded + "\r\n\r\n"
	}
	type step struct {
		from, forwarded string // forwarded only where it comes from a trusted proxy
		times           int
		want            string // the lone address, if it is told by now
	}
	for name, steps := range map[string][]step{
		"nothing":                        {{want: ""}},
		"a proxy that is not configured": {{"172.17.0.1:5000", "", 99, ""}, {"172.17.0.1:5001", "", 1, "172.17.0.1"}, {"172.17.0.1:5002", "", 500, "172.17.0.1"}},
		"loopback":                       {{"127.0.0.1:5000", "", 100, "127.0.0.1"}},
		"IPv6":                           {{"[fd00::1]:5000", "", 100, "fd00::1"}},
		"link-local":                     {{"[fe80::1]:5000", "", 100, "fe80::1"}},
		"shared":                         {{"100.64.0.1:5000", "", 100, "100.64.0.1"}},
		"one that is public":             {{"198.51.100.7:5000", "", 300, ""}, {"10.0.0.1:1", "", 300, ""}},
		"another among them":             {{"10.0.0.1:1", "", 99, ""}, {"10.0.0.2:1", "", 1, ""}, {"10.0.0.1:1", "", 300, ""}},
		"another after them":             {{"10.0.0.1:1", "", 100, "10.0.0.1"}, {"10.0.0.2:1", "", 1, ""}, {"10.0.0.1:1", "", 300, ""}},
		"a public one after them":        {{"10.0.0.1:1", "", 100, "10.0.0.1"}, {"198.51.100.7:1", "", 1, ""}, {"10.0.0.1:1", "", 300, ""}},
		"a proxy that is configured":     {{"10.0.0.1:1", "198.51.100.7", 300, ""}},
		"a proxy before the configured":  {{"10.0.0.1:1", "172.17.0.1", 300, "172.17.0.1"}},
		"a proxy that says nothing":      {{"10.0.0.1:1", "10.0.0.2", 300, ""}, {"10.0.0.1:1", "unknown", 300, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{})
			for _, step := range steps {
				for range step.times {
					visitAs(s, step.from, streamio.ConnState{Trusted: step.forwarded != ""}).send(in(step.forwarded))
				}
				got := ""
				if addr, ok := s.LonePrivate(); ok {
					got = addr.String()
				}
				if got != step.want {
					t.Errorf("after %d from %s: got %q, want %q", step.times, step.from, got, step.want)
				}
			}
		})
	}
}

// Scrapes and HEAD are about nobody.
func TestLonePrivateCountsAnnounces(t *testing.T) {
	s := newServer(true, false)
	for range 300 {
		visit(s, "10.0.0.1:1").send("GET /scrape?" + leecher + " HTTP/1.1\r\n\r\nHEAD /announce?" + leecher + " HTTP/1.1\r\n\r\n")
	}
	if addr, ok := s.LonePrivate(); ok {
		t.Errorf("got %v", addr)
	}
}

// TestLonePrivateRace is for the race detector too: whoever is first, all are
// counted, and one from elsewhere ends it.
func TestLonePrivateRace(t *testing.T) {
	for _, others := range []int{0, 1} {
		s := newServer(true, false)
		var all sync.WaitGroup
		for i := range 8 + others {
			all.Go(func() {
				from := "10.0.0.1:1"
				if i == 8 {
					from = "10.0.0.2:1"
				}
				for range 50 {
					visit(s, from).send("GET /announce?" + leecher + " HTTP/1.1\r\n\r\n")
					s.LonePrivate()
				}
			})
		}
		all.Wait()
		addr, ok := s.LonePrivate()
		if want := others == 0; ok != want || ok && addr != netip.MustParseAddr("10.0.0.1") {
			t.Errorf("%d others: got %v, %v", others, addr, ok)
		}
		var sum uint64
		for i := range s.counts {
			sum += s.counts[i].lone.Load()
		}
		if others == 0 && sum != 400 {
			t.Errorf("counted %d, want 400", sum)
		}
	}
}

// Once it is decided, nothing more is written.
func TestLoneDecided(t *testing.T) {
	var l lone
	var count counts
	l.add(netip.MustParseAddr("198.51.100.7"), &count)
	for range 10 {
		l.add(netip.MustParseAddr("10.0.0.1"), &count)
	}
	if count.lone.Load() != 0 || l.first.Load() != nil || !l.over.Load() {
		t.Errorf("counted %d, first %v, over %v", count.lone.Load(), l.first.Load(), l.over.Load())
	}
}
