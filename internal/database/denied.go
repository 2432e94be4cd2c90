package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Denied is a torrent that is refused.
type Denied struct {
	Hash    shoal.InfoHash
	Reason  string    // up to MaxText bytes of UTF-8 without control characters, those for the direction of text included; not for clients
	Created time.Time // in whole seconds; the zero time becomes now
	Until   time.Time // in whole seconds, rounded up; the zero time: it never expires
}

var (
	addDenied = bulk{
		"INSERT INTO shoal_denied (hash, reason, created, expires) VALUES ",
		"(?, ?, ?, ?)",
		" ON CONFLICT (hash) DO UPDATE SET reason = excluded.reason, expires = excluded.expires",
	}
	removeDenied = bulk{"DELETE FROM shoal_denied WHERE hash IN (", "?", ")"}
)

// AddDenied puts torrents on the deny list, all of them or none, and returns
// when that is committed, with a line in the log of changes that names who asked.
// One that is there already takes the new reason and expiry; of two that are the
// same, the later one counts.
func (d *Database) AddDenied(ctx context.Context, by string, torrents ...Denied) error {
	if err := checkWho(by); err != nil {
		return fmt.Errorf("deny %d torrents: %w", len(torrents), err)
	}
	for _, t := range torrents {
		if err := errors.Join(checkText("a reason", t.Reason), checkUntil(t.Until)); err != nil {
			return fmt.Errorf("deny %s: %w", t.Hash, err)
		}
	}
	if len(torrents) == 0 {
		return nil
	}
	torrents = lastOfEach(torrents, func(a, b Denied) int { return compareHashes(a.Hash, b.Hash) })
	_, err := d.changeBy(ctx, by, ActionDenyAdd, torrentSubject(torrents[0].Hash, len(torrents)), func(tx *transaction) (int64, error) {
		_, err := addDenied.exec(ctx, tx, len(torrents), func(i int, values []any) []any {
			t := &torrents[i]
			return append(values, t.Hash[:], t.Reason, creation(t.Created), expiry(t.Until))
		})
		return int64(len(torrents)), err
	})
	if err != nil {
		return fmt.Errorf("deny %d torrents: %w", len(torrents), err)
	}
	return nil
}

// RemoveDenied takes torrents off the deny list, all of them or none. found is
// how many of them were on it.
func (d *Database) RemoveDenied(ctx context.Context, by string, hashes ...shoal.InfoHash) (found int, err error) {
	found, err = d.remove(ctx, by, ActionDenyRemove, removeDenied, hashes)
	if err != nil {
		return 0, fmt.Errorf("deny %d torrents no longer: %w", len(hashes), err)
	}
	return found, nil
}

// Denied returns the next torrents of the deny list behind one, or from the
// first, in the order of their info hashes. limit is 1 to MaxPage.
func (d *Database) Denied(ctx context.Context, after *shoal.InfoHash, limit int) ([]Denied, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	all, err := hashPage(ctx, d, scanDenied, "hash, reason, created, expires FROM shoal_denied", after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the deny list: %w", err)
	}
	return all, nil
}

// CountDenied returns how many torrents are on the deny list, those whose entry
// has expired included.
func (d *Database) CountDenied(ctx context.Context) (int64, error) {
	return d.count(ctx, "shoal_denied")
}

// EachDenied calls visit for every torrent of the deny list, in the order of
// their info hashes, until it returns an error. What is changed while it runs may
// be seen or not.
func (d *Database) EachDenied(ctx context.Context, visit func(Denied) error) error {
	return each(func(last *Denied) ([]Denied, error) {
		if last == nil {
			return d.Denied(ctx, nil, MaxPage)
		}
		return d.Denied(ctx, &last.Hash, MaxPage)
	}, visit)
}

func scanDenied(row *sql.Rows) (t Denied, err error) {
	var created, expires int64
	err = row.Scan(hashColumn{&t.Hash}, &t.Reason, &created, &expires)
	t.Created, t.Until = moment(created), moment(expires)
	return t, err
}
