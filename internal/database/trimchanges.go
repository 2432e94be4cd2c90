package database

import (
	"context"
	"fmt"
)

// ChangesKept is how many changes stay in the log.
const ChangesKept = 100_000

// TrimChanges leaves the last keep changes at most in the log, and returns how
// many it removed; where it fails, these stay removed. keep of 0 or less removes
// nothing.
func (d *Database) TrimChanges(ctx context.Context, keep int) (removed int64, err error) {
	if keep <= 0 {
		return 0, nil
	}
	// Of the IDs some are missing: what was called off had taken one.
	first, err := rows(ctx, d, scanNumber, "SELECT id FROM shoal_changes ORDER BY id DESC LIMIT 1 OFFSET ?", keep)
	if err != nil || len(first) == 0 {
		return 0, wrapTrimChanges(err)
	}
	for {
		chunk, err := rows(ctx, d, scanNumber, "SELECT id FROM shoal_changes WHERE id <= ? ORDER BY id LIMIT ?", first[0], trimChunk)
		if err != nil || len(chunk) == 0 {
			return removed, wrapTrimChanges(err)
		}
		var n int64
		err = d.change(ctx, func(tx *transaction) error {
			n, err = tx.exec(ctx, "DELETE FROM shoal_changes WHERE id <= ?", chunk[len(chunk)-1])
			return err
		})
		if err != nil {
			return removed, wrapTrimChanges(err)
		}
		removed += n
		if len(chunk) < trimChunk {
			return removed, nil
		}
	}
}

func wrapTrimChanges(err error) error {
	if err != nil {
		return fmt.Errorf("trim the log of changes: %w", err)
	}
	return nil
}
