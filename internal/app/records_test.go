package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/config"
)

// serveUntil runs a tracker until stop is called, which returns what it logged.
func serveUntil(t *testing.T, cfg *config.Config) (a *App, stop func() string) {
	t.Helper()
	var log lockedBuffer
	a, err := New(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	if cfg.Database.Driver == "sqlite" {
		eventually(t, "the database is open", func() bool { return a.database.Load() != nil })
	}
	return a, func() string {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		return log.String()
	}
}

// scraped returns how often a torrent was downloaded, as a scrape over HTTP says.
func scraped(t *testing.T, a *App, torrent byte) uint32 {
	t.Helper()
	counts := make([]shoal.ScrapeCounts, 1)
	a.tracker.Scrape(shoal.AuthKey{}, []shoal.InfoHash{{torrent}}, counts)
	return counts[0].Downloaded
}

// TestCompletedOutlivesTracker: what was counted is there after a restart, though
// nobody waited for it to be written; without a database it is not.
func TestCompletedOutlivesTracker(t *testing.T) {
	for driver, want := range map[string]uint32{"sqlite": 3, "none": 0} {
		t.Run(driver, func(t *testing.T) {
			cfg := testConfig(t, "auto")
			cfg.Database.Driver = driver
			a, stop := serveUntil(t, cfg)
			udp := overUDP(a.UDPAddrs()[0])
			for port := uint16(1); port <= 3; port++ {
				req := leecher(1, port)
				udp(t, loopback4, req)
				req.Left, req.Event = 0, shoal.EventCompleted
				udp(t, loopback4, req)
			}
			if got := scraped(t, a, 1); got != 3 {
				t.Fatalf("%d downloads are counted, want 3", got)
			}
			stop()

			a, stop = serveUntil(t, cfg)
			defer stop()
			if got := scraped(t, a, 1); got != want {
				t.Errorf("%d downloads after a restart, want %d", got, want)
			}
			overUDP(a.UDPAddrs()[0])(t, loopback4, leecher(1, 9))
			if got := scraped(t, a, 1); got != want {
				t.Errorf("%d downloads once the torrent is back, want %d", got, want)
			}
		})
	}
}

const aKey = "0123456789abcdefghijABCDEFGHIJ-_"

// TestListsOfDatabase grants and takes back while a tracker runs, as the commands
// do: each is in force after a reload, and not before.
func TestListsOfDatabase(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.Access.Private, cfg.Access.Listed = true, true
	a, stop := serveUntil(t, cfg)
	defer stop()
	d, err := OpenDatabase(t.Context(), cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()

	says := func(want shoal.Failure) {
		t.Helper()
		req := leecher(1, 1001)
		req.AuthKey = shoal.ParseAuthKey([]byte(aKey))
		var res shoal.AnnounceResponse
		if got := a.tracker.Announce(req, &res); got != want {
			t.Fatalf("announced: %v, want %v", got, want)
		}
	}
	step := func(change error, before, after shoal.Failure) {
		t.Helper()
		if change != nil {
			t.Fatal(change)
		}
		says(before)
		if err := a.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		says(after)
	}
	hash := shoal.InfoHash{1}
	says(shoal.KeyUnknown)
	step(d.AddKeys(t.Context(), "test", Key{Key: aKey, Created: time.Now()}), shoal.KeyUnknown, shoal.TorrentUnlisted)
	step(d.AddAllowed(t.Context(), "test", hash), shoal.TorrentUnlisted, shoal.OK)
	step(d.AddDenied(t.Context(), "test", Denied{Hash: hash, Created: time.Now()}), shoal.OK, shoal.TorrentDenied)
	_, err = d.RemoveDenied(t.Context(), "test", hash)
	step(err, shoal.TorrentDenied, shoal.OK)
	step(d.AddKeys(t.Context(), "test", Key{Key: aKey, Until: time.Now().Add(-time.Minute)}), shoal.OK, shoal.KeyExpired)
	_, err = d.RemoveKeys(t.Context(), "test", aKey)
	step(err, shoal.KeyExpired, shoal.KeyUnknown)
}

// TestListFiles: a bad file at the start ends it; later it changes nothing, and
// nothing else of that reload either.
func TestListFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "denied.txt")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good := "01" + strings.Repeat("00", 19)
	cfg := testConfig(t, "auto")
	cfg.Access.DenyFile = name
	write("# first\n" + good[:39] + "\n")
	if a, err := New(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "access.deny_file: "+name+":2: ") {
		if err == nil {
			a.Close()
		}
		t.Fatalf("started with a bad file: %v", err)
	}

	write(good + "\n")
	a, stop := serveUntil(t, cfg)
	if got := refused(t, a, 1); got != shoal.TorrentDenied.Error() {
		t.Errorf("a denied torrent: %q", got)
	}
	write("nonsense\n")
	next := *cfg
	next.Access.PortsDenied = []int{1001}
	if err := a.Reload(&next); err == nil || !strings.Contains(err.Error(), name+":1: ") {
		t.Errorf("reloaded a bad file: %v", err)
	}
	if got := refused(t, a, 2); got != "" {
		t.Errorf("half of a reload that failed is in force: %q", got)
	}
	if got := refused(t, a, 1); got != shoal.TorrentDenied.Error() {
		t.Errorf("a denied torrent after a reload that failed: %q", got)
	}
	write("")
	if err := a.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if got := refused(t, a, 1); got != "" {
		t.Errorf("a torrent that is denied no longer: %q", got)
	}
	log := stop()
	for _, want := range []string{`msg="deny_file is read" torrents=1`, `msg="deny_file is read" torrents=0`} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in the log:\n%s", want, log)
		}
	}
}

// TestAccounting: what a client says it moved is in the database after the end,
// once for both of its addresses.
func TestAccounting(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.Access.Private, cfg.Accounting.Enabled = true, true
	d, err := OpenDatabase(t.Context(), cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.AddKeys(t.Context(), "test", Key{Key: aKey, Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	key := shoal.ParseAuthKey([]byte(aKey))

	a, stop := serveUntil(t, cfg)
	moved := func(from netip.Addr, uploaded, downloaded uint64, event shoal.Event) {
		t.Helper()
		req := leecher(1, 1001)
		req.Addr, req.AuthKey, req.Event = netip.AddrPortFrom(from, 1001), key, event
		req.Uploaded, req.Downloaded = uploaded, downloaded
		var res shoal.AnnounceResponse
		if f := a.tracker.Announce(req, &res); f != shoal.OK {
			t.Fatal(f)
		}
		// What differs within one moment of the clock is counted later.
		for before := a.clock.Now(); a.clock.Now() == before; {
			time.Sleep(time.Millisecond)
		}
	}
	moved(loopback4, 0, 0, shoal.EventStarted)
	moved(netip.IPv6Loopback(), 0, 0, shoal.EventStarted)
	moved(loopback4, 1000, 500, shoal.EventNone)
	moved(netip.IPv6Loopback(), 1000, 500, shoal.EventNone)
	moved(loopback4, 1700, 900, shoal.EventStopped)
	stop()
	account, err := d.Account(t.Context(), key)
	if err != nil || account.Uploaded != 1700 || account.Downloaded != 900 {
		t.Errorf("%+v (%v), want 1700 and 900", account, err)
	}
}

// TestDatabaseAway: an open tracker serves, says so once and looks out for the
// database; a private one gives up in the end.
func TestDatabaseAway(t *testing.T) {
	defer func(d time.Duration) { openPatience = d }(openPatience)
	openPatience = time.Second
	cfg := testConfig(t, "auto")
	cfg.Database.Driver, cfg.Database.DSN = "postgres", "postgres://shoal:letmein@127.0.0.1:1/shoal"
	a, stop := serveUntil(t, cfg)
	if got := refused(t, a, 1); got != "" {
		t.Errorf("refused: %q", got)
	}
	log := stop()
	if strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "the database is away") || strings.Contains(log, "letmein") {
		t.Errorf("log:\n%s", log)
	}

	cfg.Access.Private = true
	var said bytes.Buffer
	a, err := New(cfg, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	err = a.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "access.private") || strings.Contains(err.Error(), "letmein") {
		t.Errorf("a private tracker without a database ended with %v", err)
	}
}
