package database

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// A dialect is what one kind of database does its own way. The tables' files
// write their SQL once: with ? for a value, and with ON CONFLICT as SQLite and
// PostgreSQL know it.
type dialect struct {
	name string // of the driver in the configuration, and of the folder of migrations

	// open connects. read may be write.
	open func(ctx context.Context, dsn, dataDir string) (write, read *sql.DB, err error)

	// check looks at what the tables cannot do without.
	check func(ctx context.Context, db *sql.DB) error

	version func(ctx context.Context, db *sql.DB) (string, error)

	// rewrite turns the one SQL text into the dialect's.
	rewrite func(text string) string

	// hold keeps other nodes from migrating until release. nil where a
	// transaction can.
	hold func(ctx context.Context, conn *sql.Conn) (release func(), err error)

	// exclude is run first in the transaction of a migration, and waits for
	// those of other nodes. "" where a transaction does so by itself.
	exclude string

	// forget has a connection read anew what it keeps of the database. "" where
	// it keeps nothing.
	forget string

	// place returns what finds out whether the database is still where it was
	// opened. nil: it is no file.
	place func(dsn, dataDir string) (there func() error, err error)

	// again reports whether a transaction was undone for another one's sake.
	again func(err error) bool
}

var dialects = map[string]*dialect{
	"sqlite":   &sqliteDialect,
	"mysql":    &mysqlDialect,
	"postgres": &postgresDialect,
}

func asWritten(text string) string { return text }

func fine(context.Context, *sql.DB) error { return nil }

// numbered writes $1, $2… for each ?. No text of ours has one in quotes.
func numbered(text string) string {
	var b strings.Builder
	b.Grow(len(text) + len(text)/4)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		text = after
	}
}

// A transaction runs statements in the dialect.
type transaction struct {
	tx      *sql.Tx
	dialect *dialect
}

// exec returns how many rows there are now that were not, or were otherwise.
func (t *transaction) exec(ctx context.Context, text string, values ...any) (affected int64, err error) {
	result, err := t.tx.ExecContext(ctx, t.dialect.rewrite(text), values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// A bulk is one statement about many things: head, then one row for each of
// them, then tail.
type bulk struct{ head, row, tail string }

func (b bulk) text(rows int) string {
	return b.head + strings.Repeat(b.row+", ", rows-1) + b.row + b.tail
}

// rowsAtOnce are the sizes that bulks come in. They are few, so that what a
// server or a driver prepares for each stays little, and no size has more values
// than SQLite takes (32,766).
var rowsAtOnce = [...]int{512, 64, 8, 1}

// exec runs the statement for n things, the values of which add appends.
func (b bulk) exec(ctx context.Context, t *transaction, n int, add func(i int, values []any) []any) (affected int64, err error) {
	err = b.each(ctx, t, n, add, func(statement *sql.Stmt, values []any) error {
		result, err := statement.ExecContext(ctx, values...)
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		affected += rows
		return err
	})
	return affected, err
}

// query does as exec, and calls see for every row that comes back.
func (b bulk) query(ctx context.Context, t *transaction, n int, add func(i int, values []any) []any, see func(rows *sql.Rows) error) error {
	return b.each(ctx, t, n, add, func(statement *sql.Stmt, values []any) error {
		rows, err := statement.QueryContext(ctx, values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := see(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func (b bulk) each(ctx context.Context, t *transaction, n int, add func(i int, values []any) []any, run func(statement *sql.Stmt, values []any) error) error {
	var values []any
	i := 0
	for _, size := range rowsAtOnce {
		if n-i < size {
			continue
		}
		statement, err := t.tx.PrepareContext(ctx, t.dialect.rewrite(b.text(size)))
		if err != nil {
			return err
		}
		for n-i >= size && err == nil {
			values = values[:0]
			for range size {
				values = add(i, values)
				i++
			}
			err = run(statement, values)
		}
		statement.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
