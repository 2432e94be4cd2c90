package database

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/shoal-tracker/shoal"
)

// rows reads all rows that a statement returns.
func rows[T any](ctx context.Context, d *Database, scan func(row *sql.Rows) (T, error), text string, values ...any) ([]T, error) {
	found, err := d.read.QueryContext(ctx, d.dialect.rewrite(text), values...)
	if err != nil {
		return nil, oneLine(err)
	}
	defer found.Close()
	var all []T
	for found.Next() {
		one, err := scan(found)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, found.Err()
}

// count returns how many rows a table has.
func (d *Database) count(ctx context.Context, table string) (int64, error) {
	n, err := rows(ctx, d, scanNumber, "SELECT COUNT(*) FROM "+table)
	if err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", table, err)
	}
	return n[0], nil
}

// each calls visit for everything that page returns, a page at a time, so that
// nothing is held in the database meanwhile. What is changed while it runs may be
// seen or not.
func each[T any](page func(last *T) ([]T, error), visit func(T) error) error {
	var last *T
	for {
		all, err := page(last)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := visit(one); err != nil {
				return err
			}
		}
		if len(all) < MaxPage {
			return nil
		}
		last = &all[len(all)-1]
	}
}

// hashPage reads the rows behind one info hash, or from the first. It does not
// compare with an empty value, which a database may fill up with zeroes: there may
// be a row of these.
func hashPage[T any](ctx context.Context, d *Database, scan func(row *sql.Rows) (T, error), columns string, after *shoal.InfoHash, limit int) ([]T, error) {
	const order = " ORDER BY hash LIMIT ?"
	if after == nil {
		return rows(ctx, d, scan, "SELECT "+columns+order, limit)
	}
	return rows(ctx, d, scan, "SELECT "+columns+" WHERE hash > ?"+order, after[:], limit)
}
