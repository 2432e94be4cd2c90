package database

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"

	"github.com/shoal-tracker/shoal"
)

// trimChunk is how many torrents are forgotten in one transaction: others write
// between two of them.
const trimChunk = 4096

// TrimCompleted leaves keep completed counts at most, the greatest ones, and
// returns how many it removed; where it fails, these stay removed. Of equal counts
// the lowest info hashes go first. keep of 0 or less removes nothing. It reads the
// whole table, and counts that are written meanwhile may come on top.
//
// An outsider makes a count with three packets: without a bound the table grows
// for as long as somebody sends them.
func (d *Database) TrimCompleted(ctx context.Context, keep int) (removed int64, err error) {
	if keep <= 0 {
		return 0, nil
	}
	limit, extra, err := d.trimLimit(ctx, int64(keep))
	if err != nil || extra == 0 {
		return 0, wrapTrim(err)
	}
	removed, err = d.trimTo(ctx, limit-1, math.MaxInt64)
	if err != nil {
		return removed, wrapTrim(err)
	}
	more, err := d.trimTo(ctx, limit, extra)
	return removed + more, wrapTrim(err)
}

func wrapTrim(err error) error {
	if err != nil {
		return fmt.Errorf("trim the completed counts: %w", err)
	}
	return nil
}

// trimLimit returns the count below which all go, and how many go that have just
// that count. extra is 0 where there are no more than keep.
func (d *Database) trimLimit(ctx context.Context, keep int64) (limit, extra int64, err error) {
	whole, err := d.count(ctx, "shoal_completed")
	if err != nil || whole <= keep { // as nearly always, and cheaper than what follows
		return 0, 0, err
	}
	groups, err := rows(ctx, d, scanGroup, "SELECT completed, COUNT(*) FROM shoal_completed GROUP BY completed ORDER BY completed DESC")
	if err != nil {
		return 0, 0, err
	}
	for _, g := range groups {
		if g.torrents > keep {
			return g.count, g.torrents - keep, nil
		}
		keep -= g.torrents
	}
	return 0, 0, nil // another node has trimmed them
}

// A completedGroup is how many torrents have the same count.
type completedGroup struct{ count, torrents int64 }

func scanGroup(row *sql.Rows) (g completedGroup, err error) {
	err = row.Scan(&g.count, &g.torrents)
	return g, err
}

func scanNumber(row *sql.Rows) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// trimTo removes up to most torrents whose count is limit or less, but not one
// whose count another node raises meanwhile. What is gone already counts for most
// too, so that two nodes that trim at once do not remove twice as many.
func (d *Database) trimTo(ctx context.Context, limit, most int64) (removed int64, err error) {
	const page = "SELECT hash FROM shoal_completed WHERE completed <= ? AND hash >= ? ORDER BY hash LIMIT ?"
	remove := bulk{"DELETE FROM shoal_completed WHERE hash IN (", "?", ") AND completed <= " + strconv.FormatInt(limit, 10)}
	var from shoal.InfoHash
	for most > 0 {
		size := min(most, trimChunk)
		hashes, err := rows(ctx, d, scanHash, page, limit, from[:], size)
		if err != nil || len(hashes) == 0 {
			return removed, err
		}
		var n int64
		err = d.change(ctx, func(tx *transaction) error {
			n, err = remove.exec(ctx, tx, len(hashes), func(i int, values []any) []any {
				return append(values, hashes[i][:])
			})
			return err
		})
		if err != nil {
			return removed, err
		}
		removed += n
		if int64(len(hashes)) < size {
			return removed, nil
		}
		most -= size
		from = hashes[len(hashes)-1]
	}
	return removed, nil
}
