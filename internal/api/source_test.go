package api

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestSourceOf(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1/32"},
		{"192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1/32"}, // of no proxy
		{"[::ffff:192.0.2.1]:5", nil, "192.0.2.1/32"},
		{"[2001:db8:1:2:3::4]:5", nil, "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:5", nil, "fe80::/64"},
		{"10.0.0.1:5", nil, "10.0.0.1/32"},
		{"10.0.0.1:5", []string{"198.51.100.7"}, "198.51.100.7/32"},
		{"10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7/32"}, // the left one is the client's invention
		{"10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7, 10.9.9.9"}, "198.51.100.7/32"},
		{"10.0.0.1:5", []string{"203.0.113.9", "198.51.100.7", " 10.9.9.9 ,"}, "198.51.100.7/32"},
		{"10.0.0.1:5", []string{"198.51.100.7:4711"}, "198.51.100.7/32"},
		{"10.0.0.1:5", []string{"[2001:db8::7]:4711"}, "2001:db8::/64"},
		{"10.0.0.1:5", []string{"[2001:db8::7]"}, "2001:db8::/64"},
		{"[fd00::1]:5", []string{"::ffff:198.51.100.7"}, "198.51.100.7/32"},
		{"10.0.0.1:5", []string{"10.2.2.2, 10.3.3.3"}, "10.2.2.2/32"},
		{"10.0.0.1:5", []string{"198.51.100.7, unknown"}, "10.0.0.1/32"},
		{"10.0.0.1:5", []string{"198.51.100.7, unknown, 10.3.3.3"}, "10.3.3.3/32"},
		{"10.0.0.1:5", []string{""}, "10.0.0.1/32"},
		{"somewhere", nil, "invalid Prefix"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.remote
		for _, line := range test.forwarded {
			r.Header.Add("X-Forwarded-For", line)
		}
		if got := sourceOf(r, proxies).String(); got != test.want {
			t.Errorf("%s with %q: %s, want %s", test.remote, test.forwarded, got, test.want)
		}
	}
}
