package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-tracker/shoal"
)

// A Change is one line of the log of who changed what.
type Change struct {
	ID      int64     // from 1, greater than those of earlier changes; some are left out
	At      time.Time // in whole seconds
	Who     string    // 1 to 64 characters of printable ASCII
	Action  string    // such as ActionKeyAdd
	Subject string    // what was asked for: a hash in hex, the beginning of a key, or how many
	Count   int       // how many entries it changed
}

// What a Change did.
const (
	ActionKeyAdd          = "key.add"
	ActionKeyRemove       = "key.remove"
	ActionWhitelistAdd    = "whitelist.add"
	ActionWhitelistRemove = "whitelist.remove"
	ActionDenyAdd         = "deny.add"
	ActionDenyRemove      = "deny.remove"
	ActionTorrentRemove   = "torrent.remove"
	ActionReload          = "reload"
)

const (
	maxWho    = 64 // characters
	maxAction = 32 // characters
)

// Note writes down a change that is not of a table here: of the swarm, or of the
// configuration. by is 1 to 64 characters of printable ASCII, action is 1 to 32
// of a to z and ".", and subject is text as a label is.
func (d *Database) Note(ctx context.Context, by, action, subject string, count int) error {
	if err := checkWho(by); err != nil {
		return fmt.Errorf("note a change: %w", err)
	}
	if action == "" || len(action) > maxAction || strings.Trim(action, ".abcdefghijklmnopqrstuvwxyz") != "" {
		return fmt.Errorf(`note a change: an action must be 1 to %d of a to z and "."`, maxAction)
	}
	if err := checkText("a subject", subject); err != nil {
		return fmt.Errorf("note a change: %w", err)
	}
	err := d.change(ctx, func(tx *transaction) error { return tx.note(ctx, by, action, subject, count) })
	if err != nil {
		return fmt.Errorf("note a change: %w", err)
	}
	return nil
}

// Changes returns the next changes before one, by its ID, or from the latest
// where before is 0 or less; the latest comes first. limit is 1 to MaxPage.
func (d *Database) Changes(ctx context.Context, before int64, limit int) ([]Change, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	const columns, order = "SELECT id, made, who, action, subject, entries FROM shoal_changes", " ORDER BY id DESC LIMIT ?"
	text, values := columns+order, []any{limit}
	if before > 0 {
		text, values = columns+" WHERE id < ?"+order, []any{before, limit}
	}
	all, err := rows(ctx, d, scanChange, text, values...)
	if err != nil {
		return nil, fmt.Errorf("read the log of changes: %w", err)
	}
	return all, nil
}

func scanChange(row *sql.Rows) (c Change, err error) {
	var made int64
	err = row.Scan(&c.ID, &made, &c.Who, &c.Action, &c.Subject, &c.Count)
	c.At = moment(made)
	return c, err
}

// changeBy is change for what do counts, with a line of the log in the same
// transaction: neither is there without the other. What changed nothing leaves
// no line.
func (d *Database) changeBy(ctx context.Context, by, action, subject string, do func(tx *transaction) (changed int64, err error)) (changed int, err error) {
	err = d.change(ctx, func(tx *transaction) error {
		n, err := do(tx)
		if err != nil {
			return err
		}
		if changed = int(n); changed == 0 {
			return nil
		}
		return tx.note(ctx, by, action, subject, changed)
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

func (t *transaction) note(ctx context.Context, by, action, subject string, count int) error {
	_, err := t.exec(ctx, "INSERT INTO shoal_changes (made, who, action, subject, entries) VALUES (?, ?, ?, ?, ?)",
		time.Now().Unix(), by, action, subject, int64(count))
	if err != nil {
		return fmt.Errorf("note who asked for it: %w", err)
	}
	return nil
}

func checkWho(by string) error {
	if by == "" || len(by) > maxWho {
		return fmt.Errorf("the name of who asks must have 1 to %d characters", maxWho)
	}
	for _, c := range []byte(by) {
		if c < ' ' || c > '~' {
			return errors.New("the name of who asks must be printable ASCII")
		}
	}
	return nil
}

// keySubject shows too little of a key to use it: who reads the log is not let
// in by it.
func keySubject(first string, n int) string {
	const shown = 4
	if n != 1 {
		return strconv.Itoa(n) + " keys"
	}
	return first[:shown] + "…"
}

func torrentSubject(first shoal.InfoHash, n int) string {
	if n != 1 {
		return fmt.Sprintf("%s… %d torrents", first, n)
	}
	return first.String()
}
