package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/database"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

const (
	firstTry  = 3 * time.Second  // to reach the database, before anybody is served
	openTime  = 10 * time.Second // to reach it later
	openPause = 2 * time.Second  // between tries
	readTime  = 5 * time.Minute  // to read the lists again
	trimEvery = time.Hour        // what outsiders put into it

	mostPending = 500_000 // completed counts that wait for it
)

// openPatience is how long a tracker that cannot do without the database waits
// for it at the start.
var openPatience = 60 * time.Second

// needsDatabase reports whether the rules of cfg let nobody in without the
// database.
func needsDatabase(cfg *config.Config) bool {
	return cfg.Access.Private || cfg.Access.Listed && cfg.Access.AllowFile == ""
}

// openDatabase tries once to open the database, within patience, and reads what it
// has, which may take as long as it takes.
func (a *App) openDatabase(ctx context.Context, patience time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := database.Open(limited, a.config.Database, a.config.DataDir)
	if err != nil {
		return err
	}
	l, err := readLists(ctx, d, a.log)
	if err == nil {
		err = a.readCompleted(ctx, d)
	}
	if err != nil {
		return errors.Join(err, d.Close())
	}
	if err := a.changing.lock(ctx); err != nil {
		return errors.Join(err, d.Close())
	}
	defer a.changing.unlock()
	if a.missed { // a reload that came while it was read, and may be about more
		if l, err = readLists(ctx, d, a.log); err != nil {
			return errors.Join(err, d.Close())
		}
		a.missed = false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enforce(a.running, lists{a.lists.fileLists, l})
	a.database.Store(d)
	a.log.Info("database", slog.String("driver", a.config.Database.Driver))
	giveBackLists(a.lists.len())
	return nil
}

// beginDatabase opens the database before anybody is served. What comes meanwhile
// waits in the kernel: to refuse clients that are known would send them away for
// an hour. A tracker that can do without tries once, and again while it serves;
// one that cannot gives up in the end. What no waiting cures, such as tables of a
// newer version, ends both.
func (a *App) beginDatabase(ctx context.Context) error {
	if a.config.Database.Driver == "none" {
		return nil
	}
	err := a.openDatabase(ctx, firstTry)
	needed := needsDatabase(a.config)
	switch {
	case err == nil, ctx.Err() != nil:
		return nil
	case database.Lasting(err):
		return fmt.Errorf("open the database: %w", err)
	case needed:
		a.log.Warn("the database is away: trying again for "+openPatience.String()+", and serving nobody before",
			slog.String("error", err.Error()))
	default:
		a.log.Warn("the database is away: serving without what it has, and trying again", slog.String("error", err.Error()))
	}
	if !needed {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	err = a.awaitDatabase(waiting)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("the database, which access.private and access.listed need, was not there for %v: %w", openPatience, err)
	}
	return nil
}

// awaitDatabase goes on trying until the database is there or ctx ends, and
// returns why the last try failed then.
func (a *App) awaitDatabase(ctx context.Context) error {
	for a.database.Load() == nil {
		err := a.openDatabase(ctx, openTime)
		if err == nil {
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

// rereadLists returns what the database says now, or what it said when it was read
// last. A change of what is let in that hangs on the database is not made without.
func (a *App) rereadLists(cfg *config.Config) (databaseLists, error) {
	d := a.database.Load()
	err := errors.New("it has not been there yet")
	if d != nil {
		var l databaseLists
		if l, err = a.readAgain(context.Background(), d); err == nil {
			return l, nil
		}
	}
	a.missed = d == nil
	from, to := a.inForce().Access, cfg.Access
	if a.config.Database.Driver != "none" &&
		(to.Private && !from.Private || to.Listed && (!from.Listed || to.AllowFile != from.AllowFile)) {
		return databaseLists{}, fmt.Errorf("private, listed and allow_file of [access] cannot be changed while the database is away: %w", err)
	}
	if d != nil {
		a.log.Warn("the lists of the database were not read again, those that were stay in force", slog.String("error", err.Error()))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lists.databaseLists, nil
}

// readAgain reads the lists of a database that answers. A reload does not wait
// long for one that does not.
func (a *App) readAgain(ctx context.Context, d *database.Database) (databaseLists, error) {
	first, cancel := context.WithTimeout(ctx, firstTry)
	defer cancel()
	if err := d.Ping(first); err != nil {
		return databaseLists{}, err
	}
	ctx, cancel = context.WithTimeout(ctx, readTime)
	defer cancel()
	return readLists(ctx, d, a.log)
}

// readCompleted gives the swarm the counts that it had before.
func (a *App) readCompleted(ctx context.Context, d *database.Database) error {
	if err := a.trimCompleted(ctx, d); err != nil {
		return err
	}
	total, err := d.Total(ctx, "completed")
	if err != nil {
		return err
	}
	a.completedBefore.Store(total)
	counts := []swarm.Completed{} // not nil: there is a database
	err = d.EachCompleted(ctx, func(hash shoal.InfoHash, n uint32) error {
		counts = append(counts, swarm.Completed{Hash: hash, Count: n})
		return nil
	})
	if err != nil {
		return err
	}
	a.swarm.SetCompleted(counts)
	return nil
}

// trimCompleted bounds the counts that the database keeps: anyone can make a
// torrent up and say that it is complete.
func (a *App) trimCompleted(ctx context.Context, d *database.Database) error {
	removed, err := d.TrimCompleted(ctx, a.swarmLimits(a.config).Torrents)
	if removed > 0 {
		a.log.Info("completed counts beyond limits.torrents were removed, the lowest first", slog.Int64("torrents", removed))
	}
	return err
}

// trim does it again and again until ctx ends, and forgets the oldest changes.
func (a *App) trim(ctx context.Context, d *database.Database) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// If one fails, the drain has something to say of the database, too.
		_ = a.trimCompleted(ctx, d)
		_, _ = d.TrimChanges(ctx, database.ChangesKept)
	}
}

// beginRecords has counts written behind, as soon as there is a database. end
// returns when the last are written, and is to be called when nobody is served
// any more.
func (a *App) beginRecords(ctx context.Context) (end func()) {
	if a.config.Database.Driver == "none" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	group.Go(func() {
		if a.awaitDatabase(ctx) != nil {
			return
		}
		d := a.database.Load()
		group.Go(func() { a.trim(ctx, d) })
		database.NewDrain(d, a.gather, a.log).Run(ctx)
	})
	return func() { cancel(); group.Wait() }
}

// gather puts what has changed since the last time into a batch.
func (a *App) gather(into *database.Batch) {
	// While the database is away the swarm, which has a bound, keeps the rest.
	if len(into.Completed) < mostPending {
		a.swarm.DrainCompleted(func(c swarm.Completed) { into.SetCompleted(c.Hash, c.Count) })
	}
	a.ledger.Drain(into.AddAccount)
	total := a.swarm.CompletedTotal()
	into.AddTotal("completed", total-a.completed)
	a.completed = total
}
