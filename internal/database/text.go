package database

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shoal-tracker/shoal"
)

// MaxText is how many bytes a label or a reason may have.
const MaxText = 200

// MaxPage is how many rows a page may have.
const MaxPage = 10_000

func checkText(name, text string) error {
	if len(text) > MaxText {
		return fmt.Errorf("%s has %d bytes and may have %d", name, len(text), MaxText)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s must be UTF-8", name)
	}
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) { // the latter make a line read as another one
			return fmt.Errorf("%s may have no control characters, those for the direction of text included", name)
		}
	}
	return nil
}

func checkLimit(limit int) error {
	if limit < 1 || limit > MaxPage {
		return fmt.Errorf("a page has 1 to %d rows, not %d", MaxPage, limit)
	}
	return nil
}

// latest is the first moment that no expiry may have: a few more years than that
// and milliseconds overflow.
var latest = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

func checkUntil(until time.Time) error {
	if !until.Before(latest) {
		return errors.New("an expiry must be before the year 10000; leave it out for one that never comes")
	}
	return nil
}

// expiry returns until in Unix seconds, rounded up so that nothing ends early; 0
// is never.
func expiry(until time.Time) int64 {
	if until.IsZero() {
		return 0
	}
	seconds := until.Unix()
	if until.Nanosecond() > 0 {
		seconds++
	}
	return max(seconds, 1)
}

// creation returns t in Unix seconds, or now's.
func creation(t time.Time) int64 {
	if t.IsZero() || !t.Before(latest) {
		t = time.Now()
	}
	return max(t.Unix(), 1)
}

// moment reads what expiry and creation wrote.
func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// signed returns n, or the most that a database's integers hold.
func signed(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// oneLine puts into one line what pgx writes into several, for logs.
func oneLine(err error) error {
	if err == nil || !strings.ContainsAny(err.Error(), "\n\t") {
		return err
	}
	return oneLineError{err}
}

type oneLineError struct{ error }

func (e oneLineError) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }
func (e oneLineError) Unwrap() error { return e.error }

// hashColumn and keyColumn read the bytes of a column into place.
type (
	hashColumn struct{ to *shoal.InfoHash }
	keyColumn  struct{ to *shoal.AuthKey }
)

func (c hashColumn) Scan(value any) error { return scanBytes(c.to[:], value) }
func (c keyColumn) Scan(value any) error  { return scanBytes(c.to[:], value) }

func scanBytes(to []byte, value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != len(to) {
		return fmt.Errorf("a column holds something else than %d bytes", len(to))
	}
	copy(to, b)
	return nil
}
