package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/database"
)

// judged returns what the rules in force say of an announce.
func judged(a *App, key string, torrent byte) shoal.Failure {
	req := leecher(torrent, 1001)
	req.Addr, req.AuthKey = netip.AddrPortFrom(loopback4, 1001), shoal.ParseAuthKey([]byte(key))
	return a.tracker.Announce(req, &shoal.AnnounceResponse{})
}

// TestChangesAreInForce: a change is written down and in force when it returns, and
// still there after the lists were read again.
func TestChangesAreInForce(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.Access.Private, cfg.Access.Listed = true, true
	a, stop := serveUntil(t, cfg)
	defer stop()
	c, ctx, hash := changes{a}, t.Context(), shoal.InfoHash{1}
	step := func(err error, want shoal.Failure) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got := judged(a, aKey, 1); got != want {
			t.Fatalf("as soon as it returns: %v, want %v", got, want)
		}
		if err := a.reloadLists(ctx); err != nil {
			t.Fatal(err)
		}
		if got := judged(a, aKey, 1); got != want {
			t.Fatalf("when the lists were read again: %v, want %v", got, want)
		}
	}
	one := func(_ int, err error) error { return err }
	hashes := []shoal.InfoHash{hash}
	step(nil, shoal.KeyUnknown)
	step(c.AddKeys(ctx, "test", []database.Key{{Key: aKey}}), shoal.TorrentUnlisted)
	step(c.AddAllowed(ctx, "test", hashes), shoal.OK)
	step(c.AddDenied(ctx, "test", []database.Denied{{Hash: hash, Until: time.Now().Add(time.Hour)}}), shoal.TorrentDenied)
	step(one(c.RemoveDenied(ctx, "test", hashes)), shoal.OK)
	step(one(c.RemoveAllowed(ctx, "test", hashes)), shoal.TorrentUnlisted)
	step(c.AddKeys(ctx, "test", []database.Key{{Key: aKey, Until: time.Now().Add(-time.Hour)}}), shoal.KeyExpired)
	step(one(c.RemoveKeys(ctx, "test", []string{aKey})), shoal.KeyUnknown)

	lines, err := a.database.Load().Changes(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range lines {
		got = append(got, line.Who+" "+line.Action)
	}
	want := "test key.remove, test key.add, test whitelist.remove, test deny.remove, test deny.add, test whitelist.add, test key.add"
	if strings.Join(got, ", ") != want {
		t.Errorf("written down:\n%s, want\n%s", strings.Join(got, ", "), want)
	}
}

// TestChangesWithoutDatabase: nothing is changed, and why is said; a torrent goes
// all the same.
func TestChangesWithoutDatabase(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.Database.Driver = "none"
	a := serve(t, cfg)
	c, hash := changes{a}, shoal.InfoHash{1}
	if err := c.AddDenied(t.Context(), "test", []database.Denied{{Hash: hash}}); !errors.Is(err, api.ErrNoDatabase) {
		t.Errorf("a change without a database: %v", err)
	}
	if got := judged(a, "", 1); got != shoal.OK {
		t.Fatalf("an announce: %v", got)
	}
	for _, want := range []bool{true, false} {
		if found, err := c.RemoveTorrent(t.Context(), "test", hash); found != want || err != nil {
			t.Errorf("remove the torrent: %t, %v, want %t", found, err, want)
		}
	}
	if got := a.Totals(); got.Torrents != 0 || got.Peers != 0 {
		t.Errorf("%+v is left of a torrent that was removed", got)
	}
}

// TestDoubts: a change that failed, though it was written, is taken in soon.
func TestDoubts(t *testing.T) {
	cfg := testConfig(t, "auto")
	a, stop := serveUntil(t, cfg)
	defer stop()
	broken := errors.New("the connection broke")
	err := changes{a}.make(t.Context(), func(ctx context.Context, d *database.Database) error {
		if err := d.AddDenied(ctx, "test", database.Denied{Hash: shoal.InfoHash{1}}); err != nil {
			return err
		}
		return broken
	}, func(*databaseLists) { t.Error("a change that failed is in force") })
	if !errors.Is(err, broken) || !errors.Is(err, api.ErrDatabaseAway) {
		t.Fatalf("make: %v", err)
	}
	eventually(t, "what was written is in force", func() bool { return judged(a, "", 1) == shoal.TorrentDenied })
}

// TestChangesAndReloads: what many change while the lists are read again is in
// force in the end, all of it.
func TestChangesAndReloads(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.Access.Private = true
	var log lockedBuffer
	a, err := New(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	run(t, a)
	eventually(t, "the database is open", func() bool { return a.database.Load() != nil })
	key := func(hand, i int) string { return fmt.Sprintf("key-of-hand-%d-number-%03d", hand, i) }
	const hands, each = 3, 20
	ended := make(chan struct{})
	var reloads sync.WaitGroup
	reloads.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
			}
			if err := a.Reload(cfg); err != nil {
				t.Error(err)
			}
		}
	})
	var group sync.WaitGroup
	for hand := range hands {
		group.Go(func() {
			for i := range each {
				if err := (changes{a}).AddKeys(t.Context(), "test", []database.Key{{Key: key(hand, i)}}); err != nil {
					t.Error(err)
				}
				if got := judged(a, key(hand, i), 1); got != shoal.OK {
					t.Errorf("a key that was just granted: %v", got)
				}
				if i%2 == 0 {
					continue
				}
				if _, err := (changes{a}).RemoveKeys(t.Context(), "test", []string{key(hand, i)}); err != nil {
					t.Error(err)
				}
				if got := judged(a, key(hand, i), 1); got != shoal.KeyUnknown {
					t.Errorf("a key that was just taken back: %v", got)
				}
			}
		})
	}
	group.Wait()
	close(ended)
	reloads.Wait()
	for hand := range hands {
		for i := range each {
			want := shoal.OK
			if i%2 == 1 {
				want = shoal.KeyUnknown
			}
			if got := judged(a, key(hand, i), 1); got != want {
				t.Errorf("%s in the end: %v, want %v", key(hand, i), got, want)
			}
		}
	}
	if bytes.Contains([]byte(log.String()), []byte("key-of-hand")) {
		t.Error("a key is in the log")
	}
}
