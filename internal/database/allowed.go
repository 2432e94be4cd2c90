package database

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/shoal-tracker/shoal"
)

var (
	addAllowed    = bulk{"INSERT INTO shoal_allowed (hash, created) VALUES ", "(?, ?)", " ON CONFLICT (hash) DO NOTHING"}
	removeAllowed = bulk{"DELETE FROM shoal_allowed WHERE hash IN (", "?", ")"}
)

// AddAllowed puts torrents on the whitelist, all of them or none, and returns
// when that is committed, with a line in the log of changes that names who asked.
// Those that are there already stay.
func (d *Database) AddAllowed(ctx context.Context, by string, hashes ...shoal.InfoHash) error {
	if err := checkWho(by); err != nil {
		return fmt.Errorf("allow %d torrents: %w", len(hashes), err)
	}
	if len(hashes) == 0 {
		return nil
	}
	hashes = lastOfEach(hashes, compareHashes)
	now := creation(time.Time{})
	_, err := d.changeBy(ctx, by, ActionWhitelistAdd, torrentSubject(hashes[0], len(hashes)), func(tx *transaction) (int64, error) {
		return addAllowed.exec(ctx, tx, len(hashes), func(i int, values []any) []any {
			return append(values, hashes[i][:], now)
		})
	})
	if err != nil {
		return fmt.Errorf("allow %d torrents: %w", len(hashes), err)
	}
	return nil
}

// RemoveAllowed takes torrents off the whitelist, all of them or none. found is
// how many of them were on it.
func (d *Database) RemoveAllowed(ctx context.Context, by string, hashes ...shoal.InfoHash) (found int, err error) {
	found, err = d.remove(ctx, by, ActionWhitelistRemove, removeAllowed, hashes)
	if err != nil {
		return 0, fmt.Errorf("allow %d torrents no longer: %w", len(hashes), err)
	}
	return found, nil
}

// Allowed returns the next torrents of the whitelist behind one, or from the
// first, in the order of their bytes. limit is 1 to MaxPage.
func (d *Database) Allowed(ctx context.Context, after *shoal.InfoHash, limit int) ([]shoal.InfoHash, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	all, err := hashPage(ctx, d, scanHash, "hash FROM shoal_allowed", after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the whitelist: %w", err)
	}
	return all, nil
}

// CountAllowed returns how many torrents are on the whitelist.
func (d *Database) CountAllowed(ctx context.Context) (int64, error) {
	return d.count(ctx, "shoal_allowed")
}

// EachAllowed calls visit for every torrent of the whitelist, in the order of
// their bytes, until it returns an error. What is changed while it runs may be
// seen or not.
func (d *Database) EachAllowed(ctx context.Context, visit func(shoal.InfoHash) error) error {
	return each(func(last *shoal.InfoHash) ([]shoal.InfoHash, error) {
		return d.Allowed(ctx, last, MaxPage)
	}, visit)
}

func (d *Database) remove(ctx context.Context, by, action string, b bulk, hashes []shoal.InfoHash) (found int, err error) {
	if err := checkWho(by); err != nil || len(hashes) == 0 {
		return 0, err
	}
	hashes = lastOfEach(hashes, compareHashes)
	return d.changeBy(ctx, by, action, torrentSubject(hashes[0], len(hashes)), func(tx *transaction) (int64, error) {
		return b.exec(ctx, tx, len(hashes), func(i int, values []any) []any {
			return append(values, hashes[i][:])
		})
	})
}

func scanHash(row *sql.Rows) (hash shoal.InfoHash, err error) {
	err = row.Scan(hashColumn{&hash})
	return hash, err
}

func compareHashes(a, b shoal.InfoHash) int { return bytes.Compare(a[:], b[:]) }
