package policy

import (
	"net/netip"
	"testing"

	"github.com/shoal-tracker/shoal"
)

var (
	hashA, hashB = shoal.InfoHash{0: 0xaa, 19: 1}, shoal.InfoHash{0: 0xaa, 19: 2}

	good    = shoal.ParseAuthKey([]byte("0123456789abcdefghij"))
	old     = shoal.ParseAuthKey([]byte("0123456789abcdefghik"))
	unknown = shoal.ParseAuthKey([]byte("0123456789abcdefghil"))
	broken  = shoal.ParseAuthKey([]byte("short"))
)

// TestModes has the four modes of a tracker, and a deny list over them.
func TestModes(t *testing.T) {
	lists := Lists{Keys: NewKeys(), Allowed: []*Torrents{nil, NewTorrents(), NewTorrents()}, Denied: []*Torrents{NewTorrents()}}
	lists.Keys.Replace([]Key{{good, 0}, {old, 1000}})
	lists.Allowed[2].ReplaceHashes([]shoal.InfoHash{hashA})

	const (
		open = iota
		listed
		private
		both
	)
	tests := []struct {
		name string
		hash shoal.InfoHash
		key  shoal.AuthKey
		want [4]shoal.Failure
	}{
		{"a listed torrent, a good key", hashA, good, [4]shoal.Failure{}},
		{"an expired key", hashA, old, [4]shoal.Failure{private: shoal.KeyExpired, both: shoal.KeyExpired}},
		{"an unknown key", hashA, unknown, [4]shoal.Failure{private: shoal.KeyUnknown, both: shoal.KeyUnknown}},
		{"a broken key", hashA, broken, [4]shoal.Failure{private: shoal.KeyInvalid, both: shoal.KeyInvalid}},
		{"no key", hashA, shoal.AuthKey{}, [4]shoal.Failure{private: shoal.KeyMissing, both: shoal.KeyMissing}},
		{"another torrent", hashB, good, [4]shoal.Failure{listed: shoal.TorrentUnlisted, both: shoal.TorrentUnlisted}},
		{"another torrent, no key", hashB, shoal.AuthKey{}, [4]shoal.Failure{listed: shoal.TorrentUnlisted, private: shoal.KeyMissing, both: shoal.KeyMissing}},
	}
	for mode := range 4 {
		chain := Compile(Config{Listed: mode&listed != 0, Private: mode&private != 0}, lists)
		for _, tt := range tests {
			req := request("-qB5000-", 6881)
			req.InfoHash, req.AuthKey = tt.hash, tt.key
			if got := chain.Check(req, 2000); got != tt.want[mode] {
				t.Errorf("mode %d, %s: Check = %v, want %v", mode, tt.name, got, tt.want[mode])
			}
			lists.Denied[0].Add(Torrent{tt.hash, 3000})
			if got := chain.Check(req, 2999); got != shoal.TorrentDenied {
				t.Errorf("mode %d, %s, but denied: Check = %v", mode, tt.name, got)
			}
			if got := chain.CheckTorrent(&tt.hash, 2999); got != shoal.TorrentDenied {
				t.Errorf("mode %d, %s, but denied: CheckTorrent = %v", mode, tt.name, got)
			}
			if got := chain.Check(req, 3000); got != tt.want[mode] {
				t.Errorf("mode %d, %s, denied until now: Check = %v, want %v", mode, tt.name, got, tt.want[mode])
			}
			lists.Denied[0].Remove(tt.hash)
			if got := chain.Check(req, 2000); got != tt.want[mode] {
				t.Errorf("mode %d, %s, denied no longer: Check = %v, want %v", mode, tt.name, got, tt.want[mode])
			}
		}
	}
}

// TestModesWithoutLists has a tracker that is to look into lists it was not given:
// it must not be an open one.
func TestModesWithoutLists(t *testing.T) {
	req := request("-qB5000-", 6881)
	req.AuthKey = good
	if got := Compile(Config{Private: true}, Lists{}).Check(req, 0); got != shoal.KeyUnknown {
		t.Errorf("private: %v", got)
	}
	if got := Compile(Config{Listed: true}, Lists{Allowed: []*Torrents{nil}}).Check(req, 0); got != shoal.TorrentUnlisted {
		t.Errorf("listed: %v", got)
	}
	var chain *Chain
	if chain.CheckKey(broken, 0) != shoal.OK || chain.CheckTorrent(&hashA, 0) != shoal.OK {
		t.Error("the nil Chain refuses")
	}
	var keys *Keys
	var torrents *Torrents
	if keys.Len() != 0 || torrents.Len() != 0 || torrents.Has(&hashA, 0) || keys.Check(good, 0) != shoal.KeyUnknown {
		t.Error("a nil list is not empty")
	}
}

func TestAddresses(t *testing.T) {
	prefix := netip.MustParsePrefix
	chain := Compile(Config{PrivateAddresses: "drop", PortsDenied: []int{1}, AddressesDenied: []netip.Prefix{
		{}, prefix("198.51.100.0/24"), prefix("203.0.113.7/32"), prefix("::ffff:192.0.2.128/121"), prefix("2001:db8:1::/48"), prefix("10.9.0.0/16"),
	}}, Lists{})
	const (
		out  = shoal.AddressDenied
		port = shoal.PortDenied
	)
	tests := []struct {
		addr   string
		want   shoal.Failure
		hidden bool
	}{
		{"198.51.100.0:6881", out, false},
		{"198.51.100.255:6881", out, false},
		{"198.51.101.0:6881", shoal.OK, false},
		{"203.0.113.7:1", out, false},
		{"203.0.113.8:1", port, false},
		{"192.0.2.127:6881", shoal.OK, false},
		{"192.0.2.128:6881", out, false}, // written as an IPv4-mapped network
		{"[2001:db8:1:ffff::]:6881", out, false},
		{"[2001:db8:2::]:6881", shoal.OK, false},
		{"10.9.1.1:6881", out, false}, // refused, not hidden
		{"10.0.0.0:6881", shoal.OK, true},
		{"10.0.0.0:1", port, false},
		{"11.0.0.0:6881", shoal.OK, false},
		{"172.15.255.255:6881", shoal.OK, false},
		{"172.16.0.0:6881", shoal.OK, true},
		{"172.31.255.255:6881", shoal.OK, true},
		{"172.32.0.0:6881", shoal.OK, false},
		{"192.168.0.0:6881", shoal.OK, true},
		{"192.169.0.0:6881", shoal.OK, false},
		{"100.63.255.255:6881", shoal.OK, false},
		{"100.64.0.0:6881", shoal.OK, true},
		{"100.127.255.255:6881", shoal.OK, true},
		{"100.128.0.0:6881", shoal.OK, false},
		{"127.0.0.1:6881", shoal.OK, true},
		{"127.255.255.255:6881", shoal.OK, true},
		{"169.254.1.1:6881", shoal.OK, true},
		{"[::1]:6881", shoal.OK, true},
		{"[::2]:6881", shoal.OK, false},
		{"[fc00::]:6881", shoal.OK, true},
		{"[fdff::]:6881", shoal.OK, true},
		{"[fe00::]:6881", shoal.OK, false},
		{"[fe80::1]:6881", shoal.OK, true},
		{"[2001:4860:4860::8888]:6881", shoal.OK, false},
	}
	for _, tt := range tests {
		req := request("-qB5000-", 0)
		for _, before := range []bool{true, false} { // of the announce before: the request is used again
			req.Addr, req.Hidden, req.Link = netip.MustParseAddrPort(tt.addr), before, 0
			if got := chain.Check(req, 0); got != tt.want || req.Hidden != tt.hidden {
				t.Errorf("%s: Check = %v, Hidden %v; want %v, %v", tt.addr, got, req.Hidden, tt.want, tt.hidden)
			}
			browser := shoal.OK
			if tt.want == out {
				browser = out
			}
			req.Hidden, req.Link = before, shoal.NewLink(0, 1, 2, 3)
			if got := chain.Check(req, 0); got != browser || req.Hidden {
				t.Errorf("a browser at %s: Check = %v, Hidden %v; want %v", tt.addr, got, req.Hidden, browser)
			}
			for name, keeps := range map[string]*Chain{"nil": nil, "default": Compile(DefaultConfig(), Lists{})} {
				req.Hidden, req.Link = before, 0
				if got := keeps.Check(req, 0); got != shoal.OK || req.Hidden {
					t.Errorf("%s, by the %s chain: Check = %v, Hidden %v", tt.addr, name, got, req.Hidden)
				}
			}
		}
	}
}
