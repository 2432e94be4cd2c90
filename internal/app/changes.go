package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/database"
	"github.com/shoal-tracker/shoal/internal/policy"
)

// changeTime is how long the database may take to write a change down.
const changeTime = 30 * time.Second

// changing is held by whoever changes lists or settings: a reload, the database
// when it comes, an operator. A list that is read again while an entry is added
// would be put in force without it. Taken before App.mu.
type changing chan struct{}

func (c changing) lock(ctx context.Context) error {
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("another change is being made: %w", ctx.Err())
	}
}

func (c changing) unlock() { <-c }

// changes are what operators change while the tracker serves.
type changes struct{ app *App }

// make writes a change down, and then puts it in force.
func (c changes) make(ctx context.Context, write func(context.Context, *database.Database) error, enforce func(*databaseLists)) error {
	a := c.app
	if err := a.changing.lock(ctx); err != nil {
		return err
	}
	defer a.changing.unlock()
	d, err := a.openedDatabase()
	if err != nil {
		return err
	}
	// Not ended by a client that hangs up: nobody would know what came of it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTime)
	defer cancel()
	if err := write(ctx, d); err != nil {
		a.doubtLists()
		a.log.Warn("a change was not made", slog.String("error", err.Error()))
		return fmt.Errorf("%w: %w", api.ErrDatabaseAway, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	enforce(&a.lists.databaseLists)
	return nil
}

// openedDatabase returns the database, or why there is none.
func (a *App) openedDatabase() (*database.Database, error) {
	if d := a.database.Load(); d != nil {
		return d, nil
	}
	if a.config.Database.Driver == "none" {
		return nil, api.ErrNoDatabase
	}
	return nil, fmt.Errorf("%w: it has not been there yet", api.ErrDatabaseAway)
}

func (c changes) AddKeys(ctx context.Context, by string, keys []database.Key) error {
	return c.make(ctx, func(ctx context.Context, d *database.Database) error {
		return d.AddKeys(ctx, by, keys...)
	}, func(l *databaseLists) {
		added := make([]policy.Key, len(keys))
		for i := range keys {
			added[i] = policy.Key{Hash: shoal.ParseAuthKey([]byte(keys[i].Key)), Until: until(keys[i].Until)}
		}
		l.keys.Add(added...)
	})
}

func (c changes) RemoveKeys(ctx context.Context, by string, keys []string) (found int, err error) {
	err = c.make(ctx, func(ctx context.Context, d *database.Database) (err error) {
		found, err = d.RemoveKeys(ctx, by, keys...)
		return err
	}, func(l *databaseLists) {
		removed := make([]shoal.AuthKey, len(keys))
		for i := range keys {
			removed[i] = shoal.ParseAuthKey([]byte(keys[i]))
		}
		l.keys.Remove(removed...)
	})
	return found, err
}

func (c changes) AddAllowed(ctx context.Context, by string, hashes []shoal.InfoHash) error {
	return c.make(ctx, func(ctx context.Context, d *database.Database) error {
		return d.AddAllowed(ctx, by, hashes...)
	}, func(l *databaseLists) {
		added := make([]policy.Torrent, len(hashes))
		for i := range hashes {
			added[i].Hash = hashes[i]
		}
		l.allowed.Add(added...)
	})
}

func (c changes) RemoveAllowed(ctx context.Context, by string, hashes []shoal.InfoHash) (found int, err error) {
	err = c.make(ctx, func(ctx context.Context, d *database.Database) (err error) {
		found, err = d.RemoveAllowed(ctx, by, hashes...)
		return err
	}, func(l *databaseLists) { l.allowed.Remove(hashes...) })
	return found, err
}

func (c changes) AddDenied(ctx context.Context, by string, denied []database.Denied) error {
	return c.make(ctx, func(ctx context.Context, d *database.Database) error {
		return d.AddDenied(ctx, by, denied...)
	}, func(l *databaseLists) {
		added := make([]policy.Torrent, len(denied))
		for i := range denied {
			added[i] = policy.Torrent{Hash: denied[i].Hash, Until: until(denied[i].Until)}
		}
		l.denied.Add(added...)
	})
}

func (c changes) RemoveDenied(ctx context.Context, by string, hashes []shoal.InfoHash) (found int, err error) {
	err = c.make(ctx, func(ctx context.Context, d *database.Database) (err error) {
		found, err = d.RemoveDenied(ctx, by, hashes...)
		return err
	}, func(l *databaseLists) { l.denied.Remove(hashes...) })
	return found, err
}

// RemoveTorrent removes it whatever the database does: it is for what must not be
// served a moment longer.
func (c changes) RemoveTorrent(ctx context.Context, by string, hash shoal.InfoHash) (found bool, err error) {
	a := c.app
	if found = a.swarm.Remove(hash); !found {
		return false, nil
	}
	d, err := a.openedDatabase()
	if err != nil {
		return true, nil // the log has it
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), firstTry)
	defer cancel()
	if err := d.Note(ctx, by, "torrent.remove", hex.EncodeToString(hash[:]), 1); err != nil {
		a.log.Warn("a torrent was removed, and the database did not take it down", slog.String("by", by),
			slog.String("info_hash", hex.EncodeToString(hash[:])), slog.String("error", err.Error()))
	}
	return true, nil
}

// doubtLists has the lists read again: a change came to an end that nobody knows,
// because the connection broke or took too long.
func (a *App) doubtLists() {
	select {
	case a.doubts <- struct{}{}:
	default: // they will be
	}
}

// settleDoubts reads the lists again when there is doubt about them, as soon as the
// database is there, until ctx ends.
func (a *App) settleDoubts(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.doubts:
		}
		for a.settle(ctx) != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(openPause):
			}
		}
	}
}

// settle reads them once. Others who want to change something wait for it.
func (a *App) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	return a.reloadLists(ctx)
}

// reloadLists puts in force what the database says now.
func (a *App) reloadLists(ctx context.Context) error {
	if err := a.changing.lock(ctx); err != nil {
		return err
	}
	defer a.changing.unlock()
	d, err := a.openedDatabase()
	if err != nil {
		return err
	}
	l, err := a.readAgain(ctx, d)
	if err != nil {
		return fmt.Errorf("%w: %w", api.ErrDatabaseAway, err)
	}
	a.mu.Lock()
	replaced := a.lists.len()
	a.enforce(a.running, lists{a.lists.fileLists, l})
	n := a.lists.len()
	a.mu.Unlock()
	giveBackLists(replaced + n)
	return nil
}

// enforce puts rules and lists in force, at one moment. a.mu is held.
func (a *App) enforce(cfg *config.Config, l lists) {
	a.lists = l
	a.tracker.Configure(cfg.Tracker, a.lists.chain(cfg))
}

var errNoReload = errors.New("this tracker was started without a configuration to read again")
