package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// maxName is how many bytes the name of a total may have.
const maxName = 64

type total struct {
	name  string
	value uint64
}

// Total returns what has been added up under a name, 0 if nothing has. It stops
// at 2⁶³−1.
func (d *Database) Total(ctx context.Context, name string) (uint64, error) {
	all, err := rows(ctx, d, scanTotal, "SELECT name, value FROM shoal_totals WHERE name = ?", name)
	if err != nil {
		return 0, fmt.Errorf("read a total: %w", err)
	}
	if len(all) == 0 {
		return 0, nil
	}
	return all[0].value, nil
}

// Totals returns all that has been added up, by name.
func (d *Database) Totals(ctx context.Context) (map[string]uint64, error) {
	all, err := rows(ctx, d, scanTotal, "SELECT name, value FROM shoal_totals")
	if err != nil {
		return nil, fmt.Errorf("read the totals: %w", err)
	}
	byName := make(map[string]uint64, len(all))
	for _, t := range all {
		byName[t.name] = t.value
	}
	return byName, nil
}

func scanTotal(row *sql.Rows) (t total, err error) {
	err = row.Scan(&t.name, &t.value)
	return t, err
}

var addTotals = bulk{
	"INSERT INTO shoal_totals (name, value) VALUES ",
	"(?, ?)",
	" ON CONFLICT (name) DO UPDATE SET value = " + sum("shoal_totals", "value"),
}

// sum is the SQL that adds a new value to a column and stops at the most that it
// holds.
func sum(table, column string) string {
	const most = "9223372036854775807"
	old, added := table+"."+column, "excluded."+column
	return "CASE WHEN " + old + " > " + most + " - " + added + " THEN " + most + " ELSE " + old + " + " + added + " END"
}

func checkNames(totals map[string]uint64) error {
	for name := range totals {
		if name == "" || len(name) > maxName {
			return fmt.Errorf("the name of a total must have 1 to %d characters", maxName)
		}
		for _, c := range []byte(name) {
			if c <= ' ' || c > '~' {
				return errors.New("the name of a total must be ASCII without spaces")
			}
		}
	}
	return nil
}

func (t *transaction) addTotals(ctx context.Context, totals map[string]uint64) error {
	names := slices.Sorted(maps.Keys(totals))
	_, err := addTotals.exec(ctx, t, len(names), func(i int, values []any) []any {
		return append(values, names[i], signed(totals[names[i]]))
	})
	if err != nil {
		return fmt.Errorf("write %d totals: %w", len(names), err)
	}
	return nil
}
