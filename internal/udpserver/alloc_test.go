//go:build !race

package udpserver

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/packetio"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/udptracker"
)

// mixed returns every kind of packet, the refused and the ignored included,
// until a batch is full.
func mixed(w *worker, from netip.Addr) (packets [][]byte) {
	id := w.ids.issue(from, w.ids.epoch(w.clock.Now()))
	hashes := make([]shoal.InfoHash, udptracker.MaxScrape)
	for i := range hashes {
		hashes[i] = shoal.InfoHash{byte(i)}
	}
	for i := 0; len(packets) < packetio.BatchSize; i++ {
		req, denied := leecher(uint16(7000+i)), leecher(22)
		leaving := req
		leaving.Event = shoal.EventStopped
		req.InfoHash = hashes[i%2]
		for _, p := range [][]byte{
			udptracker.AppendConnect(nil, 1),
			udptracker.AppendAnnounce(nil, id, 1, &req, 0, "/announce/"+goodKey),
			udptracker.AppendAnnounce(nil, id, 1, &req, 0, "/announce?passkey="+oldKey+strings.Repeat("&more", 100)),
			udptracker.AppendAnnounce(nil, id, 1, &req, 0, ""),
			udptracker.AppendAnnounce(nil, id, 1, &denied, 0, ""),
			udptracker.AppendAnnounce(nil, id, 1, &leaving, 0, ""),
			udptracker.AppendScrape(nil, id, 1, hashes),
			header(id, udptracker.ActionAnnounce, 97),
			header(id, udptracker.ActionScrape, 16),
			header(id, 9, 16),
			header(id^2, udptracker.ActionAnnounce, 98),
			header(id, udptracker.ActionError, 16),
			{1, 2, 3},
		} {
			if len(packets) < packetio.BatchSize {
				packets = append(packets, p)
			}
		}
	}
	return packets
}

// TestABatchAllocatesNothing answers a batch again and again. The
// portable engine has one packet in each.
func TestABatchAllocatesNothing(t *testing.T) {
	open := policy.Compile(policy.Config{ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{22}}, policy.Lists{})
	now := shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	closed, _ := chainOf(true, true, now, [3]shoal.InfoHash{{0}, {1}, {2}})
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		t.Run("open", func(t *testing.T) { testAllocations(t, engine, open, addr) })
		t.Run("private and listed", func(t *testing.T) { testAllocations(t, engine, closed, addr) })
	})
}

func testAllocations(t *testing.T, engine string, chain *policy.Chain, addr netip.AddrPort) {
	h := buildWith(t, engine, chain, addr)
	w := h.server.workers[0]
	c := dial(t, h.server.Addrs()[0])
	packets := mixed(w, addr.Addr())
	for len(packets) > 0 {
		// The kernel may not take as many before they are read.
		some := packets[:min(16, len(packets))]
		if engine == "mmsg" {
			some = packets
		}
		packets = packets[len(some):]
		for _, p := range some {
			c.send(p)
		}
		for left := len(some); left > 0; {
			n, err := w.socket.Receive(w.batch)
			if err != nil {
				t.Fatal(err)
			}
			left -= n
			if got := testing.AllocsPerRun(20, func() { w.answer(n) }); got != 0 {
				t.Errorf("a batch of %d, the first % x: %v allocations", n, first(w.batch), got)
			}
		}
	}
	counts := h.server.Snapshot()[0]
	for name, n := range map[string]uint64{
		"connects": counts.Connects, "announces": counts.Announces, "scrapes": counts.Scrapes,
		"errors": counts.Errors, "unverified": counts.Unverified, "error packets": counts.ErrorPackets, "short": counts.Short,
	} {
		if n == 0 {
			t.Errorf("no %s were measured", name)
		}
	}
}

func first(b *packetio.Batch) []byte {
	p, _ := b.Packet(0)
	return p[:min(16, len(p))]
}

func BenchmarkAnnounceBatch(b *testing.B) {
	h := build(b, "portable", policy.Config{}, loopback4)
	w := h.server.workers[0]
	from := netip.MustParseAddr("192.0.2.1")
	epoch := w.ids.epoch(h.clock.Now())
	id := w.ids.issue(from, epoch)
	var packets [packetio.BatchSize][]byte
	for i := range packets {
		req := leecher(uint16(7000 + i))
		req.InfoHash[0] = byte(i % 8)
		req.NumWant = 30
		packets[i] = udptracker.AppendAnnounce(nil, id, 1, &req, 0, "")
	}
	own := w.server.own.Load()
	b.ReportAllocs()
	for b.Loop() {
		w.announces = 0
		for i, p := range packets {
			w.packet(i, p, netip.AddrPortFrom(from, 6881), epoch, own)
		}
		w.answerAnnounces()
		w.counters.add(&w.tally)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*packetio.BatchSize), "ns/announce")
}

// BenchmarkAnswer answers a batch as it was received, timing and counting with it.
func BenchmarkAnswer(b *testing.B) {
	if !canReceiveMany() {
		b.Skip("there is no engine that receives more than a packet at once")
	}
	h := build(b, "mmsg", policy.Config{}, loopback4)
	w := h.server.workers[0]
	c, err := net.Dial("udp", h.server.Addrs()[0].String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	id := w.ids.issue(loopback4.Addr(), w.ids.epoch(w.clock.Now()))
	for i := range packetio.BatchSize {
		req := leecher(uint16(7000 + i))
		req.InfoHash[0] = byte(i % 8)
		req.NumWant = 30
		if _, err := c.Write(udptracker.AppendAnnounce(nil, id, 1, &req, 0, "")); err != nil {
			b.Fatal(err)
		}
	}
	n, err := w.socket.Receive(w.batch)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.answer(n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/announce")
}
