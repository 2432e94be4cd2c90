package tracker

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
)

func ips(all ...string) []netip.Addr {
	var list []netip.Addr
	for _, s := range all {
		list = append(list, netip.MustParseAddr(s))
	}
	return list
}

// stored returns the peers of a torrent, as somebody far away is given them.
func stored(tr *Tracker, hash shoal.InfoHash) (peers []string) {
	ask := shoal.AnnounceRequest{InfoHash: hash, Addr: netip.MustParseAddrPort("198.51.100.99:0"), Left: 1, NumWant: 50}
	res := shoal.AnnounceResponse{Peers4: make([]byte, 0, 300), Peers6: make([]byte, 0, 900)}
	tr.Announce(&ask, &res)
	for p := res.Peers4; len(p) > 0; p = p[shoal.CompactSize4:] {
		peers = append(peers, netip.AddrFrom4([4]byte(p[:4])).String())
	}
	for p := res.Peers6; len(p) > 0; p = p[shoal.CompactSize6:] {
		peers = append(peers, netip.AddrFrom16([16]byte(p[:16])).String())
	}
	return peers
}

// TestAddress has each row announce one by one, in a batch, and stop again.
func TestAddress(t *testing.T) {
	tests := []struct {
		name      string
		external  []netip.Addr
		use       string
		sender    string
		claimed   string // "": nothing is
		fromProxy bool
		want      string // "": refused
	}{
		{"nothing set", nil, "never", "198.51.100.1", "", false, "198.51.100.1"},
		{"nothing set, loopback", nil, "never", "127.0.0.1", "", false, "127.0.0.1"},
		{"nothing set, a claim", nil, "never", "10.0.0.1", "203.0.113.1", false, "10.0.0.1"},
		{"nothing set, a proxy", nil, "never", "10.0.0.1", "", true, ""},
		{"nothing set, a proxy with a claim", nil, "never", "10.0.0.1", "203.0.113.1", true, ""},

		{"private: 10/8", nil, "private", "10.0.0.1", "203.0.113.1", false, "203.0.113.1"},
		{"private: 172.16/12", nil, "private", "172.31.0.1", "203.0.113.1", false, "203.0.113.1"},
		{"private: 192.168/16", nil, "private", "192.168.0.1", "203.0.113.1", false, "203.0.113.1"},
		{"private: loopback", nil, "private", "127.0.0.2", "203.0.113.1", false, "203.0.113.1"},
		{"private: fc00::/7", nil, "private", "fd00::1", "2001:db8::1", false, "2001:db8::1"},
		{"private: loopback 6", nil, "private", "::1", "2001:db8::1", false, "2001:db8::1"},
		{"private: a claim to be in the network", nil, "private", "10.0.0.1", "10.0.0.2", false, "10.0.0.2"},
		{"private: no claim", nil, "private", "10.0.0.1", "", false, "10.0.0.1"},
		{"private: public sender", nil, "private", "198.51.100.1", "203.0.113.1", false, "198.51.100.1"},
		{"private: public sender 6", nil, "private", "2001:db8::9", "2001:db8::1", false, "2001:db8::9"},
		{"private: addresses of carriers", nil, "private", "100.64.0.1", "203.0.113.1", false, "100.64.0.1"},
		{"private: next to 172.16/12", nil, "private", "172.32.0.1", "203.0.113.1", false, "172.32.0.1"},
		{"private: other family", nil, "private", "10.0.0.1", "2001:db8::1", false, "10.0.0.1"},
		{"private: other family 6", nil, "private", "fd00::1", "203.0.113.1", false, "fd00::1"},
		{"private: unspecified", nil, "private", "10.0.0.1", "0.0.0.0", false, "10.0.0.1"},
		{"private: a proxy in the network", nil, "private", "10.0.0.1", "203.0.113.1", true, ""},

		{"trusted: a proxy", nil, "trusted", "198.51.100.1", "203.0.113.1", true, "203.0.113.1"},
		{"trusted: a proxy 6", nil, "trusted", "2001:db8::9", "2001:db8::1", true, "2001:db8::1"},
		{"trusted: a proxy without a claim", nil, "trusted", "10.0.0.1", "", true, ""},
		{"trusted: a proxy, other family", nil, "trusted", "10.0.0.1", "2001:db8::1", true, ""},
		{"trusted: a proxy, unspecified", nil, "trusted", "2001:db8::9", "::", true, ""},
		{"trusted: private sender", nil, "trusted", "10.0.0.1", "203.0.113.1", false, "10.0.0.1"},

		{"external: loopback", ips("203.0.113.1", "2001:db8::1"), "never", "127.0.0.1", "", false, "203.0.113.1"},
		{"external: all of 127/8", ips("203.0.113.1"), "never", "127.9.9.9", "", false, "203.0.113.1"},
		{"external: loopback 6", ips("203.0.113.1", "2001:db8::1"), "never", "::1", "", false, "2001:db8::1"},
		{"external: the order is nothing", ips("2001:db8::1", "203.0.113.1"), "never", "127.0.0.1", "", false, "203.0.113.1"},
		{"external: IPv4 stands for both", ips("203.0.113.1"), "never", "::1", "", false, "203.0.113.1"},
		{"external: IPv6 stands for both", ips("2001:db8::1"), "never", "127.0.0.1", "", false, "2001:db8::1"},
		{"external: others", ips("203.0.113.1", "2001:db8::1"), "never", "10.0.0.1", "", false, "10.0.0.1"},
		{"external: others 6", ips("203.0.113.1", "2001:db8::1"), "never", "fd00::1", "", false, "fd00::1"},
		{"external: a claim goes first", ips("203.0.113.1"), "private", "127.0.0.1", "203.0.113.9", false, "203.0.113.9"},
		{"external: a claim to be here", ips("203.0.113.1"), "private", "10.0.0.1", "127.0.0.1", false, "203.0.113.1"},
		{"external: a proxy here", ips("203.0.113.1"), "never", "127.0.0.1", "", true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.ExternalIP, c.UseIPParam = tt.external, tt.use
			c.Validate(func(key string, value any, allowed string) { t.Errorf("%s = %v: must be %s", key, value, allowed) })
			tr := newTracker(c, policy.Config{})
			announce := func(hash byte, event shoal.Event, batch bool) {
				req := peer(6881)
				req.InfoHash, req.Event, req.FromProxy = shoal.InfoHash{hash}, event, tt.fromProxy
				req.Addr = netip.AddrPortFrom(netip.MustParseAddr(tt.sender), 6881)
				if tt.claimed != "" {
					req.Claimed = netip.MustParseAddr(tt.claimed)
				}
				failures, res := make([]shoal.Failure, 1), room()
				if batch {
					reqs := []shoal.AnnounceRequest{req}
					tr.AnnounceBatch(reqs, []shoal.AnnounceResponse{res}, failures)
					req = reqs[0]
				} else {
					failures[0] = tr.Announce(&req, &res)
				}
				want := shoal.OK
				if tt.want == "" {
					want = shoal.ForwardedMissing
				}
				if failures[0] != want {
					t.Errorf("failure %v, want %v", failures[0], want)
				}
				if want == shoal.OK && req.Addr.String() != netip.AddrPortFrom(netip.MustParseAddr(tt.want), 6881).String() {
					t.Errorf("the request is from %v, want %s", req.Addr, tt.want)
				}
			}
			for hash, batch := range map[byte]bool{1: false, 2: true} {
				announce(hash, shoal.EventStarted, batch)
				var want []string
				if tt.want != "" {
					want = []string{tt.want}
				}
				if got := stored(tr, shoal.InfoHash{hash}); !slices.Equal(got, want) {
					t.Errorf("batch %v: %v is handed out, want %v", batch, got, want)
				}
				announce(hash, shoal.EventStopped, batch)
				if got := stored(tr, shoal.InfoHash{hash}); len(got) > 0 {
					t.Errorf("batch %v: %v is still there after it stopped", batch, got)
				}
			}
		})
	}
}

// The rules judge the address and the port that would be stored, so a refused
// claim leaves nothing behind either.
func TestAddressBeforeTheRules(t *testing.T) {
	c := DefaultConfig()
	c.UseIPParam = "private"
	tr := newTracker(c, policy.Config{PortsDenied: []int{22}})
	req, res := peer(22), room()
	req.Addr, req.Claimed = netip.MustParseAddrPort("10.0.0.1:22"), netip.MustParseAddr("203.0.113.1")
	if f := tr.Announce(&req, &res); f != shoal.PortDenied || len(stored(tr, req.InfoHash)) > 0 {
		t.Errorf("failure %v, stored %v", f, stored(tr, req.InfoHash))
	}
}

func TestValidateExternalIP(t *testing.T) {
	tests := []struct {
		addrs []netip.Addr
		want  []string
	}{
		{ips("203.0.113.1", "2001:db8::1"), nil},
		{ips("10.0.0.1"), nil},
		{ips("fd00::1", "192.168.0.1"), nil},
		{ips("127.0.0.1"), []string{"external_ip[0]"}},
		{ips("203.0.113.1", "::1"), []string{"external_ip[1]"}},
		{ips("0.0.0.0"), []string{"external_ip[0]"}},
		{ips("224.0.0.1"), []string{"external_ip[0]"}},
		{ips("255.255.255.255"), []string{"external_ip[0]"}},
		{ips("fe80::1"), []string{"external_ip[0]"}},
		{ips("::ffff:203.0.113.1"), []string{"external_ip[0]"}},
		{[]netip.Addr{{}}, []string{"external_ip[0]"}},
		{ips("203.0.113.1", "203.0.113.2"), []string{"external_ip[1]"}},
		{ips("203.0.113.1", "2001:db8::1", "2001:db8::2"), []string{"external_ip[2]"}},
	}
	for _, tt := range tests {
		c := DefaultConfig()
		c.ExternalIP = tt.addrs
		var keys []string
		c.Validate(func(key string, value any, allowed string) { keys = append(keys, key) })
		if !slices.Equal(keys, tt.want) {
			t.Errorf("%v: reported %q, want %q", tt.addrs, keys, tt.want)
		}
	}
}
