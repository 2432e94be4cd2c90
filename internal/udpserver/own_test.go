package udpserver

import (
	"net"
	"net/netip"
	"testing"
)

func TestOwnListeners(t *testing.T) {
	tests := []struct {
		name string
		own  []string
		from string
		want bool
	}{
		{"no listeners", nil, "127.0.0.1:6969", false},
		{"the listener itself", []string{"192.0.2.1:6969"}, "192.0.2.1:6969", true},
		{"the second of two", []string{"192.0.2.1:6969", "192.0.2.2:6969"}, "192.0.2.2:6969", true},
		{"another port", []string{"192.0.2.1:6969"}, "192.0.2.1:6970", false},
		{"another address", []string{"192.0.2.1:6969"}, "192.0.2.2:6969", false},
		{"the address of one and the port of another", []string{"192.0.2.1:6969", "192.0.2.2:6970"}, "192.0.2.1:6970", false},
		{"IPv6", []string{"[2001:db8::1]:6969"}, "[2001:db8::1]:6969", true},
		{"with a zone", []string{"[fe80::1%eth0]:6969"}, "[fe80::1]:6969", true},
		{"mapped", []string{"[::ffff:192.0.2.1]:6969"}, "192.0.2.1:6969", true},
		{"loopback of a wildcard", []string{"0.0.0.0:6969"}, "127.0.0.1:6969", true},
		{"all of 127/8", []string{"0.0.0.0:6969"}, "127.200.3.4:6969", true},
		{"loopback and another port", []string{"0.0.0.0:6969"}, "127.0.0.1:6970", false},
		{"loopback and the port of another listener", []string{"0.0.0.0:6969", "192.0.2.1:6970"}, "127.0.0.1:6970", false},
		{"the unspecified address", []string{"0.0.0.0:6969"}, "0.0.0.0:6969", true},
		{"someone else and a wildcard", []string{"0.0.0.0:6969", "[::]:6969"}, "192.0.2.1:6969", false},
		{"IPv6 loopback of a wildcard", []string{"[::]:6969"}, "[::1]:6969", true},
		{"IPv6 loopback and an IPv4 wildcard", []string{"0.0.0.0:6969"}, "[::1]:6969", false},
		{"IPv4 loopback and an IPv6 wildcard", []string{"[::]:6969"}, "127.0.0.1:6969", false},
		{"someone else on IPv6 and a wildcard", []string{"[::]:6969"}, "[2001:db8::1]:6969", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var addrs []netip.AddrPort
			for _, a := range tt.own {
				addrs = append(addrs, netip.MustParseAddrPort(a))
			}
			own, err := newOwnListeners(addrs)
			if err != nil {
				t.Fatal(err)
			}
			if got := own.contains(netip.MustParseAddrPort(tt.from)); got != tt.want {
				t.Errorf("contains(%s) = %v, want %v", tt.from, got, tt.want)
			}
		})
	}
}

func TestOwnListenersOfThisMachine(t *testing.T) {
	own, err := newOwnListeners([]netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:6969"), netip.MustParseAddrPort("[::]:6969")})
	if err != nil {
		t.Fatal(err)
	}
	found, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range found {
		addr := netip.MustParsePrefix(a.String()).Addr().Unmap()
		if !own.contains(netip.AddrPortFrom(addr, 6969)) {
			t.Errorf("%v is not told to be our own", addr)
		}
		if own.contains(netip.AddrPortFrom(addr, 6970)) {
			t.Errorf("%v is told to be our own on a port that nothing listens on", addr)
		}
	}
}
