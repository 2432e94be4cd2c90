package udpserver

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/swarm"
	"github.com/shoal-tracker/shoal/internal/tracker"
	"github.com/shoal-tracker/shoal/udptracker"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	loopback4 = netip.MustParseAddrPort("127.0.0.1:0")
	loopback6 = netip.MustParseAddrPort("[::1]:0")
)

// everywhere runs a test with each engine of this platform over IPv4 and IPv6.
func everywhere(t *testing.T, test func(t *testing.T, engine string, addr netip.AddrPort)) {
	engines := []string{"portable"}
	if canReceiveMany() {
		engines = append(engines, "mmsg")
	}
	for _, engine := range engines {
		t.Run(engine+"/IPv4", func(t *testing.T) { test(t, engine, loopback4) })
		t.Run(engine+"/IPv6", func(t *testing.T) { test(t, engine, loopback6) })
	}
}

// canReceiveMany reports whether the mmsg engine works here.
func canReceiveMany() bool {
	return runtime.GOOS == "linux" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64")
}

// house is a server with the rooms behind it.
type house struct {
	server  *Server
	store   *swarm.Store
	tracker *tracker.Tracker
	clock   *shoal.Clock
	config  Config
}

// build listens on addrs with one worker each, so that packets are answered in
// the order they were sent.
func build(t testing.TB, engine string, rules policy.Config, addrs ...netip.AddrPort) *house {
	t.Helper()
	return buildWith(t, engine, policy.Compile(rules, policy.Lists{}), addrs...)
}

// buildWith is build with lists.
func buildWith(t testing.TB, engine string, chain *policy.Chain, addrs ...netip.AddrPort) *house {
	t.Helper()
	c := DefaultConfig()
	c.Listen, c.Engine, c.Workers, c.ReceiveBuffer = addrs, engine, 1, 1<<20
	settings := tracker.DefaultConfig()
	h := &house{clock: new(shoal.Clock), config: c}
	h.clock.Set(shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	h.store = swarm.New(swarm.Config{PeerTimeout: settings.PeerTimeout, Seed: 1})
	h.tracker = tracker.New(settings, chain, h.store, h.clock)
	var err error
	h.server, err = Listen(c, h.tracker, testSecret, h.clock, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return h
}

// serve builds a house and serves until the test ends.
func serve(t *testing.T, engine string, rules policy.Config, addrs ...netip.AddrPort) *house {
	t.Helper()
	return serveWith(t, engine, policy.Compile(rules, policy.Lists{}), addrs...)
}

// serveWith is serve with lists.
func serveWith(t *testing.T, engine string, chain *policy.Chain, addrs ...netip.AddrPort) *house {
	t.Helper()
	h := buildWith(t, engine, chain, addrs...)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- h.server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return h
}

// client is a socket at the other end.
type client struct {
	t           *testing.T
	conn        *net.UDPConn
	transaction uint32
}

func dial(t *testing.T, server netip.AddrPort) *client {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn, transaction: 0xfeedf00d}
}

func (c *client) addr() netip.AddrPort { return c.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// next returns a new transaction.
func (c *client) next() uint32 {
	c.transaction++
	return c.transaction
}

func (c *client) send(p []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

// receive gives up after a time that only a broken server takes.
func (c *client) receive() []byte {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	p := make([]byte, 2048)
	n, err := c.conn.Read(p)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return p[:n]
}

func (c *client) ask(p []byte) []byte {
	c.t.Helper()
	c.send(p)
	return c.receive()
}

func (c *client) connect() (id uint64) {
	c.t.Helper()
	transaction := c.next()
	id, err := udptracker.ParseConnectReply(c.ask(udptracker.AppendConnect(nil, transaction)), transaction)
	if err != nil {
		c.t.Fatalf("connect: %v", err)
	}
	return id
}

// ignored reports an error when p is answered. Two connects that follow it are
// answered in turn: an answer to p would come before the second's.
func (c *client) ignored(what string, p []byte) {
	c.t.Helper()
	c.send(p)
	for range 2 {
		transaction := c.next()
		b := c.ask(udptracker.AppendConnect(nil, transaction))
		if _, err := udptracker.ParseConnectReply(b, transaction); err != nil {
			c.t.Fatalf("%s was answered: % x", what, b)
		}
	}
}

func (c *client) announce(id uint64, req shoal.AnnounceRequest) shoal.AnnounceResponse {
	c.t.Helper()
	transaction := c.next()
	b := c.ask(udptracker.AppendAnnounce(nil, id, transaction, &req, 0, ""))
	res, err := udptracker.ParseAnnounceReply(b, transaction, c.addr().Addr().Unmap().Is6())
	if err != nil {
		c.t.Fatalf("announce: %v: % x", err, b)
	}
	return res
}

func (c *client) scrape(id uint64, hashes ...shoal.InfoHash) []shoal.ScrapeCounts {
	c.t.Helper()
	transaction := c.next()
	b := c.ask(udptracker.AppendScrape(nil, id, transaction, hashes))
	counts, err := udptracker.ParseScrapeReply(b, transaction, nil)
	if err != nil {
		c.t.Fatalf("scrape: %v: % x", err, b)
	}
	return counts
}

// peers reads the compact list of a response.
func peers(res shoal.AnnounceResponse) (list []netip.AddrPort) {
	b, size := res.Peers4, shoal.CompactSize4
	if len(res.Peers6) > 0 {
		b, size = res.Peers6, shoal.CompactSize6
	}
	for ; len(b) > 0; b = b[size:] {
		addr, _ := netip.AddrFromSlice(b[:size-2])
		list = append(list, netip.AddrPortFrom(addr, uint16(b[size-2])<<8|uint16(b[size-1])))
	}
	return list
}

var testHash = shoal.InfoHash{0xaa, 1, 2, 3}

func leecher(port uint16) shoal.AnnounceRequest {
	req := shoal.AnnounceRequest{
		InfoHash: testHash,
		Addr:     netip.AddrPortFrom(netip.Addr{}, port),
		Left:     1000,
		NumWant:  shoal.NumWantDefault,
		Event:    shoal.EventStarted,
	}
	copy(req.PeerID[:], "-qB5000-abcdefghijkl")
	return req
}

func seeder(port uint16) shoal.AnnounceRequest {
	req := leecher(port)
	req.Left = 0
	return req
}

// expect compares what a test is about, and says it.
func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
