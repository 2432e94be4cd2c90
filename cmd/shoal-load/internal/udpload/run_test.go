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

// TestBatch wants packets of one batch to arrive whole and apart, whether the
// kernel cuts them out of one message or not.
func TestBatch(t *testing.T) {
	for _, segment := range []bool{true, false} {
		var sizes [1500]atomic.Int64
		p := newPlan(t, serve(t, func(request []byte, _ netip.AddrPort) []byte {
			sizes[len(request)].Add(1)
			if request[11] == byte(udptracker.ActionScrape) {
				reply := append([]byte{0, 0, 0, 2}, request[12:16]...)
				return append(reply, make([]byte, 24)...)
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
