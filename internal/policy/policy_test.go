package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func request(id string, port uint16) *shoal.AnnounceRequest {
	req := &shoal.AnnounceRequest{Addr: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)}
	copy(req.PeerID[:], id)
	return req
}

func TestCheck(t *testing.T) {
	chain := Compile(Config{
		ClientsDenied: []string{"-XL0012-", "-XL0018-", "exbc", "01234567890123456789"},
		PortsDenied:   []int{0, 22, 63, 64, 65535},
	}, Lists{})
	tests := []struct {
		name string
		id   string
		port uint16
		want shoal.Failure
	}{
		{"a client that is not listed", "-qB5000-abcdefghijkl", 6881, shoal.OK},
		{"a listed client", "-XL0012-abcdefghijkl", 6881, shoal.ClientDenied},
		{"the second of two with one first byte", "-XL0018-abcdefghijkl", 6881, shoal.ClientDenied},
		{"another version of a listed client", "-XL0013-abcdefghijkl", 6881, shoal.OK},
		{"a prefix in the middle", "abc-XL0012-defghijkl", 6881, shoal.OK},
		{"lower case", "-xl0012-abcdefghijkl", 6881, shoal.OK},
		{"a short prefix", "exbc\x00\x01\x02", 6881, shoal.ClientDenied},
		{"a whole peer ID", "01234567890123456789", 6881, shoal.ClientDenied},
		{"all but its last byte", "01234567890123456780", 6881, shoal.OK},
		{"the lowest port", "-qB5000-abcdefghijkl", 0, shoal.PortDenied},
		{"a listed port", "-qB5000-abcdefghijkl", 22, shoal.PortDenied},
		{"the last of a word", "-qB5000-abcdefghijkl", 63, shoal.PortDenied},
		{"the first of a word", "-qB5000-abcdefghijkl", 64, shoal.PortDenied},
		{"next to a listed port", "-qB5000-abcdefghijkl", 65, shoal.OK},
		{"the highest port", "-qB5000-abcdefghijkl", 65535, shoal.PortDenied},
		{"both", "-XL0012-abcdefghijkl", 22, shoal.ClientDenied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := chain.Check(request(tt.id, tt.port), 0); got != tt.want {
				t.Errorf("Check = %d (%v), want %d (%v)", got, got, tt.want, tt.want)
			}
		})
	}
}

// TestCheckBrowser has WebTorrent peers, whose port is nobody's to dial.
func TestCheckBrowser(t *testing.T) {
	chain := Compile(Config{ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{0, 22}}, Lists{})
	for _, tt := range []struct {
		id   string
		port uint16
		want shoal.Failure
	}{
		{"-WW0102-abcdefghijkl", 0, shoal.OK},
		{"-WW0102-abcdefghijkl", 22, shoal.OK},
		{"-XL0012-abcdefghijkl", 443, shoal.ClientDenied},
	} {
		req := request(tt.id, tt.port)
		req.Link = shoal.NewLink(0, 1, 2, 3)
		if got := chain.Check(req, 0); got != tt.want {
			t.Errorf("Check(%s, port %d) = %v, want %v", tt.id, tt.port, got, tt.want)
		}
		if req.Link = 0; tt.want == shoal.OK && chain.Check(req, 0) != shoal.PortDenied {
			t.Errorf("port %d is not denied to others", tt.port)
		}
	}
}

func TestCheckWithoutRules(t *testing.T) {
	for _, chain := range []*Chain{nil, {}, Compile(Config{}, Lists{}), Compile(Config{ClientsDenied: []string{""}, PortsDenied: []int{-1, 65536}}, Lists{})} {
		if got := chain.Check(request("", 0), 0); got != shoal.OK {
			t.Errorf("%+v: Check = %v, want OK", chain, got)
		}
	}
	if c := Compile(Config{}, Lists{Denied: []*Torrents{nil}}); c.clients != nil || c.ports != nil || c.addresses != nil || c.denied != nil {
		t.Error("a rule that is not configured was compiled")
	}
}

func TestCompileKeepsNothing(t *testing.T) {
	c := Config{ClientsDenied: []string{"-XL"}, PortsDenied: []int{22}}
	chain := Compile(c, Lists{})
	c.ClientsDenied[0], c.PortsDenied[0] = "-qB", 6881
	if got := chain.Check(request("-XL0012-", 1), 0); got != shoal.ClientDenied {
		t.Errorf("the client that was denied: %v", got)
	}
	if got := chain.Check(request("-qB5000-", 6881), 0); got != shoal.OK {
		t.Errorf("a client written over the configuration afterwards: %v", got)
	}
}

func TestValidate(t *testing.T) {
	c := Config{
		ClientsDenied:    []string{"-XL0012-", "", strings.Repeat("x", 20), strings.Repeat("x", 21)},
		AddressesDenied:  []netip.Prefix{netip.MustParsePrefix("::/0"), {}},
		PortsDenied:      []int{0, -1, 65535, 65536},
		PrivateAddresses: "hide",
	}
	var keys []string
	report := func(key string, value any, allowed string) { keys = append(keys, key) }
	c.Validate(report)
	want := []string{"clients_denied[1]", "clients_denied[3]", "addresses_denied[1]", "ports_denied[1]", "ports_denied[3]", "private_addresses"}
	if !slices.Equal(keys, want) {
		t.Errorf("reported %q, want %q", keys, want)
	}
	keys = nil
	for _, c := range []Config{DefaultConfig(), {Private: true, Listed: true, PrivateAddresses: "drop"}} {
		if c.Validate(report); len(keys) > 0 {
			t.Errorf("%+v: reported %q", c, keys)
		}
	}
}
