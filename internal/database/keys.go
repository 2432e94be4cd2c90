package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Key lets its holder use a private tracker.
type Key struct {
	Key     string    // 16 to 64 of A-Z, a-z, 0-9 and "-._~"
	Label   string    // whose it is; up to MaxText bytes of UTF-8 without control characters, those for the direction of text included
	Created time.Time // in whole seconds; the zero time becomes now
	Until   time.Time // in whole seconds, rounded up; the zero time: it never expires
}

const (
	keyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	keyLength   = 32
)

// NewKey draws a key of 32 letters and digits.
func NewKey() string {
	const fair = 256 - 256%len(keyAlphabet) // above it, the first letters would be more likely
	key := make([]byte, 0, keyLength)
	for {
		var drawn [2 * keyLength]byte
		rand.Read(drawn[:])
		for _, b := range drawn {
			if int(b) < fair {
				if key = append(key, keyAlphabet[int(b)%len(keyAlphabet)]); len(key) == keyLength {
					return string(key)
				}
			}
		}
	}
}

func isKey(key string) bool {
	hash := shoal.ParseAuthKey([]byte(key))
	return !hash.None() && !hash.Invalid()
}

func checkKey(k Key) error {
	if !isKey(k.Key) {
		return errors.New(`a key must be 16 to 64 letters, digits or "-", ".", "_", "~"`)
	}
	return errors.Join(checkText("a label", k.Label), checkUntil(k.Until))
}

var (
	addKeys = bulk{
		"INSERT INTO shoal_keys (passkey, hash, label, created, expires) VALUES ",
		"(?, ?, ?, ?, ?)",
		" ON CONFLICT (passkey) DO UPDATE SET label = excluded.label, expires = excluded.expires",
	}
	removeKeys = bulk{"DELETE FROM shoal_keys WHERE passkey IN (", "?", ")"}
)

// AddKeys grants keys, all of them or none, and returns when that is committed,
// with a line in the log of changes that names who asked. One that is there
// already takes the new label and expiry; of two that are the same, the later one
// counts. When it fails, it can be called again.
func (d *Database) AddKeys(ctx context.Context, by string, keys ...Key) error {
	if err := checkWho(by); err != nil {
		return fmt.Errorf("add %d keys: %w", len(keys), err)
	}
	for i, k := range keys {
		if err := checkKey(k); err != nil {
			return fmt.Errorf("key %d of %d: %w", i+1, len(keys), err)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	keys = lastOfEach(keys, func(a, b Key) int { return strings.Compare(a.Key, b.Key) })
	hashes := make([]shoal.AuthKey, len(keys))
	for i, k := range keys {
		hashes[i] = shoal.ParseAuthKey([]byte(k.Key))
	}
	_, err := d.changeBy(ctx, by, ActionKeyAdd, keySubject(keys[0].Key, len(keys)), func(tx *transaction) (int64, error) {
		_, err := addKeys.exec(ctx, tx, len(keys), func(i int, values []any) []any {
			k := &keys[i]
			return append(values, k.Key, hashes[i][:], k.Label, creation(k.Created), expiry(k.Until))
		})
		return int64(len(keys)), err // databases disagree on how often a row counts that takes a new label
	})
	if err != nil {
		return fmt.Errorf("add %d keys: %w", len(keys), err)
	}
	return nil
}

// RemoveKeys takes keys back, all of them or none, and forgets what their holders
// moved. found is how many of them there were.
func (d *Database) RemoveKeys(ctx context.Context, by string, keys ...string) (found int, err error) {
	if err := checkWho(by); err != nil {
		return 0, fmt.Errorf("remove %d keys: %w", len(keys), err)
	}
	keys = slices.DeleteFunc(lastOfEach(keys, strings.Compare), func(key string) bool { return !isKey(key) })
	if len(keys) == 0 {
		return 0, nil
	}
	found, err = d.changeBy(ctx, by, ActionKeyRemove, keySubject(keys[0], len(keys)), func(tx *transaction) (int64, error) {
		return removeKeys.exec(ctx, tx, len(keys), func(i int, values []any) []any {
			return append(values, keys[i])
		})
	})
	if err != nil {
		return 0, fmt.Errorf("remove %d keys: %w", len(keys), err)
	}
	return found, nil
}

// Key looks for one key.
func (d *Database) Key(ctx context.Context, key string) (k Key, found bool, err error) {
	if !isKey(key) {
		return Key{}, false, nil
	}
	all, err := rows(ctx, d, scanKey, "SELECT passkey, label, created, expires FROM shoal_keys WHERE passkey = ?", key)
	if err != nil {
		return Key{}, false, fmt.Errorf("look for a key: %w", err)
	}
	if len(all) == 0 {
		return Key{}, false, nil
	}
	return all[0], true, nil
}

// Keys returns the next keys behind one, or from the first, in the order of
// their bytes. limit is 1 to MaxPage.
func (d *Database) Keys(ctx context.Context, after string, limit int) ([]Key, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	all, err := rows(ctx, d, scanKey,
		"SELECT passkey, label, created, expires FROM shoal_keys WHERE passkey > ? ORDER BY passkey LIMIT ?",
		keyCursor(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return all, nil
}

// keyCursor returns a text that every database takes, and behind which the same
// keys are as behind after.
func keyCursor(after string) string {
	for i, c := range []byte(after) {
		switch {
		case c <= ' ': // before all that a key may have
			return after[:i]
		case c > '~': // behind it
			return after[:i] + "\x7f"
		}
	}
	return after
}

// CountKeys returns how many keys there are, those that have expired included.
func (d *Database) CountKeys(ctx context.Context) (int64, error) { return d.count(ctx, "shoal_keys") }

// EachKey calls visit for every key, in the order of their bytes, until it
// returns an error. What is changed while it runs may be seen or not.
func (d *Database) EachKey(ctx context.Context, visit func(Key) error) error {
	return each(func(last *Key) ([]Key, error) {
		if last == nil {
			return d.Keys(ctx, "", MaxPage)
		}
		return d.Keys(ctx, last.Key, MaxPage)
	}, visit)
}

func scanKey(row *sql.Rows) (k Key, err error) {
	var created, expires int64
	err = row.Scan(&k.Key, &k.Label, &created, &expires)
	k.Created, k.Until = moment(created), moment(expires)
	return k, err
}

// lastOfEach returns a sorted copy without doubles. Rows that are changed in the
// same order everywhere keep transactions from waiting for each other, and
// PostgreSQL refuses to change one twice in one statement.
func lastOfEach[T any](all []T, compare func(a, b T) int) []T {
	all = slices.Clone(all)
	slices.SortStableFunc(all, compare)
	kept := all[:0]
	for i := range all {
		if i+1 == len(all) || compare(all[i], all[i+1]) != 0 {
			kept = append(kept, all[i])
		}
	}
	return kept
}
