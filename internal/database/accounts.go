package database

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/shoal-tracker/shoal"
)

// Account is how much the holder of a key moved, in bytes, as clients say.
type Account struct {
	Key                  shoal.AuthKey
	Uploaded, Downloaded uint64 // up to 2⁶³−1 in the database
}

// Account returns what has been counted for a key: nothing, for one that is not
// there.
func (d *Database) Account(ctx context.Context, key shoal.AuthKey) (Account, error) {
	all, err := rows(ctx, d, func(row *sql.Rows) (a Account, err error) {
		err = row.Scan(keyColumn{&a.Key}, &a.Uploaded, &a.Downloaded)
		return a, err
	}, "SELECT hash, uploaded, downloaded FROM shoal_accounts WHERE hash = ?", key[:])
	if err != nil {
		return Account{}, fmt.Errorf("read what was counted for a key: %w", err)
	}
	if len(all) == 0 {
		return Account{Key: key}, nil
	}
	return all[0], nil
}

// A KeyAccount is a key, and how much its holder moved, in bytes.
type KeyAccount struct {
	Key
	Uploaded, Downloaded uint64 // up to 2⁶³−1
}

// KeysWithAccounts returns the next keys behind one, or from the first, in the
// order of their bytes, with what has been counted for each. limit is 1 to
// MaxPage.
func (d *Database) KeysWithAccounts(ctx context.Context, after string, limit int) ([]KeyAccount, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	all, err := rows(ctx, d, scanKeyAccount,
		"SELECT k.passkey, k.label, k.created, k.expires, COALESCE(a.uploaded, 0), COALESCE(a.downloaded, 0)"+
			" FROM shoal_keys k LEFT JOIN shoal_accounts a ON a.hash = k.hash"+
			" WHERE k.passkey > ? ORDER BY k.passkey LIMIT ?",
		keyCursor(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read the keys and what was counted for them: %w", err)
	}
	return all, nil
}

func scanKeyAccount(row *sql.Rows) (k KeyAccount, err error) {
	var created, expires int64
	err = row.Scan(&k.Key.Key, &k.Label, &created, &expires, &k.Uploaded, &k.Downloaded)
	k.Created, k.Until = moment(created), moment(expires)
	return k, err
}

var (
	knownKeys   = bulk{"SELECT hash FROM shoal_keys WHERE hash IN (", "?", ")"}
	addAccounts = bulk{
		"INSERT INTO shoal_accounts (hash, uploaded, downloaded) VALUES ",
		"(?, ?, ?)",
		" ON CONFLICT (hash) DO UPDATE SET uploaded = " + sum("shoal_accounts", "uploaded") +
			", downloaded = " + sum("shoal_accounts", "downloaded"),
	}
)

// addAccounts adds to what was counted for keys. A key that was taken back
// meanwhile is passed over; one that is taken back right now fails a constraint,
// and the transaction is tried again.
func (t *transaction) addAccounts(ctx context.Context, accounts map[shoal.AuthKey]Account) error {
	hashes := slices.SortedFunc(maps.Keys(accounts), func(a, b shoal.AuthKey) int { return bytes.Compare(a[:], b[:]) })
	known := make([]shoal.AuthKey, 0, len(hashes))
	err := knownKeys.query(ctx, t, len(hashes), func(i int, values []any) []any {
		return append(values, hashes[i][:])
	}, func(row *sql.Rows) error {
		known = append(known, shoal.AuthKey{})
		return row.Scan(keyColumn{&known[len(known)-1]})
	})
	if err != nil {
		return fmt.Errorf("look for %d keys: %w", len(hashes), err)
	}
	slices.SortFunc(known, func(a, b shoal.AuthKey) int { return bytes.Compare(a[:], b[:]) })
	_, err = addAccounts.exec(ctx, t, len(known), func(i int, values []any) []any {
		a := accounts[known[i]]
		return append(values, known[i][:], signed(a.Uploaded), signed(a.Downloaded))
	})
	if err != nil {
		return fmt.Errorf("write what was counted for %d keys: %w", len(known), err)
	}
	return nil
}
