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
		got := h.server.Snapshot()
		if c := &got[1]; c.ConnectsTimed == 0 || c.ConnectsTimed > c.Connects || c.AnnouncesTimed > c.Announces || c.ScrapesTimed > c.Scrapes {
			t.Errorf("timed: %+v", *c)
		}
		for i := range got {
			c := &got[i] // nobody knows how long it takes
			c.ConnectNS, c.AnnounceNS, c.ScrapeNS, c.ConnectsTimed, c.AnnouncesTimed, c.ScrapesTimed = 0, 0, 0, 0, 0, 0
		}
		expect(t, "counts", got, want)
	})
}

// Each listener counts one family, which its address tells.
func TestSnapshotOfFamilies(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, _ netip.AddrPort) {
		mapped := netip.MustParseAddrPort("[::ffff:127.0.0.1]:0")
		h := serve(t, engine, policy.Config{PortsDenied: []int{22}}, loopback4, loopback6, mapped)
		var want []Counts
		for i, addr := range h.server.Addrs() {
			if is4 := addr.Addr().Is4(); is4 != (i != 1) {
				t.Errorf("listener %d is at %s", i, addr)
			}
			n := uint64(i + 2)
			c := dial(t, addr)
			for range n {
				id := c.connect()
				c.announce(id, seeder(7001))
				c.announce(id, leecher(7002))
				c.scrape(id, testHash)
				denied := leecher(22)
				c.ask(udptracker.AppendAnnounce(nil, id, 1, &denied, 0, ""))
				c.ask(header(id, udptracker.ActionScrape, 16)) // of nothing
				c.ignored("a short packet", []byte{1})         // and two connects
			}
			want = append(want, Counts{
				Addr: addr, Received: 9 * n, Replies: 8 * n,
				Connects: 3 * n, Announces: 2 * n, Scrapes: n, Errors: 2 * n, Short: n,
			})
		}
		got := h.server.Snapshot()
		for i := range got {
			c := &got[i]
			*c = Counts{
				Addr: c.Addr, Received: c.Received, Replies: c.Replies, Dropped: c.Dropped,
				Connects: c.Connects, Announces: c.Announces, Scrapes: c.Scrapes, Errors: c.Errors,
				Short: c.Short, PortZero: c.PortZero, Own: c.Own, ErrorPackets: c.ErrorPackets, Unverified: c.Unverified,
			}
		}
		expect(t, "counts", got, want)
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
