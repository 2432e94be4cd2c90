package udpserver

import (
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/udptracker"
)

var testSecret = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// TestConnectionIDGolden has what another implementation of SipHash-2-4 works
// out: a restarted server, or another node, must go on honouring IDs.
func TestConnectionIDGolden(t *testing.T) {
	ids := newConnectionIDs(testSecret, time.Minute)
	for _, tt := range []struct {
		addr  string
		epoch uint64
		want  uint64
	}{
		{"192.0.2.1", 1000, 0xa96a2b6add0d212a},
		{"192.0.2.1", 1001, 0x1018842d89b21eef},
		{"2001:db8::1", 1000, 0x6de994199722b7b8},
		{"2001:db8::1", 1001, 0x0eea49b2f26a7fb3},
	} {
		if got := ids.issue(netip.MustParseAddr(tt.addr), tt.epoch); got != tt.want {
			t.Errorf("%s, epoch %d: %#016x, want %#016x", tt.addr, tt.epoch, got, tt.want)
		}
	}
}

func TestConnectionIDValid(t *testing.T) {
	const epoch = 5 * time.Minute
	// The first moment of an even epoch, and of an odd one.
	even := shoal.Tick(0).Add(1_000_000 * epoch)
	odd := even.Add(epoch)
	tests := []struct {
		name   string
		issued string        // to this address
		shown  string        // by this address
		after  time.Duration // it was issued
		change func(id uint64) uint64
		want   bool
	}{
		{name: "at once", issued: "192.0.2.1", shown: "192.0.2.1", want: true},
		{name: "at once, IPv6", issued: "2001:db8::1", shown: "2001:db8::1", want: true},
		{name: "the last moment of the epoch", issued: "192.0.2.1", shown: "192.0.2.1", after: epoch - time.Millisecond, want: true},
		{name: "the epoch before", issued: "192.0.2.1", shown: "192.0.2.1", after: epoch, want: true},
		{name: "the last moment of all", issued: "192.0.2.1", shown: "192.0.2.1", after: 2*epoch - time.Millisecond, want: true},
		{name: "expired", issued: "192.0.2.1", shown: "192.0.2.1", after: 2 * epoch},
		{name: "expired by an odd number of epochs", issued: "192.0.2.1", shown: "192.0.2.1", after: 3 * epoch},
		{name: "expired long ago", issued: "192.0.2.1", shown: "192.0.2.1", after: 1000 * epoch},
		{name: "from the future", issued: "192.0.2.1", shown: "192.0.2.1", after: -epoch},
		{name: "from farther in the future", issued: "192.0.2.1", shown: "192.0.2.1", after: -2 * epoch},
		{name: "a foreign address", issued: "192.0.2.1", shown: "192.0.2.2"},
		{name: "a foreign address of the same /64", issued: "2001:db8::1", shown: "2001:db8::2"},
		{name: "the other family", issued: "192.0.2.1", shown: "::192.0.2.1"},
		{name: "the other family, mapped", issued: "192.0.2.1", shown: "::ffff:192.0.2.1"},
		{name: "zero", issued: "192.0.2.1", shown: "192.0.2.1", change: func(uint64) uint64 { return 0 }},
		{name: "all ones", issued: "192.0.2.1", shown: "192.0.2.1", change: func(uint64) uint64 { return 1<<64 - 1 }},
		{name: "the protocol ID", issued: "192.0.2.1", shown: "192.0.2.1", change: func(uint64) uint64 { return udptracker.ProtocolID }},
		{name: "one off", issued: "192.0.2.1", shown: "192.0.2.1", change: func(id uint64) uint64 { return id + 2 }},
	}
	ids := newConnectionIDs(testSecret, epoch)
	for _, tt := range tests {
		for parity, issuedAt := range []shoal.Tick{even, odd} {
			id := ids.issue(netip.MustParseAddr(tt.issued), ids.epoch(issuedAt))
			if id&1 != uint64(parity) {
				t.Errorf("%s: the lowest bit is %d in an epoch of parity %d", tt.name, id&1, parity)
			}
			if tt.change != nil {
				id = tt.change(id)
			}
			if got := ids.valid(id, netip.MustParseAddr(tt.shown), ids.epoch(issuedAt.Add(tt.after))); got != tt.want {
				t.Errorf("%s, parity %d: valid = %v, want %v", tt.name, parity, got, tt.want)
			}
		}
	}
}

// TestConnectionIDForged flips each bit, the one of the parity included.
func TestConnectionIDForged(t *testing.T) {
	ids := newConnectionIDs(testSecret, time.Minute)
	for _, addr := range []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")} {
		for epoch := uint64(1000); epoch < 1002; epoch++ {
			id := ids.issue(addr, epoch)
			for bit := range 64 {
				for _, now := range []uint64{epoch, epoch + 1} {
					if ids.valid(id^1<<bit, addr, now) {
						t.Errorf("%v: valid with bit %d flipped", addr, bit)
					}
				}
			}
		}
	}
}

func TestConnectionIDSecret(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.1")
	ours := newConnectionIDs(testSecret, time.Minute)
	for i := range testSecret {
		secret := testSecret
		secret[i] ^= 1
		theirs := newConnectionIDs(secret, time.Minute)
		if ours.valid(theirs.issue(addr, 1000), addr, 1000) {
			t.Errorf("an ID made with byte %d of the secret changed is valid", i)
		}
	}
}
