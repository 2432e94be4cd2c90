package app

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

func TestAffordable(t *testing.T) {
	const plenty = 1 << 40
	for _, test := range []struct {
		descriptors uint64
		sockets     int
		memory      int64
		want        int
	}{
		{1024, 4, plenty, 820},
		{1024, 200, plenty, 624},
		{1024, 923, plenty, 1},
		{1024, 2048, plenty, 1}, // too few for the listeners, whose bind will say so
		{64, 4, plenty, 1},
		{1 << 40, 76, plenty, 1<<20 - 276},
		{1 << 20, 4, 1 << 30, 4096}, // an eighth of a GiB, 32 KiB each
	} {
		if got := affordable(test.descriptors, test.sockets, test.memory); got != test.want {
			t.Errorf("%d descriptors, %d sockets, %d bytes: %d connections, want %d",
				test.descriptors, test.sockets, test.memory, got, test.want)
		}
	}
}

func TestConnections(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.UDP[0].Workers = 3
	if got := connections(cfg); got != affordable(descriptors(), 3*2+streamio.LoopsConfig{}.Descriptors(2), machineMemory()) {
		t.Errorf("%d connections beside 3 workers on two addresses and two HTTP listeners", got)
	}
	cfg.Limits.Connections = 5
	if got := connections(cfg); got != 5 {
		t.Errorf("%d connections, where 5 are configured", got)
	}
}

// What is kept for sockets is what they take.
func TestSockets(t *testing.T) {
	before, cores := openSockets(), runtime.GOMAXPROCS(0)
	for _, test := range []struct {
		engine  string
		workers int
		listen  []netip.AddrPort
		want    int // beside one HTTP listener
	}{
		{"auto", 5, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("[::1]:0")}, 10},
		{"auto", 0, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, cores},
		{"auto", 5, nil, 0},
		{"portable", 5, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, 5},
	} {
		cfg := testConfig(t, test.engine)
		cfg.UDP[0].Workers, cfg.UDP[0].Listen = test.workers, test.listen
		cfg.HTTP[0].Listen = cfg.HTTP[0].Listen[:1]
		test.want += streamio.LoopsConfig{}.Descriptors(1)
		if got := sockets(cfg); got != test.want {
			t.Errorf("%+v: %d sockets", test, got)
		}
		a, err := New(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if now := openSockets(); now-before > test.want {
			t.Errorf("%+v: %d sockets were opened", test, now-before)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// openSockets counts the sockets of this process, or none where the system
// does not list them: the sums are checked there, and not what is opened.
func openSockets() (n int) {
	const dir = "/proc/self/fd"
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, file := range files {
		if target, _ := os.Readlink(filepath.Join(dir, file.Name())); strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// What is left to the tracker is worked out so that a swarm full of the
// dearest torrents and peers takes half of the memory; what is set stays.
func TestSwarmLimits(t *testing.T) {
	const memory = 1 << 30
	for _, c := range []struct {
		name    string
		set     swarm.Limits
		details string
		want    swarm.Limits
	}{
		{"nothing is set", swarm.Limits{}, "auto", swarm.Limits{Torrents: memory / 4 / 192, Peers: memory / 4 / 48}},
		{"with details", swarm.Limits{}, "true", swarm.Limits{Torrents: memory / 4 / 192, Peers: memory / 4 / 112}},
		{
			"all is set",
			swarm.Limits{Torrents: 1, Peers: 2, PeersPerTorrent: 3, PeersPerNetwork: 4}, "true",
			swarm.Limits{Torrents: 1, Peers: 2, PeersPerTorrent: 3, PeersPerNetwork: 4},
		},
	} {
		var cfg config.Config
		cfg.Limits.Limits, cfg.Tracker.PeerDetails = c.set, c.details
		if got := limitsFor(&cfg, keepsDetails(&cfg), memory); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}
