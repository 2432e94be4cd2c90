package udpserver

import (
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/internal/packetio"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/udptracker"
)

// look makes the clock of the timing go on by a microsecond with each look.
func look(w *worker) (looks *int) {
	looks = new(int)
	w.timing.watch = func() time.Duration {
		*looks++
		return time.Duration(*looks) * time.Microsecond
	}
	return looks
}

// swallow has the worker answer what was sent, and returns the size of the
// largest batch.
func swallow(t *testing.T, w *worker, packets int) (largest int) {
	t.Helper()
	for packets > 0 {
		n, err := w.socket.Receive(w.batch)
		if err != nil {
			t.Fatal(err)
		}
		w.answer(n)
		packets -= n
		largest = max(largest, n)
	}
	return largest
}

func TestTiming(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := build(t, engine, policy.Config{PortsDenied: []int{22}}, addr)
		w := h.server.workers[0]
		looks := look(w)
		c := dial(t, h.server.Addrs()[0])
		id := w.ids.issue(addr.Addr(), w.ids.epoch(w.clock.Now()))
		peer, denied := leecher(7001), leecher(22)
		send := func(p []byte) {
			c.send(p)
			swallow(t, w, 1)
		}
		// The first 16 batches, each of one packet. Refused, forged and broken
		// packets are quick and make nothing look quick.
		for range 3 {
			send(udptracker.AppendConnect(nil, 1))
			send(udptracker.AppendAnnounce(nil, id, 1, &peer, 0, ""))
			send(udptracker.AppendAnnounce(nil, id, 1, &denied, 0, ""))
		}
		send(udptracker.AppendScrape(nil, id, 1, w.hashes[:1]))
		send(udptracker.AppendScrape(nil, id, 1, w.hashes[:1]))
		send(header(id, udptracker.ActionScrape, 16))
		send(header(id, udptracker.ActionAnnounce, 97))
		send(header(id^2, udptracker.ActionAnnounce, 98))
		send(header(id, udptracker.ActionConnect, 16))
		send([]byte{1, 2, 3})
		check := func(connects, announces, scrapes uint64) {
			t.Helper()
			got := h.server.Snapshot()[0]
			expect(t, "numbers timed", []uint64{got.ConnectsTimed, got.AnnouncesTimed, got.ScrapesTimed}, []uint64{connects, announces, scrapes})
			// Two looks that follow each other are a microsecond apart.
			expect(t, "averages", []uint64{got.ConnectNS, got.AnnounceNS, got.ScrapeNS}, []uint64{1000, 2000, 1000})
		}
		check(3, 3, 2)
		expect(t, "looks at the clock", *looks, 2*16+2*6)

		// After them, one of 16.
		before := *looks
		for range 64 {
			send(udptracker.AppendConnect(nil, 1))
		}
		check(3+4, 3, 2)
		expect(t, "looks at the clock", *looks-before, 2*4)
	})
}

// An announce of a batch has its own time and a part of that of all.
func TestTimingOfABatch(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := build(t, engine, policy.Config{}, addr)
		w := h.server.workers[0]
		look(w)
		c := dial(t, h.server.Addrs()[0])
		id := w.ids.issue(addr.Addr(), w.ids.epoch(w.clock.Now()))
		peer := leecher(7001)
		const each = 10
		for range each {
			c.send(udptracker.AppendAnnounce(nil, id, 1, &peer, 0, ""))
		}
		largest := swallow(t, w, each)
		got := h.server.Snapshot()[0]
		switch {
		case got.Announces != each || got.AnnouncesTimed == 0:
			t.Errorf("%d announces, %d of them timed", got.Announces, got.AnnouncesTimed)
		case largest == each && (got.AnnouncesTimed != 1 || got.AnnounceNS != 1000+1000/each):
			t.Errorf("%d announces in a batch: %d timed, %d ns", each, got.AnnouncesTimed, got.AnnounceNS)
		}
	})
}

// Each place of a batch has its turn.
func TestSlot(t *testing.T) {
	var timed timing
	if n := timed.slot(0); n != 0 || timed.batches != 0 {
		t.Errorf("slot %d of an empty batch", n)
	}
	var turns [packetio.BatchSize]int
	for range timedFirst + timedEvery*10*packetio.BatchSize {
		if slot := timed.slot(packetio.BatchSize); slot < packetio.BatchSize {
			turns[slot]++
		}
	}
	for slot, n := range turns {
		if n < 10 || n > 11 {
			t.Errorf("slot %d had %d turns", slot, n)
		}
	}
	for n := 1; n <= packetio.BatchSize; n++ {
		for range 100 {
			if slot := timed.slot(n); slot < 0 || slot > n {
				t.Fatalf("slot %d of %d", slot, n)
			}
		}
	}
}
