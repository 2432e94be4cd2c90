package database

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// Each dialect has its folder, with the same names in all of them. A file is one
// statement that does no harm when it is run again: MySQL cannot undo what made a
// table, and a node may die between that and the note that it did. A file that a
// release had is never changed.
//
//go:embed migrations
var migrationFiles embed.FS

type migration struct {
	version int // from 1, without a gap
	text    string
}

func migrations(dialect string) ([]migration, error) {
	names, err := fs.Glob(migrationFiles, path.Join("migrations", dialect, "*.sql")) // sorted
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s must have the number %04d", name, i+1)
		}
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version, string(text)})
	}
	return all, nil
}

const (
	makeVersions = "CREATE TABLE IF NOT EXISTS shoal_version (version INTEGER NOT NULL PRIMARY KEY, applied BIGINT NOT NULL)"
	readVersion  = "SELECT COALESCE(MAX(version), 0) FROM shoal_version"
	noteVersion  = "INSERT INTO shoal_version (version, applied) VALUES (?, ?)"
)

func (d *Database) migrate(ctx context.Context) error {
	all, err := migrations(d.dialect.name)
	if err != nil {
		return err
	}
	// Tables that are up to date need nobody who may change them.
	var version int
	if d.write.QueryRowContext(ctx, readVersion).Scan(&version) == nil {
		if done, err := upToDate(version, all); done {
			return err
		}
	}
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if d.dialect.hold != nil {
		release, err := d.dialect.hold(ctx, conn)
		if err != nil {
			return fmt.Errorf("wait until no other node changes its tables: %w", err)
		}
		defer release()
	}
	for done := false; !done; {
		if done, err = d.step(ctx, conn, all); err != nil {
			return err
		}
	}
	return nil
}

// step applies the next migration that is missing, in a transaction.
func (d *Database) step(ctx context.Context, conn *sql.Conn, all []migration) (done bool, err error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("wait until no other node changes its tables: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // of what is not committed
	if d.dialect.exclude != "" {
		if _, err := tx.ExecContext(ctx, d.dialect.exclude); err != nil {
			return false, fmt.Errorf("wait until no other node changes its tables: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, makeVersions); err != nil {
		return false, fmt.Errorf("make its tables: %w", err)
	}
	var version int
	if err := tx.QueryRowContext(ctx, readVersion).Scan(&version); err != nil {
		return false, fmt.Errorf("read the version of its tables: %w", err)
	}
	if done, err := upToDate(version, all); done {
		return true, err
	}
	next := all[version]
	if _, err := tx.ExecContext(ctx, next.text); err != nil {
		return false, fmt.Errorf("bring its tables to version %d: %w", next.version, err)
	}
	if _, err := tx.ExecContext(ctx, d.dialect.rewrite(noteVersion), next.version, time.Now().Unix()); err != nil {
		return false, fmt.Errorf("note that its tables have version %d: %w", next.version, err)
	}
	if err := tx.Commit(); err != nil {
		return false, fmt.Errorf("bring its tables to version %d: %w", next.version, err)
	}
	return false, nil
}

func upToDate(version int, all []migration) (done bool, err error) {
	if version > len(all) {
		return true, lasting(fmt.Errorf("its tables have version %d, and this program knows them up to %d: a newer Shoal changed them; run that one, or name another database", version, len(all)))
	}
	return version == len(all), nil
}
