package udpserver

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/udptracker"
)

// header begins a request of some size.
func header(id uint64, action uint32, size int) []byte {
	p := make([]byte, size)
	binary.BigEndian.PutUint64(p, id)
	binary.BigEndian.PutUint32(p[8:], action)
	return p
}

// TestSilence has everything that gets no answer, whatever else is right or
// wrong with it.
func TestSilence(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{ClientsDenied: []string{"-XL"}}, addr)
		c := dial(t, h.server.Addrs()[0])
		id := c.connect()
		ids := newConnectionIDs(testSecret, h.config.ConnectionIDEpoch)
		foreign := ids.issue(netip.MustParseAddr("192.0.2.1"), ids.epoch(h.clock.Now()))

		req, denied := leecher(7001), leecher(7001)
		copy(denied.PeerID[:], "-XL0012-")
		announce := func(id uint64) []byte { return udptracker.AppendAnnounce(nil, id, 1, &req, 0, "") }

		short := h.server.Snapshot()[0].Short
		c.ignored("an empty packet", nil)
		c.ignored("one byte", []byte{0})
		c.ignored("a connect of 15 bytes", udptracker.AppendConnect(nil, 1)[:15])
		c.ignored("a verified packet of 15 bytes", announce(id)[:15])
		expect(t, "packets counted as short", h.server.Snapshot()[0].Short-short, uint64(4))

		unverified := h.server.Snapshot()[0].Unverified
		for _, tt := range []struct {
			name string
			p    []byte
		}{
			{"a connect without the protocol ID", header(0, udptracker.ActionConnect, 16)},
			{"a connect with a connection ID", header(id, udptracker.ActionConnect, 16)},
			{"a connect with one bit wrong", header(udptracker.ProtocolID^1, udptracker.ActionConnect, 16)},
			{"an announce with the protocol ID", announce(udptracker.ProtocolID)},
			{"an announce with a zero ID", announce(0)},
			{"an announce with a forged ID", announce(id ^ 1<<40)},
			{"an announce with the parity forged", announce(id ^ 1)},
			{"an announce with another address's ID", announce(foreign)},
			{"a denied announce with a forged ID", udptracker.AppendAnnounce(nil, id^2, 1, &denied, 0, "")},
			{"a short announce with a forged ID", announce(id ^ 2)[:97]},
			{"a scrape with a forged ID", udptracker.AppendScrape(nil, id^2, 1, []shoal.InfoHash{testHash})},
			{"an empty scrape with a forged ID", header(id^2, udptracker.ActionScrape, 16)},
			{"an unknown action with a forged ID", header(id^2, 4, 16)},
			{"an unknown action with the protocol ID", header(udptracker.ProtocolID, 1<<31, 16)},
			{"zeroes", make([]byte, 1200)},
		} {
			c.ignored(tt.name, tt.p)
			unverified++
			expect(t, tt.name+": unverified", h.server.Snapshot()[0].Unverified, unverified)
		}

		c.ignored("an error packet", header(udptracker.ProtocolID, udptracker.ActionError, 16))
		c.ignored("an error packet with a valid ID", header(id, udptracker.ActionError, 98))
		expect(t, "error packets", h.server.Snapshot()[0].ErrorPackets, uint64(2))
		expect(t, "scrape after all that", c.scrape(id, testHash), make([]shoal.ScrapeCounts, 1))
	})
}

// TestSilenceWhenExpired moves the clock under a client.
func TestSilenceWhenExpired(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{}, addr)
		c := dial(t, h.server.Addrs()[0])
		id := c.connect()
		epoch := h.config.ConnectionIDEpoch
		c.announce(id, leecher(7001))
		h.clock.Set(h.clock.Now().Add(epoch))
		c.announce(id, leecher(7001))
		h.clock.Set(h.clock.Now().Add(epoch))
		req := leecher(7001)
		c.ignored("an announce with an expired ID", udptracker.AppendAnnounce(nil, id, 1, &req, 0, ""))
		c.announce(c.connect(), leecher(7001))
	})
}

// TestSilenceTowardsOwnListeners tells the server that a client's socket is a
// listener of the same process.
func TestSilenceTowardsOwnListeners(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{}, addr)
		other, own := dial(t, h.server.Addrs()[0]), dial(t, h.server.Addrs()[0])
		id := own.connect()
		for _, listener := range []netip.AddrPort{
			own.addr(),
			netip.AddrPortFrom(netip.IPv4Unspecified(), own.addr().Port()),
			netip.AddrPortFrom(netip.IPv6Unspecified(), own.addr().Port()),
		} {
			// A wildcard of the other family is not its address.
			want := uint64(1)
			if listener.Addr().Is4() != addr.Addr().Is4() {
				want = 0
			}
			h.server.SetOwn(append(h.server.Addrs(), listener))
			before := h.server.Snapshot()[0].Own
			own.send(udptracker.AppendScrape(nil, id, 7, []shoal.InfoHash{testHash}))
			other.connect() // one worker: the scrape before it has been seen to
			expect(t, "packets from "+listener.String(), h.server.Snapshot()[0].Own-before, want)
			if want == 0 {
				own.receive()
			}
		}
		h.server.SetOwn(h.server.Addrs())
		own.connect() // and nothing came before this answer
	})
}

// TestSilenceTowardsPortZero cannot go over a socket: no system sends from
// port 0, but a forger does.
func TestSilenceTowardsPortZero(t *testing.T) {
	h := build(t, "portable", policy.Config{}, loopback4)
	w := h.server.workers[0]
	from := netip.MustParseAddr("192.0.2.1")
	epoch := w.ids.epoch(h.clock.Now())
	req := leecher(7001)
	for _, port := range []uint16{0, 1} {
		w.packet(0, udptracker.AppendConnect(nil, 1), netip.AddrPortFrom(from, port), epoch, w.server.own.Load())
		w.packet(1, udptracker.AppendAnnounce(nil, w.ids.issue(from, epoch), 1, &req, 0, ""), netip.AddrPortFrom(from, port), epoch, w.server.own.Load())
		answered := uint64(port) // from port 1 both are, one of them gathered
		expect(t, "connects answered", w.tally[connects], answered)
		expect(t, "announces gathered", w.announces, int(answered))
		expect(t, "counted", w.tally[portZero], uint64(2))
	}
}

// TestOwnFromTheStart checks that a Server knows its listeners unasked.
func TestOwnFromTheStart(t *testing.T) {
	h := build(t, "auto", policy.Config{}, loopback4, loopback6)
	for _, addr := range h.server.Addrs() {
		if !h.server.own.Load().contains(addr) {
			t.Errorf("%v is not known", addr)
		}
	}
}
