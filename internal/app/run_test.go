package app

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/internal/udpserver"
	"github.com/shoal-tracker/shoal/udptracker"
)

// eventually polls until what is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestClockMoves(t *testing.T) {
	a := serve(t, testConfig(t, "auto"))
	for range 2 {
		from := a.clock.Now()
		eventually(t, "the clock moves", func() bool { return a.clock.Now() > from })
	}
}

// A peer that falls silent goes, and nobody has to ask for its torrent.
func TestExpiry(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.Tracker.PeerTimeout = time.Second // less than Validate allows
	a, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if f := a.tracker.Announce(leecher(1, 1001), &shoal.AnnounceResponse{}); f != shoal.OK {
		t.Fatal(f)
	}
	if got := a.Totals().Peers; got != 1 {
		t.Fatalf("%d peers before the tracker runs", got)
	}
	run(t, a)
	eventually(t, "the peer is gone", func() bool { return a.Totals().Peers == 0 })
}

func TestPeerDetails(t *testing.T) {
	for details, want := range map[string]bool{"true": true, "false": false, "auto": false} {
		cfg := testConfig(t, "auto")
		cfg.Tracker.PeerDetails = details
		a := serve(t, cfg)
		to := a.HTTPAddrs()[0]
		replyOverHTTP(t, to, loopback4, leecher(1, 1001))
		query := strings.Replace(string(httptracker.AppendAnnounceQuery(nil, asker(1))), "&compact=1", "&compact=0", 1)
		body := string(get(t, to, loopback4, query))
		id := leecher(1, 1001).PeerID
		if got := strings.Contains(body, "7:peer id20:"+string(id[:])); got != want || !strings.Contains(body, "4:porti1001e") {
			t.Errorf("peer_details %s: %q", details, body)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.Limits.Connections = 1
	a := serve(t, cfg)
	if got := answeredOfTwo(t, a, 1); got != "true false" {
		t.Errorf("two connections, where one may be open: answered %s", got)
	}
}

type closer func()

// open announces over a connection that stays open until it is closed. It
// returns nil if there was no answer.
func open(t *testing.T, to netip.AddrPort, torrent byte) closer {
	t.Helper()
	c, err := net.DialTimeout("tcp", to.String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(c, "GET /announce?%s HTTP/1.1\r\nHost: %s\r\n\r\n", httptracker.AppendAnnounceQuery(nil, asker(torrent)), to)
	reply, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil { // it was closed at once
		if wait, ok := err.(net.Error); ok && wait.Timeout() {
			t.Errorf("neither answered nor closed: %v", err)
		}
		c.Close()
		return nil
	}
	if body, err := io.ReadAll(reply.Body); err != nil || reply.Close {
		t.Fatalf("%q, %v", body, err)
	}
	return func() { c.Close() }
}

// A datagram that claims to come from the listener of another [[udp]] is not
// answered: the two would not stop. One of them makes place here for a socket
// that sends from its address.
func TestListenersKnowEachOther(t *testing.T) {
	for i := range 2 {
		cfg := testConfig(t, "auto")
		cfg.UDP[0].Workers = 1 // which sees to datagrams in their order
		cfg.UDP[0].Listen = []netip.AddrPort{netip.AddrPortFrom(loopback4, 0)}
		cfg.UDP = append(cfg.UDP, cfg.UDP[0])
		a := serve(t, cfg)
		server, other := a.udp[i], a.udp[1-i]
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		c, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(other.Addrs()[0]), net.UDPAddrFromAddrPort(server.Addrs()[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(udptracker.AppendConnect(nil, 7)); err != nil {
			t.Fatal(err)
		}
		overUDP(server.Addrs()[0])(t, loopback4, asker(1))
		if got := own(server); got != 1 {
			t.Errorf("udp.%d: %d datagrams were taken for those of the other listener", i, got)
		}
	}
}

func own(s *udpserver.Server) (n uint64) {
	for _, c := range s.Snapshot() {
		n += c.Own
	}
	return n
}
