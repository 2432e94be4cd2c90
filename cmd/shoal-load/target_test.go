package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
)

func TestPermitted(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "192.168.0.1": true, "172.16.0.1": true,
		"fd00::1": true, "fe80::1": true, "169.254.1.1": true,
		"203.0.113.1": false, "8.8.8.8": false, "100.64.0.1": false, "2001:db8::1": false, "172.32.0.1": false,
	} {
		a := netip.MustParseAddr(text)
		if err := permitted(a, false); (err == nil) != want {
			t.Errorf("%v: %v", a, err)
		}
		if err := permitted(a, true); err != nil {
			t.Errorf("%v, which is ours: %v", a, err)
		}
	}
	for _, text := range []string{"0.0.0.0", "::", "224.0.0.1"} {
		if permitted(netip.MustParseAddr(text), true) == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestSources(t *testing.T) {
	loopback := netip.MustParseAddrPort("127.0.0.1:6969")
	for _, test := range []struct {
		n     int
		least int
		peers uint64
		want  int
	}{
		{0, 0, 1, 1}, {0, 0, 10, 10}, {0, 0, minSources + 1, minSources}, {50, 0, 1, 1}, {50, 0, 10, 10}, {0, 0, 40 * population.Ports, 40},
		{0, 0, 40*population.Ports + 1, 41}, {0, 0, 1 << 40, maxSources}, {3, 0, 1 << 40, 3},
		{0, 53, 1 << 20, 53}, {0, 53, 20, 20}, {0, 2, 1 << 20, minSources}, {3, 53, 1 << 20, 3},
	} {
		sources, err := chooseSources(loopback, test.n, test.least, test.peers)
		if err != nil || len(sources) != test.want || sources[0] != firstLoopback || !sources[len(sources)-1].IsLoopback() {
			t.Errorf("%d sources for %d peers: %d, %v", test.n, test.peers, len(sources), err)
		}
	}
	six, err := chooseSources(netip.MustParseAddrPort("[::1]:6969"), 0, 0, 1)
	if err != nil || len(six) != 1 || six[0] != netip.IPv6Loopback() {
		t.Errorf("IPv6: %v, %v", six, err)
	}
	if _, err := chooseSources(netip.MustParseAddrPort("[::1]:6969"), 50, 0, 1000); err == nil {
		t.Error("50 addresses of IPv6 loopback")
	}
	one, err := chooseSources(netip.MustParseAddrPort("[::1]:6969"), 50, 0, 1)
	if err != nil || len(one) != 1 {
		t.Errorf("addresses of one peer: %v, %v", one, err)
	}
}

func TestAim(t *testing.T) {
	for target, want := range map[string][3]string{
		"127.0.0.1:6969":                {"127.0.0.1:6969", "127.0.0.1:6969", "/announce"},
		"https://localhost":             {"localhost:443", "localhost", "/announce"},
		"https://h:1":                   {"h:1", "h:1", "/announce"},
		"h:443":                         {"h:443", "h:443", "/announce"},
		"http://localhost":              {"localhost:80", "localhost", "/announce"},
		"http://[::1]:70/k/announce":    {"[::1]:70", "[::1]:70", "/k/announce"},
		"http://h:1/announce?passkey=x": {"h:1", "h:1", "/announce?passkey=x"},
		"ws://localhost":                {"localhost:80", "localhost", "/"},
		"wss://localhost/":              {"localhost:443", "localhost", "/"},
		"ws://h:1/announce/k":           {"h:1", "h:1", "/announce/k"},
	} {
		s := settings{target: target, secure: target == "h:443"}
		scheme, path := "http", "/announce"
		if strings.HasPrefix(target, "ws") {
			scheme, path = "ws", "/"
		}
		at, err := s.aimURL(scheme, path)
		if got := [3]string{at, s.host, s.path}; err != nil || got != want {
			t.Errorf("%s: %q, %v", target, got, err)
		}
		if want := strings.HasPrefix(target, scheme+"s:") || target == "h:443"; s.secure != want || s.scheme != scheme {
			t.Errorf("%s: TLS %v, scheme %s", target, s.secure, s.scheme)
		}
	}
	for _, target := range []string{"http://h:1", "https://h:1"} {
		if _, err := (&settings{target: target}).aimURL("ws", "/"); err == nil {
			t.Errorf("%s over WebSockets: no error", target)
		}
	}
}
