// Package database keeps what has to outlive the tracker: keys and what their
// holders moved, the torrents that are allowed and denied, completed counts and
// totals. It speaks to SQLite, MariaDB or MySQL, and PostgreSQL through
// database/sql, with one SQL text for all of them.
//
// What is granted is committed when the call returns. What is counted is written
// behind, by a Drain. Nothing here is asked on the road of an announce.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Database is an open database whose tables are as this program wants them. All
// methods may be called at once.
type Database struct {
	dialect *dialect
	write   *sql.DB
	read    *sql.DB // the same as write, but for SQLite
	there   func() error
}

// Open connects, once, and brings the tables up to date. Several nodes may do so
// at the same time. A failure that Lasting reports will be there again at the
// next try.
func Open(ctx context.Context, c Config, dataDir string) (*Database, error) {
	d := dialects[c.Driver]
	if d == nil {
		return nil, lasting(fmt.Errorf("no database is opened by driver %q", c.Driver))
	}
	write, read, err := d.open(ctx, c.DSN, dataDir)
	if err != nil {
		return nil, fmt.Errorf("open the %s database: %w", c.Driver, oneLine(err))
	}
	db := &Database{d, write, read, func() error { return nil }}
	if err = db.start(ctx); err == nil && d.place != nil {
		db.there, err = d.place(c.DSN, dataDir)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open the %s database: %w", c.Driver, oneLine(err))
	}
	return db, nil
}

func (d *Database) start(ctx context.Context) error {
	if err := d.reach(ctx); err != nil {
		return err
	}
	if err := d.dialect.check(ctx, d.write); err != nil {
		return err
	}
	return d.migrate(ctx)
}

// Close ends all connections. Calls under way end first.
func (d *Database) Close() error {
	err := d.write.Close()
	if d.read != d.write {
		err = errors.Join(d.read.Close(), err)
	}
	return err
}

// reach connects.
func (d *Database) reach(ctx context.Context) error {
	if err := d.write.PingContext(ctx); err != nil {
		return fmt.Errorf("reach it: %w", oneLine(err))
	}
	return nil
}

// Ping asks whether the database is there, and has its tables. It does not wait
// for those who write.
func (d *Database) Ping(ctx context.Context) error {
	if err := d.there(); err != nil {
		return err
	}
	c, err := d.read.Conn(ctx)
	if err != nil {
		return fmt.Errorf("reach it: %w", oneLine(err))
	}
	defer c.Close()
	// A driver's own ping may look at nothing: a file is there, whatever is in it.
	if d.dialect.forget != "" {
		if _, err := c.ExecContext(ctx, d.dialect.forget); err != nil {
			return fmt.Errorf("reach it: %w", oneLine(err))
		}
	}
	var version int
	if err := c.QueryRowContext(ctx, readVersion).Scan(&version); err != nil {
		return fmt.Errorf("reach it: %w", oneLine(err))
	}
	return nil
}

// Driver returns the name of the driver, as it stands in the configuration.
func (d *Database) Driver() string { return d.dialect.name }

// Version returns product and version, such as "PostgreSQL 15.18".
func (d *Database) Version(ctx context.Context) (string, error) {
	version, err := d.dialect.version(ctx, d.read)
	if err != nil {
		return "", fmt.Errorf("ask the database for its version: %w", oneLine(err))
	}
	return version, nil
}

// Lasting reports whether an error of Open will be there at the next try as
// well: somebody has to change something.
func Lasting(err error) bool {
	var l lastingError
	return errors.As(err, &l)
}

type lastingError struct{ error }

func (l lastingError) Unwrap() error { return l.error }

func lasting(err error) error { return lastingError{err} }

// mostTries is how often a change is tried that the database undid for the sake
// of another one.
const mostTries = 12

// change runs do in one transaction: all of it is committed, or none. Where the
// database ends one of two that wait for each other, that one is tried again.
func (d *Database) change(ctx context.Context, do func(tx *transaction) error) error {
	for try := 1; ; try++ {
		err := d.once(ctx, do)
		if err == nil || try == mostTries || !d.dialect.again(err) {
			return oneLine(err)
		}
		select {
		case <-ctx.Done():
			return oneLine(err)
		case <-time.After(rand.N(time.Duration(try) * 10 * time.Millisecond)): // so that two do not meet again
		}
	}
}

func (d *Database) once(ctx context.Context, do func(tx *transaction) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(&transaction{tx, d.dialect}); err != nil {
		_ = tx.Rollback() // fails where the connection did, and then err says so
		return err
	}
	if err := d.there(); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}
