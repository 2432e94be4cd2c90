package database

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// writersKept is how long the last number of a writer is known that has written
// nothing since. No batch waits that long for an answer.
const writersKept = 30 * 24 * time.Hour

// Write adds a batch to what is in the database, in one transaction, once: a
// sequence that this writer has had before, or a smaller one, writes nothing. So a
// batch whose fate is unknown, because the connection broke, is written again
// under the same number, and nothing is counted twice. writer is 1 to 64
// characters of ASCII, and must be unique to the process.
func (d *Database) Write(ctx context.Context, writer string, sequence uint64, b *Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if sequence == 0 || sequence > math.MaxInt64 {
		return errors.New("the number of a batch must be 1 to 2⁶³−1")
	}
	if err := checkNames(b.Totals); err != nil {
		return err
	}
	err := d.change(ctx, func(tx *transaction) error {
		first, err := tx.enter(ctx, writer, sequence)
		if err != nil || !first {
			return err
		}
		if err := tx.writeCompleted(ctx, b.Completed); err != nil {
			return err
		}
		if err := tx.addAccounts(ctx, b.Accounts); err != nil {
			return err
		}
		return tx.addTotals(ctx, b.Totals) // last: all nodes wait for these few rows
	})
	if err != nil {
		return fmt.Errorf("write %d counts: %w", b.Len(), err)
	}
	return nil
}

// enter records the number, and reports whether it is new. A former try whose
// connection is lost may still hold the row: then this waits for its end.
func (t *transaction) enter(ctx context.Context, writer string, sequence uint64) (first bool, err error) {
	now := time.Now()
	n, err := t.exec(ctx, "UPDATE shoal_writers SET sequence = ?, written = ? WHERE writer = ? AND sequence < ?",
		int64(sequence), now.Unix(), writer, int64(sequence))
	if err != nil || n > 0 {
		return n > 0, wrapEnter(err)
	}
	n, err = t.exec(ctx, "INSERT INTO shoal_writers (writer, sequence, written) VALUES (?, ?, ?) ON CONFLICT (writer) DO NOTHING",
		writer, int64(sequence), now.Unix())
	if err != nil || n == 0 {
		return false, wrapEnter(err)
	}
	_, err = t.exec(ctx, "DELETE FROM shoal_writers WHERE written < ?", now.Add(-writersKept).Unix())
	return true, wrapEnter(err)
}

func wrapEnter(err error) error {
	if err != nil {
		return fmt.Errorf("record the number of a batch: %w", err)
	}
	return nil
}
