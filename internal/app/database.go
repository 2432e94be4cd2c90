package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/database"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

const (
	openTime  = 10 * time.Second // of one try to open the database
	openPause = 2 * time.Second  // between tries
)

// openPatience is how long a tracker that cannot do without the database waits
// for it at the start.
var openPatience = 60 * time.Second

// needsDatabase reports whether the rules of cfg let nobody in without the
// database.
func needsDatabase(cfg *config.Config) bool {
	return cfg.Access.Private || cfg.Access.Listed && cfg.Access.AllowFile == ""
}

// openDatabase tries once to open the database, and to read the lists. A
// tracker whose database is away starts without, and goes on trying.
func (a *App) openDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	d, err := database.Open(ctx, a.config.Database, a.config.DataDir)
	if err != nil {
		return err
	}
	if err := a.readLists(ctx, d); err != nil {
		return errors.Join(err, d.Close())
	}
	if err := a.readCompleted(ctx, d); err != nil {
		return errors.Join(err, d.Close())
	}
	a.database.Store(d)
	return nil
}

// beginDatabase tries the first time, while nobody waits yet. What no waiting
// cures, such as tables of a newer version, ends the start.
func (a *App) beginDatabase() error {
	if a.config.Database.Driver == "none" {
		return nil
	}
	err := a.openDatabase(context.Background())
	switch {
	case err == nil:
		a.log.Info("database", slog.String("driver", a.config.Database.Driver))
		return nil
	case database.Lasting(err):
		return fmt.Errorf("open the database: %w", err)
	}
	consequence := "serving without what it has, and trying again"
	if needsDatabase(a.config) {
		consequence = "trying again for " + openPatience.String() + ", and serving nobody before"
	}
	a.log.Warn("the database is away: "+consequence, slog.String("error", err.Error()))
	return nil
}

// rereadLists takes in what was changed in the database by others.
func (a *App) rereadLists(d *database.Database) {
	ctx, cancel := context.WithTimeout(context.Background(), openPatience)
	defer cancel()
	if err := a.readLists(ctx, d); err != nil {
		a.log.Warn("the lists of the database were not read again, those that were stay in force", slog.String("error", err.Error()))
	}
}

// requireDatabase waits for the database of a tracker that is of no use without.
func (a *App) requireDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	err := a.awaitDatabase(ctx)
	switch {
	case database.Lasting(err):
		return fmt.Errorf("open the database, which access.private and access.listed need: %w", err)
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the database, which access.private and access.listed need, was not there for %v: %w", openPatience, err)
	}
	return nil
}

// awaitDatabase goes on trying until the database is there or ctx ends, and
// returns why the last try failed then.
func (a *App) awaitDatabase(ctx context.Context) error {
	for a.database.Load() == nil {
		err := a.openDatabase(ctx)
		if err == nil {
			a.log.Info("the database is there", slog.String("driver", a.config.Database.Driver))
			return nil
		}
		if database.Lasting(err) {
			a.log.Error("the database cannot be used, and is not tried again", slog.String("error", err.Error()))
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(openPause):
		}
	}
	return nil
}

// readLists puts the keys, the whitelist and the deny list of the database in
// force.
func (a *App) readLists(ctx context.Context, d *database.Database) error {
	start := time.Now()
	var keys []policy.Key
	if err := d.EachKey(ctx, func(k database.Key) error {
		keys = append(keys, policy.Key{Hash: shoal.ParseAuthKey([]byte(k.Key)), Until: until(k.Until)})
		return nil
	}); err != nil {
		return err
	}
	var allowed []shoal.InfoHash
	if err := d.EachAllowed(ctx, func(hash shoal.InfoHash) error {
		allowed = append(allowed, hash)
		return nil
	}); err != nil {
		return err
	}
	var denied []policy.Torrent
	if err := d.EachDenied(ctx, func(t database.Denied) error {
		denied = append(denied, policy.Torrent{Hash: t.Hash, Until: until(t.Until)})
		return nil
	}); err != nil {
		return err
	}
	before := a.access.keys.Len() + a.access.allowed.Len() + a.access.denied.Len()
	a.access.keys.Replace(keys)
	a.access.allowed.ReplaceHashes(allowed)
	a.access.denied.Replace(denied)
	giveBackLists(before + a.access.keys.Len() + a.access.allowed.Len() + a.access.denied.Len())
	a.log.Info("lists of the database are in force", slog.Int("keys", a.access.keys.Len()),
		slog.Int("allowed", a.access.allowed.Len()), slog.Int("denied", a.access.denied.Len()),
		slog.Duration("took", time.Since(start).Round(time.Millisecond)))
	return nil
}

// until returns a time of expiry as the rules compare it.
func until(t time.Time) shoal.Tick {
	if t.IsZero() {
		return 0
	}
	return shoal.TickOf(t)
}

// readCompleted gives the swarm the counts that it had before.
func (a *App) readCompleted(ctx context.Context, d *database.Database) error {
	counts := []swarm.Completed{} // not nil: there is a database
	err := d.EachCompleted(ctx, func(hash shoal.InfoHash, n uint32) error {
		counts = append(counts, swarm.Completed{Hash: hash, Count: n})
		return nil
	})
	if err != nil {
		return err
	}
	a.swarm.SetCompleted(counts)
	return nil
}

// beginRecords has counts written behind, as soon as there is a database. end
// returns when the last are written, and is to be called when nobody is served
// any more.
func (a *App) beginRecords(ctx context.Context) (end func()) {
	if a.config.Database.Driver == "none" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if a.awaitDatabase(ctx) == nil {
			database.NewDrain(a.database.Load(), a.gather, a.log).Run(ctx)
		}
	}()
	return func() { cancel(); <-done }
}

// gather puts what has changed since the last time into a batch.
func (a *App) gather(into *database.Batch) {
	a.swarm.DrainCompleted(func(c swarm.Completed) { into.SetCompleted(c.Hash, c.Count) })
	a.ledger.Drain(into.AddAccount)
	total := a.swarm.CompletedTotal()
	into.AddTotal("completed", total-a.completed)
	a.completed = total
}
