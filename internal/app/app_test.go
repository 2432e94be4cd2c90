package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/udptracker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testConfig(t *testing.T, engine string) *config.Config {
	cfg := config.Default()
	cfg.DataDir = filepath.Join(t.TempDir(), "data")
	listen := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("[::1]:0")}
	cfg.UDP[0].Listen, cfg.HTTP[0].Listen = listen, listen
	cfg.API.Listen, cfg.Health.Listen = listen[:1], listen[:1]
	cfg.UDP[0].Engine = engine
	return cfg
}

// serve runs a tracker until the test ends and checks that it stops cleanly.
func serve(t *testing.T, cfg *config.Config) *App {
	t.Helper()
	a, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	run(t, a)
	return a
}

func run(t *testing.T, a *App) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// peers is what an answer hands out, by whatever transport.
type announcer func(t *testing.T, from netip.Addr, req *shoal.AnnounceRequest) []netip.AddrPort

func overUDP(to netip.AddrPort) announcer {
	return func(t *testing.T, from netip.Addr, req *shoal.AnnounceRequest) []netip.AddrPort {
		t.Helper()
		c, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.UDPAddrFromAddrPort(to))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ask := func(b []byte) []byte {
			reply := make([]byte, 2048)
			c.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
			n, err := c.Read(reply)
			if err != nil {
				t.Fatalf("no answer over UDP: %v", err)
			}
			return reply[:n]
		}
		id, err := udptracker.ParseConnectReply(ask(udptracker.AppendConnect(nil, 7)), 7)
		if err != nil {
			t.Fatal(err)
		}
		res, err := udptracker.ParseAnnounceReply(ask(udptracker.AppendAnnounce(nil, id, 8, req, 0, "")), 8, from.Is6())
		if err != nil {
			t.Fatal(err)
		}
		return append(compact(res.Peers4, 4), compact(res.Peers6, 16)...)
	}
}

func overHTTP(to netip.AddrPort) announcer {
	return func(t *testing.T, from netip.Addr, req *shoal.AnnounceRequest) []netip.AddrPort {
		t.Helper()
		res := replyOverHTTP(t, to, from, req)
		if res.Failure != "" {
			t.Fatalf("failure %q", res.Failure)
		}
		return res.Peers
	}
}

func replyOverHTTP(t *testing.T, to netip.AddrPort, from netip.Addr, req *shoal.AnnounceRequest) *httptracker.AnnounceReply {
	t.Helper()
	body := get(t, to, from, string(httptracker.AppendAnnounceQuery(nil, req)))
	res, err := httptracker.ParseAnnounceReply(body)
	if err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return res
}

// get asks over a connection of its own.
func get(t *testing.T, to netip.AddrPort, from netip.Addr, query string) []byte {
	t.Helper()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 5 * time.Second}
	c := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	reply, err := c.Get(fmt.Sprintf("http://%s/announce?%s", to, query))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func compact(b []byte, size int) (peers []netip.AddrPort) {
	for ; len(b) > 0; b = b[size+2:] {
		addr, _ := netip.AddrFromSlice(b[:size])
		peers = append(peers, netip.AddrPortFrom(addr, uint16(b[size])<<8|uint16(b[size+1])))
	}
	return peers
}

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.IPv6Loopback()
)

// A peer is known by its address alone: whoever announced over one transport
// is handed out over the other.
func TestOneSwarmForAllTransports(t *testing.T) {
	for _, engine := range []string{"auto", "portable"} {
		t.Run(engine, func(t *testing.T) {
			a := serve(t, testConfig(t, engine))
			udp, tcp := a.UDPAddrs(), a.HTTPAddrs()
			roads := map[string]struct {
				from           netip.Addr
				first, another announcer
			}{
				"UDP to HTTP over IPv4": {loopback4, overUDP(udp[0]), overHTTP(tcp[0])},
				"HTTP to UDP over IPv4": {loopback4, overHTTP(tcp[0]), overUDP(udp[0])},
				"UDP to HTTP over IPv6": {loopback6, overUDP(udp[1]), overHTTP(tcp[1])},
				"HTTP to UDP over IPv6": {loopback6, overHTTP(tcp[1]), overUDP(udp[1])},
			}
			torrent := byte(0)
			for name, road := range roads {
				torrent++
				req := shoal.AnnounceRequest{
					InfoHash: shoal.InfoHash{torrent}, PeerID: shoal.PeerID{1},
					Addr: netip.AddrPortFrom(road.from, 1001), Left: 5, NumWant: 50,
				}
				if got := road.first(t, road.from, &req); len(got) != 0 {
					t.Errorf("%s: the first is given %v", name, got)
				}
				first := req.Addr
				req.Addr = netip.AddrPortFrom(road.from, 1002)
				if got := road.another(t, road.from, &req); !slices.Equal(got, []netip.AddrPort{first}) {
					t.Errorf("%s: got %v, want %v", name, got, first)
				}
				// Stopped over the second transport from the first's address:
				// it is the same peer.
				req.Addr, req.Event = first, shoal.EventStopped
				road.another(t, road.from, &req)
				req.Addr, req.Event = netip.AddrPortFrom(road.from, 1003), shoal.EventNone
				if got := road.first(t, road.from, &req); slices.Contains(got, first) {
					t.Errorf("%s: %v is still handed out after it stopped", name, first)
				}
			}
		})
	}
}

func TestHTTPGivesBothFamilies(t *testing.T) {
	a := serve(t, testConfig(t, "auto"))
	req := shoal.AnnounceRequest{PeerID: shoal.PeerID{1}, Addr: netip.AddrPortFrom(loopback4, 1001), Left: 5, NumWant: 50}
	overUDP(a.UDPAddrs()[0])(t, loopback4, &req)
	overUDP(a.UDPAddrs()[1])(t, loopback6, &req)
	req.Addr = netip.AddrPortFrom(loopback4, 1002)
	want := []netip.AddrPort{netip.AddrPortFrom(loopback4, 1001), netip.AddrPortFrom(loopback6, 1001)}
	if got := overHTTP(a.HTTPAddrs()[0])(t, loopback4, &req); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// 250 announcers, half of them over each transport: 60 answers of 50 show each
// of them, unless the selection favours some. A fair one leaves a peer out
// once in 2,600 runs; the test asks again before it complains.
func TestEveryAnnouncerIsHandedOut(t *testing.T) {
	a := serve(t, testConfig(t, "auto"))
	udp, tcp := overUDP(a.UDPAddrs()[0]), overHTTP(a.HTTPAddrs()[0])
	missing := make(map[netip.AddrPort]bool)
	for i := range 250 {
		from := netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + i)})
		req := shoal.AnnounceRequest{PeerID: shoal.PeerID{byte(i)}, Addr: netip.AddrPortFrom(from, 6881), Left: 5}
		if i%2 == 0 {
			udp(t, from, &req)
		} else {
			tcp(t, from, &req)
		}
		missing[req.Addr] = true
	}
	// Port 0 is answered and not stored, so asking changes nothing.
	ask := shoal.AnnounceRequest{Addr: netip.AddrPortFrom(loopback4, 0), Left: 5, NumWant: 50}
	rounds := 0
	for ; rounds < 180 && (rounds < 60 || len(missing) > 0); rounds++ {
		got := udp(t, loopback4, &ask)
		if len(got) != 50 {
			t.Fatalf("an answer has %d peers", len(got))
		}
		for _, p := range got {
			delete(missing, p)
		}
		if rounds == 59 {
			t.Logf("not seen within 60 answers: %d of 250", len(missing))
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d of 250 are in none of %d answers", len(missing), rounds)
	}
}

func TestSecretOutlivesARestart(t *testing.T) {
	cfg := testConfig(t, "auto")
	first, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	name := filepath.Join(cfg.DataDir, "secret")
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(name)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the secret has mode %v", info.Mode())
	}
	if info, _ := os.Stat(cfg.DataDir); info.Mode().Perm() != 0o700 {
		t.Errorf("the directory of the secret has mode %v", info.Mode())
	}
	serve(t, cfg)
	if after, _ := os.ReadFile(name); string(after) != string(before) {
		t.Error("a restart draws another secret")
	}
	if err := os.WriteFile(name, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "32 hexadecimal digits") {
		t.Errorf("a damaged secret: %v", err)
	}
}

func TestUsedPort(t *testing.T) {
	a := serve(t, testConfig(t, "auto"))
	for _, c := range []struct {
		key string
		use func(*config.Config)
	}{
		{"udp.0.listen", func(cfg *config.Config) { cfg.UDP[0].Listen = a.UDPAddrs()[:1] }},
		{"http.0.listen", func(cfg *config.Config) { cfg.HTTP[0].Listen = a.HTTPAddrs()[:1] }},
	} {
		cfg := testConfig(t, "auto")
		c.use(cfg)
		_, err := New(cfg, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.key) || !strings.Contains(err.Error(), "choose another port") {
			t.Errorf("%s: %v", c.key, err)
		}
	}
}
