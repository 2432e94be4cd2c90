package udpserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/tracker"
	"github.com/shoal-tracker/shoal/udptracker"
)

// TestDownload is a download from beginning to end: connect, announce, scrape.
func TestDownload(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{}, addr)
		c := dial(t, h.server.Addrs()[0])
		self := c.addr().Addr()
		id := c.connect()

		res := c.announce(id, seeder(7001))
		expect(t, "peers for the first", peers(res), []netip.AddrPort(nil))
		expect(t, "counts", [2]uint32{res.Complete, res.Incomplete}, [2]uint32{1, 0})
		if res.Interval < 1620 || res.Interval > 1800 {
			t.Errorf("interval %d, want 1620 to 1800", res.Interval)
		}

		res = c.announce(id, leecher(7002))
		expect(t, "peers for the second", peers(res), []netip.AddrPort{netip.AddrPortFrom(self, 7001)})
		expect(t, "counts", [2]uint32{res.Complete, res.Incomplete}, [2]uint32{1, 1})
		expect(t, "scrape", c.scrape(id, testHash), []shoal.ScrapeCounts{{Complete: 1, Incomplete: 1}})

		done := seeder(7002)
		done.Event = shoal.EventCompleted
		res = c.announce(id, done)
		expect(t, "peers for a seeder among seeders", peers(res), []netip.AddrPort(nil))
		expect(t, "scrape when complete", c.scrape(id, testHash), []shoal.ScrapeCounts{{Complete: 2, Downloaded: 1}})

		done.Event = shoal.EventStopped
		res = c.announce(id, done)
		expect(t, "peers for one who leaves", peers(res), []netip.AddrPort(nil))
		expect(t, "counts without it", [2]uint32{res.Complete, res.Incomplete}, [2]uint32{1, 0})
		expect(t, "scrape when it has left", c.scrape(id, testHash), []shoal.ScrapeCounts{{Complete: 1, Downloaded: 1}})
	})
}

func TestPortZeroIsAnsweredButNotHandedOut(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{}, addr)
		c := dial(t, h.server.Addrs()[0])
		id := c.connect()
		c.announce(id, seeder(7001))
		res := c.announce(id, leecher(0))
		expect(t, "peers for port 0", peers(res), []netip.AddrPort{netip.AddrPortFrom(c.addr().Addr(), 7001)})
		expect(t, "scrape", c.scrape(id, testHash), []shoal.ScrapeCounts{{Complete: 1}})
		res = c.announce(id, leecher(7002))
		expect(t, "peers for the next", peers(res), []netip.AddrPort{netip.AddrPortFrom(c.addr().Addr(), 7001)})
	})
}

func TestNumWant(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{}, addr)
		c := dial(t, h.server.Addrs()[0])
		for port := range uint16(150) {
			req := leecher(8000 + port)
			req.Addr = netip.AddrPortFrom(addr.Addr(), 8000+port)
			h.tracker.Announce(&req, &shoal.AnnounceResponse{})
		}
		most := 100
		if addr.Addr().Is6() {
			most = 60
		}
		id := c.connect()
		for _, tt := range []struct{ numWant, want int }{
			{0, 0}, {-1, 50}, {1, 1}, {30, 30}, {most, most}, {most + 1, most}, {1<<31 - 1, most},
		} {
			req := leecher(7001)
			req.NumWant = tt.numWant
			list := peers(c.announce(id, req))
			different := make(map[netip.AddrPort]bool)
			for _, p := range list {
				different[p] = true
				if p.Addr() != addr.Addr() || p.Port() < 8000 || p.Port() >= 8150 {
					t.Errorf("numwant %d: %v was never announced", tt.numWant, p)
				}
			}
			if len(list) != tt.want || len(different) != tt.want {
				t.Errorf("numwant %d: %d peers, %d different; want %d", tt.numWant, len(list), len(different), tt.want)
			}
		}
	})
}

// TestFamiliesShareASwarm has one torrent on a listener of each family. Peers
// of the other family count, but a packet can only list its own.
func TestFamiliesShareASwarm(t *testing.T) {
	h := serve(t, "auto", policy.Config{}, loopback4, loopback6)
	c4, c6 := dial(t, h.server.Addrs()[0]), dial(t, h.server.Addrs()[1])
	id4, id6 := c4.connect(), c6.connect()
	c4.announce(id4, seeder(7001))
	c6.announce(id6, seeder(7002))
	res := c4.announce(id4, leecher(7003))
	expect(t, "IPv4 peers", peers(res), []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:7001")})
	expect(t, "counts", [2]uint32{res.Complete, res.Incomplete}, [2]uint32{2, 1})
	res = c6.announce(id6, leecher(7004))
	expect(t, "IPv6 peers", peers(res), []netip.AddrPort{netip.MustParseAddrPort("[::1]:7002")})
	expect(t, "counts", [2]uint32{res.Complete, res.Incomplete}, [2]uint32{2, 2})
}

func TestScrapeOfManyIsInOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{}, addr)
		c := dial(t, h.server.Addrs()[0])
		hashes := make([]shoal.InfoHash, udptracker.MaxScrape+1)
		want := make([]shoal.ScrapeCounts, udptracker.MaxScrape)
		for i := range hashes {
			// Neither ascending nor descending; every fifth is unknown.
			hashes[i][0] = byte(i * 37)
			for n := range i % 5 {
				req := seeder(uint16(7000 + n))
				req.InfoHash = hashes[i]
				req.Addr = netip.AddrPortFrom(addr.Addr(), req.Addr.Port())
				h.tracker.Announce(&req, &shoal.AnnounceResponse{})
			}
			if i < len(want) {
				want[i].Complete = uint32(i % 5)
			}
		}
		id := c.connect()
		expect(t, "scrape of 74", c.scrape(id, hashes[:udptracker.MaxScrape]...), want)
		// 75 are more than one packet of 1,500 bytes, and one more than is read.
		expect(t, "scrape of 75", c.scrape(id, hashes[:udptracker.MaxScrape+1]...), want)
		expect(t, "scrape of one twice", c.scrape(id, hashes[3], hashes[3]), []shoal.ScrapeCounts{{Complete: 3}, {Complete: 3}})
	})
}

// TestErrorPackets has what a verified client is told in an error packet.
func TestErrorPackets(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{22}}, addr)
		c := dial(t, h.server.Addrs()[0])
		id := c.connect()
		request := func(action uint32, size int) []byte {
			p := make([]byte, size)
			binary.BigEndian.PutUint64(p, id)
			binary.BigEndian.PutUint32(p[8:], action)
			binary.BigEndian.PutUint32(p[12:], c.next())
			return p
		}
		denied := leecher(7001)
		copy(denied.PeerID[:], "-XL0012-")
		port := leecher(22)
		for _, tt := range []struct {
			name string
			p    []byte
			want shoal.Failure
		}{
			{"announce of 97 bytes", request(udptracker.ActionAnnounce, 97), shoal.PacketShort},
			{"announce of 16 bytes", request(udptracker.ActionAnnounce, 16), shoal.PacketShort},
			{"scrape without a torrent", request(udptracker.ActionScrape, 16), shoal.PacketShort},
			{"scrape of 19 bytes of a torrent", request(udptracker.ActionScrape, 35), shoal.PacketShort},
			{"action 4", request(4, 98), shoal.ActionUnknown},
			{"the highest action", request(1<<32-1, 16), shoal.ActionUnknown},
			{"client denied", udptracker.AppendAnnounce(nil, id, c.next(), &denied, 0, ""), shoal.ClientDenied},
			{"port denied", udptracker.AppendAnnounce(nil, id, c.next(), &port, 0, ""), shoal.PortDenied},
		} {
			got := c.ask(tt.p)
			want := binary.BigEndian.AppendUint32(nil, udptracker.ActionError)
			want = append(append(want, tt.p[12:16]...), tt.want.Error()...)
			if !bytes.Equal(got, want) {
				t.Errorf("%s: answered %q, want %q", tt.name, got, want)
			}
		}
		expect(t, "scrape", c.scrape(id, testHash, shoal.InfoHash{}), make([]shoal.ScrapeCounts, 2))
	})
}

func TestRequestsMayBeLonger(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{}, addr)
		c := dial(t, h.server.Addrs()[0])
		b := c.ask(append(udptracker.AppendConnect(nil, 9), 1, 2, 3))
		id, err := udptracker.ParseConnectReply(b, 9)
		if err != nil {
			t.Fatalf("connect: %v", err)
		}
		req := seeder(7001)
		b = c.ask(append(udptracker.AppendAnnounce(nil, id, 10, &req, 1, "/announce?a=b"), 0xff, 0xff, 0xff))
		if res, err := udptracker.ParseAnnounceReply(b, 10, addr.Addr().Is6()); err != nil || res.Complete != 1 {
			t.Errorf("announce with options: %+v, %v", res, err)
		}
		b = c.ask(append(udptracker.AppendScrape(nil, id, 11, []shoal.InfoHash{testHash}), 0xff, 0xff, 0xff))
		if counts, err := udptracker.ParseScrapeReply(b, 11, nil); err != nil || len(counts) != 1 || counts[0].Complete != 1 {
			t.Errorf("scrape with trailing bytes: %+v, %v", counts, err)
		}
	})
}

// TestSharedSecret takes an ID to another server, as after a restart, and to a
// listener of the same one.
func TestSharedSecret(t *testing.T) {
	first := serve(t, "auto", policy.Config{}, loopback4, loopback4)
	second := serve(t, "auto", policy.Config{}, loopback4)
	id := dial(t, first.server.Addrs()[0]).connect()
	for _, addr := range []netip.AddrPort{first.server.Addrs()[0], first.server.Addrs()[1], second.server.Addrs()[0]} {
		if res := dial(t, addr).announce(id, leecher(7001)); res.Incomplete != 1 {
			t.Errorf("%d leechers", res.Incomplete)
		}
	}
}

func TestListenTakesAllOrNothing(t *testing.T) {
	taken := build(t, "auto", policy.Config{}, loopback4)
	free := build(t, "auto", policy.Config{}, loopback4)
	addr := free.server.Addrs()[0]
	if err := free.server.Close(); err != nil {
		t.Fatal(err)
	}
	c := free.config
	c.Listen = []netip.AddrPort{addr, taken.server.Addrs()[0]}
	log := slog.New(slog.DiscardHandler)
	s, err := Listen(c, free.tracker, testSecret, free.clock, log)
	if err == nil {
		s.Close()
		t.Fatal("an address that is taken was listened on")
	}
	if !strings.Contains(err.Error(), taken.server.Addrs()[0].String()) {
		t.Errorf("error %q does not name the address", err)
	}
	c.Listen = c.Listen[:1]
	s, err = Listen(c, free.tracker, testSecret, free.clock, log)
	if err != nil {
		t.Fatalf("the address before it is still bound: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestListenWithoutEpoch(t *testing.T) {
	if s, err := Listen(Config{}, nil, testSecret, nil, nil); err == nil {
		s.Close()
		t.Error("an epoch of no length was taken")
	}
}

func TestServeNothing(t *testing.T) {
	h := build(t, "auto", policy.Config{})
	if err := h.server.Serve(context.Background()); err != nil || len(h.server.Addrs()) != 0 {
		t.Errorf("Serve without listeners: %v", err)
	}
}

func TestCloseEndsServe(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := serve(t, engine, policy.Config{}, addr)
		dial(t, h.server.Addrs()[0]).connect()
		for range 2 {
			if err := h.server.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
}

func TestReceiveBufferWarning(t *testing.T) {
	var out bytes.Buffer
	s := &Server{log: slog.New(slog.NewTextHandler(&out, nil))}
	s.warnOfReceiveBuffer(8<<20, 8<<20)
	if out.Len() != 0 {
		t.Errorf("all was granted, but the log says %q", &out)
	}
	s.warnOfReceiveBuffer(8<<20, 4<<20)
	for _, want := range []string{"asked=8388608", "granted=4194304", bufferLimit(8 << 20)} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("the log %q does not say %q once", &out, want)
		}
	}
}

// TestManyAtOnce is for the race detector: clients on several workers, while
// settings change and counters are read.
func TestManyAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, engine string, addr netip.AddrPort) {
		h := build(t, engine, policy.Config{}, addr)
		if err := h.server.Close(); err != nil {
			t.Fatal(err)
		}
		c := h.config
		c.Workers = 3
		s, err := Listen(c, h.tracker, testSecret, h.clock, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx) }()
		var clients sync.WaitGroup
		const each, rounds = 4, 25
		for n := range uint16(each) {
			cl := dial(t, s.Addrs()[0])
			clients.Go(func() {
				id := cl.connect()
				for range rounds {
					cl.announce(id, leecher(7000+n))
				}
				cl.scrape(id, testHash)
			})
		}
		for range 20 {
			s.SetOwn(s.Addrs())
			s.Snapshot()
			h.clock.Set(h.clock.Now().Add(time.Millisecond))
			h.tracker.Configure(tracker.DefaultConfig(), policy.Compile(policy.Config{}, policy.Lists{}))
		}
		clients.Wait()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		counts := s.Snapshot()[0]
		expect(t, "connects, announces, scrapes", [3]uint64{counts.Connects, counts.Announces, counts.Scrapes},
			[3]uint64{each, each * rounds, each})
	})
}
