package udpload

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
	"github.com/shoal-tracker/shoal/udptracker"
)

// serve answers packets as answer does, until the test ends. Connects it
// answers itself.
func serve(t *testing.T, answer func(request []byte, from netip.AddrPort) []byte) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetReadBuffer(1 << 20) // as far as it goes: tests keep less in flight than fits
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			h, ok := udptracker.ParseHeader(b[:n])
			if !ok {
				continue
			}
			var reply []byte
			if h.Action == udptracker.ActionConnect {
				reply = udptracker.AppendConnectReply(nil, h.Transaction, 99)
			} else {
				reply = answer(b[:n], from)
			}
			if reply != nil {
				if _, err := c.WriteToUDPAddrPort(reply, from); err != nil {
					return
				}
			}
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// nobody answers an announce with an empty swarm's list.
func nobody(request []byte) []byte {
	reply := make([]byte, udptracker.AnnounceHeader)
	binary.BigEndian.PutUint32(reply, udptracker.ActionAnnounce)
	copy(reply[4:8], request[12:16])
	reply[11], reply[15], reply[19] = 9, 1, 1
	return reply
}

// unknown answers a scrape of torrents that nobody announced.
func unknown(request []byte) []byte {
	reply := append([]byte{0, 0, 0, 2}, request[12:16]...)
	return append(reply, make([]byte, (len(request)-udptracker.ScrapeSize)/udptracker.HashSize*udptracker.CountsSize)...)
}

// onEngines runs a test on all engines this platform has.
func onEngines(t *testing.T, test func(t *testing.T, change func(p *plan.Plan))) {
	for name, portable := range map[string]bool{"own": false, "portable": true} {
		t.Run(name, func(t *testing.T) {
			test(t, func(p *plan.Plan) { p.Portable = portable })
		})
	}
}

func run(t *testing.T, p *plan.Plan) (*report.Tally, time.Duration) {
	t.Helper()
	tally, elapsed, err := Run(t.Context(), p, report.NewLive(p.Workers))
	if err != nil {
		t.Fatal(err)
	}
	return tally, elapsed
}

func TestRunEndsAfterRequests(t *testing.T) {
	onEngines(t, func(t *testing.T, change func(*plan.Plan)) {
		p := newPlan(t, serve(t, func(request []byte, _ netip.AddrPort) []byte { return nobody(request) }))
		change(p)
		p.Requests, p.Workers, p.Connections, p.Connect = 1000, 2, 10, 10
		tally, _ := run(t, p)
		if tally.Responses() != 1000 || tally.Lost != 0 || tally.WrongCount() != 0 || tally.Answered[plan.Connect] == 0 {
			t.Errorf("%+v, wrong %v", tally, wrongOf(tally))
		}
	})
}

// TestFill: every peer is announced from its address with its port, and once
// more where no answer came.
func TestFill(t *testing.T) {
	onEngines(t, func(t *testing.T, change func(*plan.Plan)) {
		type place struct {
			addr netip.Addr
			port uint16
		}
		var mu sync.Mutex
		seen := map[place]int{}
		p := newPlan(t, serve(t, func(request []byte, from netip.AddrPort) []byte {
			mu.Lock()
			defer mu.Unlock()
			at := place{from.Addr().Unmap(), binary.BigEndian.Uint16(request[96:])}
			if seen[at]++; seen[at] == 1 && at.port%5 == 0 {
				return nil
			}
			return nobody(request)
		}))
		change(p)
		p.Fill, p.Connections, p.Timeout = true, 7, 300*time.Millisecond
		tally, _ := run(t, p)
		if n := tally.Answered[plan.Announce]; n != 100 || tally.Responses() < n || tally.Lost == 0 {
			t.Errorf("%d answers, %d lost", n, tally.Lost)
		}
		mu.Lock()
		defer mu.Unlock()
		for peer := range p.Population.Peers() {
			at := place{p.Sources[p.Population.Source(peer)], p.Population.Port(peer)}
			want := 1
			if at.port%5 == 0 {
				want = 2
			}
			if seen[at] != want {
				t.Errorf("peer %d announced %d times, want %d", peer, seen[at], want)
			}
		}
	})
}

// TestRateIsKept: an open loop goes on while nothing is answered.
func TestRateIsKept(t *testing.T) {
	onEngines(t, func(t *testing.T, change func(*plan.Plan)) {
		p := newPlan(t, serve(t, func([]byte, netip.AddrPort) []byte { return nil }))
		change(p)
		p.Rate, p.Duration, p.Connections, p.Timeout = 2000, 500*time.Millisecond, 1, 300*time.Millisecond
		tally, _ := run(t, p)
		if sent := tally.Sent[plan.Announce] + tally.Sent[plan.Connect]; sent+tally.Missed != 1000 || sent < 100 {
			t.Errorf("%v sent and %d missed of 1000", tally.Sent, tally.Missed)
		}
		if tally.Lost+tally.Answered[plan.Connect] != 1000-tally.Missed {
			t.Errorf("%d lost", tally.Lost)
		}
	})
}

func TestCancel(t *testing.T) {
	onEngines(t, func(t *testing.T, change func(*plan.Plan)) {
		var answered atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		p := newPlan(t, serve(t, func(request []byte, _ netip.AddrPort) []byte {
			if answered.Add(1) == 100 {
				cancel()
			}
			return nobody(request)
		}))
		change(p)
		p.Duration = time.Hour
		tally, elapsed, err := Run(ctx, p, report.NewLive(1))
		if err != nil || tally.Responses() < 100 || elapsed >= time.Hour {
			t.Errorf("%d answers in %v, %v", tally.Responses(), elapsed, err)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	onEngines(t, func(t *testing.T, change func(*plan.Plan)) {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() // listens, and never answers
		p := newPlan(t, c.LocalAddr().(*net.UDPAddr).AddrPort())
		change(p)
		if _, _, err := Run(t.Context(), p, report.NewLive(1)); err == nil {
			t.Error("no error without a tracker")
		}
	})
}

// TestScrapeLengths: between announces that the kernel cuts out of one message,
// scrapes that are shorter and longer than an announce arrive whole.
func TestScrapeLengths(t *testing.T) {
	for _, hashes := range []int{1, 4, 5, 74} {
		var whole, other atomic.Int64
		p := newPlan(t, serve(t, func(request []byte, _ netip.AddrPort) []byte {
			if request[11] != byte(udptracker.ActionScrape) {
				return nobody(request)
			}
			if len(request) != udptracker.ScrapeSize+hashes*udptracker.HashSize {
				other.Add(1)
			}
			whole.Add(1)
			return unknown(request)
		}))
		p.Hashes, p.Scrape, p.Requests, p.Timeout = hashes, 50, 500, time.Second
		tally, _ := run(t, p)
		if tally.Responses() != 500 || tally.WrongCount() != 0 || whole.Load() == 0 || other.Load() != 0 {
			t.Errorf("%d hashes: %d scrapes, %d of another length, %d answers, wrong %v",
				hashes, whole.Load(), other.Load(), tally.Responses(), wrongOf(tally))
		}
	}
}

// TestLateIntroduction: an answer to the first try of a connect that comes when
// the run has begun is late, not wrong.
func TestLateIntroduction(t *testing.T) {
	onEngines(t, func(t *testing.T, change func(*plan.Plan)) {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			b := make([]byte, 2048)
			var first []byte // transaction of the first try, which is answered with the first announce
			for tries := 0; ; {
				n, from, err := c.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				h, _ := udptracker.ParseHeader(b[:n])
				reply := nobody(b[:n])
				if h.Action == udptracker.ActionConnect {
					if tries++; tries == 1 {
						first = udptracker.AppendConnectReply(nil, h.Transaction, 99)
						continue
					}
					reply = udptracker.AppendConnectReply(nil, h.Transaction, 99)
				} else if first != nil {
					_, _ = c.WriteToUDPAddrPort(first, from)
					first = nil
				}
				if _, err := c.WriteToUDPAddrPort(reply, from); err != nil {
					return
				}
			}
		}()
		p := newPlan(t, c.LocalAddr().(*net.UDPAddr).AddrPort())
		change(p)
		p.Sources, p.Requests, p.Connections = p.Sources[:1], 20, 5
		p.Population, err = population.New(population.Config{Peers: 100, Torrents: 1, Seed: 1, Sources: p.Sources})
		if err != nil {
			t.Fatal(err)
		}
		tally, _ := run(t, p)
		if tally.Late != 1 || tally.WrongCount() != 0 || tally.Responses() != 20 {
			t.Errorf("%d late, %d answers, wrong %v", tally.Late, tally.Responses(), wrongOf(tally))
		}
	})
}

// TestBatch wants packets of one batch to arrive whole and apart, whether the
// kernel cuts them out of one message or not.
func TestBatch(t *testing.T) {
	for _, segment := range []bool{true, false} {
		var sizes [1500]atomic.Int64
		p := newPlan(t, serve(t, func(request []byte, _ netip.AddrPort) []byte {
			sizes[len(request)].Add(1)
			if request[11] == byte(udptracker.ActionScrape) {
				return unknown(request)
			}
			return nobody(request)
		}))
		p.Segment, p.Scrape, p.Requests = segment, 30, 2000
		tally, _ := run(t, p)
		announces, scrapes := sizes[udptracker.AnnounceSize].Load(), sizes[udptracker.ScrapeSize+2*udptracker.HashSize].Load()
		if announces+scrapes != 2000 || scrapes == 0 || tally.WrongCount() != 0 || tally.Responses() != 2000 {
			t.Errorf("segments %v: %d announces, %d scrapes, %+v", segment, announces, scrapes, tally)
		}
	}
}

// TestLongScrapes: an answer to a scrape that is one entry too long is wrong, at
// whatever length the room for it is full.
func TestLongScrapes(t *testing.T) {
	onEngines(t, func(t *testing.T, change func(*plan.Plan)) {
		for _, hashes := range []int{1, 10, 21, 26, 74} {
			p := newPlan(t, serve(t, func(request []byte, _ netip.AddrPort) []byte {
				return append(unknown(request), make([]byte, udptracker.CountsSize)...)
			}))
			change(p)
			p.Hashes, p.Scrape, p.Requests, p.Timeout = hashes, 100, 20, time.Second
			tally, _ := run(t, p)
			if wrongOf(tally)["length"] != 20 {
				t.Errorf("%d hashes: wrong %v of 20", hashes, wrongOf(tally))
			}
		}
	})
}
