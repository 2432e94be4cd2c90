package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

var postgresDialect = dialect{
	name:    "postgres",
	open:    openPostgres,
	check:   checkPostgres,
	rewrite: numbered,
	exclude: "SELECT pg_advisory_xact_lock(7308604895137621345)", // any number that others do not take
	version: func(ctx context.Context, db *sql.DB) (version string, err error) {
		err = db.QueryRowContext(ctx, "SELECT split_part(current_setting('server_version'), ' ', 1)").Scan(&version)
		return "PostgreSQL " + version, err
	},
	again: func(err error) bool {
		const (
			noParent      = "23503" // a key was removed meanwhile
			twice         = "23505" // two add the same key: only one of its indexes is what ON CONFLICT looks at
			serialization = "40001"
			deadlock      = "40P01"
		)
		var e *pgconn.PgError
		return errors.As(err, &e) && (e.Code == noParent || e.Code == twice || e.Code == serialization || e.Code == deadlock)
	},
}

func openPostgres(_ context.Context, dsn, _ string) (write, read *sql.DB, err error) {
	if allowed := refusedPostgres(dsn); allowed != "" {
		return nil, nil, lasting(errors.New("dsn must be " + allowed))
	}
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		var file *fs.PathError // of a certificate
		if errors.As(err, &file) {
			return nil, nil, fmt.Errorf("read what dsn names: %w", file)
		}
		return nil, nil, lasting(errors.New("dsn must be " + postgresDSN)) // err may quote a part of it
	}
	c.RuntimeParams["client_encoding"] = "UTF8"
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "shoal"
	}
	db := stdlib.OpenDB(*c)
	limitConnections(db)
	return db, db, nil
}

// refusedPostgres returns what a DSN must be that pgx would take for something
// else than is meant, and "" for others. What is behind a / in a password would be
// the name of a database, and what is behind an @ in it that of a host: errors
// quote both.
func refusedPostgres(dsn string) (allowed string) {
	scheme, rest, isURL := strings.Cut(dsn, "://")
	switch {
	case dsn == "": // would be a database that the environment names
		return postgresDSN
	case !isURL || strings.Contains(scheme, "="): // host=… and so on
		return ""
	case scheme != "postgres" && scheme != "postgresql": // would be the name of a setting, up to a = in it
		return postgresDSN
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if ats := strings.Count(rest, "@"); ats > 1 || ats > strings.Count(authority, "@") {
		return postgresEscaped
	}
	return ""
}

// checkPostgres wants a database that takes all labels.
func checkPostgres(ctx context.Context, db *sql.DB) error {
	var encoding string
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_encoding')").Scan(&encoding); err != nil {
		return fmt.Errorf("ask for its encoding: %w", err)
	}
	if encoding != "UTF8" {
		return lasting(fmt.Errorf("its encoding is %s and must be UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", encoding))
	}
	return nil
}

// limitConnections is for servers, which have few connections to give.
func limitConnections(db *sql.DB) {
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)
}
