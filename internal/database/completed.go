package database

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/shoal-tracker/shoal"
)

// completedCount is how often a torrent was fetched whole.
type completedCount struct {
	hash  shoal.InfoHash
	count uint32
}

// EachCompleted calls visit for every torrent that was fetched whole, in the
// order of their info hashes, until it returns an error. What is changed while it
// runs may be seen or not.
func (d *Database) EachCompleted(ctx context.Context, visit func(hash shoal.InfoHash, count uint32) error) error {
	return each(func(last *completedCount) ([]completedCount, error) {
		var after *shoal.InfoHash
		if last != nil {
			after = &last.hash
		}
		all, err := hashPage(ctx, d, scanCompleted, "hash, completed FROM shoal_completed", after, MaxPage)
		if err != nil {
			return nil, fmt.Errorf("read the completed counts: %w", err)
		}
		return all, nil
	}, func(c completedCount) error { return visit(c.hash, c.count) })
}

func scanCompleted(row *sql.Rows) (c completedCount, err error) {
	var count int64
	err = row.Scan(hashColumn{&c.hash}, &count)
	c.count = uint32(min(max(count, 0), math.MaxUint32))
	return c, err
}

var writeCompleted = bulk{
	"INSERT INTO shoal_completed (hash, completed) VALUES ",
	"(?, ?)",
	" ON CONFLICT (hash) DO UPDATE SET completed = CASE WHEN shoal_completed.completed > excluded.completed" +
		" THEN shoal_completed.completed ELSE excluded.completed END",
}

func (t *transaction) writeCompleted(ctx context.Context, counts map[shoal.InfoHash]uint32) error {
	hashes := slices.SortedFunc(maps.Keys(counts), compareHashes)
	_, err := writeCompleted.exec(ctx, t, len(hashes), func(i int, values []any) []any {
		return append(values, hashes[i][:], int64(counts[hashes[i]]))
	})
	if err != nil {
		return fmt.Errorf("write %d completed counts: %w", len(hashes), err)
	}
	return nil
}
