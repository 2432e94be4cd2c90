package udpserver

import (
	"net/netip"
	"testing"
	"unsafe"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/udptracker"
)

func TestSnapshot(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{PortsDenied: []int{22}}, addr, addr)
		c := dial(t, h.server.Addrs()[1])
		id := c.connect()
		other := c.connect()
		expect(t, "the ID of one epoch", other, id)
		c.announce(id, seeder(7001))
		res := c.announce(id, leecher(7002))
		c.announce(id, leecher(7003))
		c.scrape(id, testHash, shoal.InfoHash{})
		denied := leecher(22)
		c.ask(udptracker.AppendAnnounce(nil, id, 1, &denied, 0, ""))
		c.ask(header(id, 9, 20))
		c.ignored("a short packet", make([]byte, 3)) // and two connects
		c.ignored("a forged ID", header(id^4, 1, 98))
		c.ignored("an error packet", header(id, 3, 16))

		size := uint64(len(res.Peers4) + len(res.Peers6)) // of one peer
		want := []Counts{{Addr: h.server.Addrs()[0]}, {
			Addr:          h.server.Addrs()[1],
			Received:      8 + 4 + 1 + 1 + 3,
			ReceivedBytes: 8*16 + 4*98 + (16 + 2*20) + 20 + 3 + 98 + 16,
			Replies:       8 + 3 + 1 + 2,
			ReplyBytes: 8*16 + (20 + 20 + size + 20 + 2*size) + (8 + 2*12) +
				uint64(8+len(shoal.PortDenied.Error())+8+len(shoal.ActionUnknown.Error())),
			Connects:     8,
			Announces:    3,
			Scrapes:      1,
			Errors:       2,
			Short:        1,
			ErrorPackets: 1,
			Unverified:   1,
		}}
		expect(t, "counts", h.server.Snapshot(), want)
	})
}

// TestCountersAreAlone checks that nothing shares the cache lines of counters.
func TestCountersAreAlone(t *testing.T) {
	var c counters
	begin := unsafe.Offsetof(c.n)
	end := begin + unsafe.Sizeof(c.n)
	if begin < 128 || unsafe.Sizeof(c)-end < 128 {
		t.Errorf("counters at %d to %d of %d bytes, want 128 free on either side", begin, end, unsafe.Sizeof(c))
	}
}
