package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"
)

var mysqlDialect = dialect{
	name:    "mysql",
	open:    openMySQL,
	check:   fine,
	rewrite: rewriteMySQL,
	hold:    holdMySQL,
	version: func(ctx context.Context, db *sql.DB) (string, error) {
		var version string
		err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version)
		if number, _, is := strings.Cut(version, "-MariaDB"); is {
			return "MariaDB " + number, err
		}
		return "MySQL " + version, err
	},
	again: func(err error) bool {
		const (
			changed  = 1020 // MariaDB: a row is not what the snapshot shows
			waited   = 1205
			deadlock = 1213
			noParent = 1452 // a key was removed meanwhile
		)
		var e *mysql.MySQLError
		if !errors.As(err, &e) {
			return false
		}
		return e.Number == changed || e.Number == waited || e.Number == deadlock || e.Number == noParent
	},
}

func openMySQL(_ context.Context, dsn, _ string) (write, read *sql.DB, err error) {
	c := parseMySQL(dsn)
	if c == nil {
		return nil, nil, lasting(errors.New("dsn must be " + mysqlDSN))
	}
	c.Logger = &mysql.NopLogger{} // errors are returned as well
	c.ClientFoundRows = false     // Write asks what changed
	if err := c.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, nil, err
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, nil, lasting(errors.New("dsn must be " + mysqlDSN))
	}
	db := sql.OpenDB(connector)
	limitConnections(db)
	return db, db, nil
}

// parseMySQL returns nil for what cannot be a DSN, and not the error, which may
// quote a part of it.
func parseMySQL(dsn string) *mysql.Config {
	c, err := mysql.ParseDSN(dsn)
	if err != nil || c.DBName == "" {
		return nil
	}
	switch c.Net {
	case "tcp", "tcp4", "tcp6", "unix":
		return c
	}
	return nil
}

var (
	conflictUpdate  = regexp.MustCompile(`ON CONFLICT \(\w+\) DO UPDATE SET`)
	conflictNothing = regexp.MustCompile(`ON CONFLICT \((\w+)\) DO NOTHING`)
	excluded        = regexp.MustCompile(`\bexcluded\.(\w+)`)
)

// rewriteMySQL writes what MariaDB and MySQL both know. INSERT IGNORE is not
// among it: it would pass over other errors too.
func rewriteMySQL(text string) string {
	if !strings.Contains(text, "ON CONFLICT") {
		return text
	}
	text = conflictUpdate.ReplaceAllString(text, "ON DUPLICATE KEY UPDATE")
	text = conflictNothing.ReplaceAllString(text, "ON DUPLICATE KEY UPDATE $1 = VALUES($1)")
	return excluded.ReplaceAllString(text, "VALUES($1)")
}

// holdMySQL takes a lock by name. A transaction would not do: each statement that
// makes a table commits the one it is in.
func holdMySQL(ctx context.Context, conn *sql.Conn) (release func(), err error) {
	const name = "CONCAT('shoal.', SHA1(DATABASE()))" // of the whole server, and 64 characters at most
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", 60)").Scan(&got); err != nil {
		return nil, err
	}
	if got.Int64 != 1 {
		return nil, errors.New("another node has been changing the tables for a minute")
	}
	return func() {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+name+")"); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it, which releases the lock too
		}
	}, nil
}
