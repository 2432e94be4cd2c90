package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// SQLiteFile is the database's name in data_dir.
const SQLiteFile = "shoal.db"

// Changes go through one connection, since SQLite has one writer at a time. They
// take the lock when they begin: a transaction that reads first and finds
// another one in its way when it writes cannot wait, and fails.
var sqliteDialect = dialect{
	name:    "sqlite",
	open:    openSQLite,
	check:   fine,
	rewrite: asWritten,
	again:   func(error) bool { return false },
	forget:  "PRAGMA shrink_memory",
	place:   sqlitePlace,
	version: func(ctx context.Context, db *sql.DB) (version string, err error) {
		err = db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version)
		return "SQLite " + version, err
	},
}

// sqliteWait is how long a change waits for that of another process.
const sqliteWait = 5 * time.Second

// isFileName reports whether a DSN of SQLite names a file and nothing else: what
// else SQLite would take can turn off what keeps grants.
func isFileName(dsn string) bool {
	return !strings.HasPrefix(dsn, ":") && !strings.HasPrefix(dsn, "file:") && !strings.ContainsAny(dsn, "?\x00")
}

func openSQLite(ctx context.Context, dsn, dataDir string) (write, read *sql.DB, err error) {
	if !isFileName(dsn) {
		return nil, nil, lasting(errors.New("dsn must be " + sqliteDSN))
	}
	name := sqliteName(dsn, dataDir)
	if dsn == "" {
		if err := os.MkdirAll(dataDir, 0o700); err != nil {
			return nil, nil, fmt.Errorf("make the directory of data_dir: %w", err)
		}
	}
	if err := makeSQLiteFile(name); err != nil {
		return nil, nil, err
	}
	write, err = openSQLiteFile(name, "_txlock=immediate", 1)
	if err != nil {
		return nil, nil, err
	}
	if err := useLog(ctx, write); err != nil {
		write.Close()
		return nil, nil, fmt.Errorf("open %s: %w", name, err)
	}
	read, err = openSQLiteFile(name, "_query_only=1", 4)
	if err != nil {
		write.Close()
		return nil, nil, err
	}
	return write, read, nil
}

func sqliteName(dsn, dataDir string) string {
	if dsn == "" {
		return filepath.Join(dataDir, SQLiteFile)
	}
	return dsn
}

// sqlitePlace returns what finds out whether the file that was opened is still
// where the next start will look for it. One that was removed, or that another was
// moved over, takes everything, and keeps nothing.
func sqlitePlace(dsn, dataDir string) (there func() error, err error) {
	name, err := filepath.Abs(sqliteName(dsn, dataDir))
	if err != nil {
		return nil, err
	}
	opened, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	return func() error {
		if now, err := os.Stat(name); err != nil || !os.SameFile(now, opened) {
			return fmt.Errorf("%s is no longer the file that was opened: it was removed or replaced while the tracker runs; restart it", name)
		}
		return nil
	}, nil
}

// makeSQLiteFile makes the file, which holds keys, for this user alone, or sees to
// it that one which is there is for this user alone. What SQLite puts beside it
// takes its permissions.
func makeSQLiteFile(name string) error {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		narrowSQLiteFile(name)
		return nil
	}
	if err != nil {
		return err
	}
	err = errors.Join(file.Sync(), file.Close())
	if dir, openErr := os.Open(filepath.Dir(name)); openErr == nil {
		_ = dir.Sync() // the name has to outlive a power cut as well; not every system can do it
		dir.Close()
	}
	return err
}

func openSQLiteFile(name, more string, connections int) (*sql.DB, error) {
	whole, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	path := filepath.ToSlash(whole)
	if !strings.HasPrefix(path, "/") { // C:/…
		path = "/" + path
	}
	place := url.URL{Scheme: "file", Path: path, RawQuery: fmt.Sprintf(
		"_busy_timeout=%d&_foreign_keys=1&_synchronous=FULL&_error_rc=1&%s", sqliteWait.Milliseconds(), more)}
	connector, err := sqlite.NewConnector(place.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// useLog has changes written into a log first, beside which reading goes on. The
// file remembers it. SQLite does not wait for others that open the file at the
// same time, so this does.
func useLog(ctx context.Context, db *sql.DB) error {
	for end := time.Now().Add(sqliteWait); ; {
		var mode string // stays "delete" where the file system cannot do it, and that is as safe
		err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		if err == nil || !isBusy(err) || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func isBusy(err error) bool {
	const busy, locked = 5, 6 // without what the higher bits add
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == busy || e.Code()&0xff == locked)
}
