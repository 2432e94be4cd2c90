//go:build unix

package packetio

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSenderAims(t *testing.T) {
	tests := []struct {
		to    string
		zone  uint32
		known zone // before
	}{
		{"192.0.2.1:6881", 0, zone{}},
		{"[2001:db8::1]:6881", 0, zone{}},
		{"[fe80::1%7]:6881", 7, zone{}},
		{"[2001:db8::1]:6881", 0, zone{"7", 7, 5}},
		{"[fe80::1%near0]:6881", 9, zone{"near0", 9, 1}},
		{"[fe80::1%8]:6881", 8, zone{"near0", 9, 1}},
		{"[fe80::1%8]:6881", 8, zone{"8", 9, 0}}, // it is another interface now
	}
	s := &sender{}
	for _, test := range tests {
		s.zone = test.known
		to := netip.MustParseAddrPort(test.to)
		if err := s.aim(to); err != nil {
			t.Errorf("%s: %v", test.to, err)
			continue
		}
		var got netip.AddrPort
		var zone uint32
		switch name := s.to.(type) {
		case *unix.SockaddrInet4:
			got = netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
		case *unix.SockaddrInet6:
			got, zone = netip.AddrPortFrom(netip.AddrFrom16(name.Addr), uint16(name.Port)), name.ZoneId
		}
		if want := netip.AddrPortFrom(to.Addr().WithZone(""), to.Port()); got != want || zone != test.zone {
			t.Errorf("%s: to %v in zone %d, want %v in %d", test.to, got, zone, want, test.zone)
		}
	}
}

// An interface that was remembered too long may be another by now.
func TestSenderAsksForTheZoneAgain(t *testing.T) {
	s := &sender{zone: zone{"nowhere0", 9, 2}}
	to := netip.MustParseAddrPort("[fe80::1%nowhere0]:6881")
	for range 2 {
		if err := s.aim(to); err != nil || s.to6.ZoneId != 9 {
			t.Fatalf("zone %d, %v, want the one remembered", s.to6.ZoneId, err)
		}
	}
	if err := s.aim(to); err == nil {
		t.Error("the zone was not asked for again")
	}
	s.raw, s.zone = failing{}, zone{"nowhere0", 9, 2}
	if err := s.send(nil, nil, to); !errors.Is(err, errFailing) {
		t.Errorf("sending: %v, want %v", err, errFailing)
	}
	if s.zone != (zone{}) {
		t.Error("a zone that could not be reached is still remembered")
	}
}

var errFailing = errors.New("failing")

// failing is a socket that can send nothing.
type failing struct{ syscall.RawConn }

func (failing) Write(func(uintptr) bool) error { return errFailing }
