package api

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/database"
)

// mostSeconds is how long a key, or an entry of the deny list, lasts that does not
// last for ever: a hundred years. It stands in tags too, which cannot name it.
const mostSeconds = 3_153_600_000

// mostEntries is how many a bulk route takes. It stands in tags too.
const mostEntries = 100_000

// invalid is the answer to a value that cannot be: where it stands, what it is,
// and what is allowed.
func invalid(location string, value any, allowed string) error {
	return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Message: allowed, Location: location, Value: value})
}

// hashAt reads an info hash. Those that came through a schema are good; this is
// for the bytes behind it.
func hashAt(location, text string) (shoal.InfoHash, error) {
	hash, err := shoal.ParseInfoHash(text)
	if err != nil {
		return hash, invalid(location, text, "expected an info hash: 40 hexadecimal digits, or the 64 of version 2")
	}
	return hash, nil
}

// hashOrNil is hashAt for a parameter that may be left out.
func hashOrNil(location, text string) (*shoal.InfoHash, error) {
	if text == "" {
		return nil, nil
	}
	hash, err := hashAt(location, text)
	return &hash, err
}

// before returns the info hash in front of one, or nil for the first of all: what
// a page begins behind if it is to begin with this one.
func before(hash shoal.InfoHash) *shoal.InfoHash {
	for i := len(hash) - 1; i >= 0; i-- {
		hash[i]--
		if hash[i] != 0xff { // nothing to borrow
			return &hash
		}
	}
	return nil
}

// checkText refuses what the database would: a schema counts characters, and
// tables have bytes.
func checkText(location, text string) error {
	if len(text) > database.MaxText {
		return invalid(location, text, fmt.Sprintf("expected %d bytes of UTF-8 at most", database.MaxText))
	}
	if strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) // the latter make a line read as another one
	}) {
		return invalid(location, text, "expected no control characters, those for the direction of text included")
	}
	return nil
}

func checkKey(location, key string) error {
	if hash := shoal.ParseAuthKey([]byte(key)); hash.None() || hash.Invalid() {
		return invalid(location, key, "expected 16 to 64 letters, digits and - . _ ~")
	}
	return nil
}

// untilOf returns when something ends that lasts for so many seconds from now; the
// zero time is never. Values that came through a schema are good; this is for those
// that found a way around it, which would be far in the past or never end.
func untilOf(location string, seconds *int64, now time.Time) (time.Time, error) {
	if seconds == nil {
		return time.Time{}, nil
	}
	if *seconds < 1 || *seconds > mostSeconds {
		return time.Time{}, invalid(location, *seconds, fmt.Sprintf("expected seconds from 1 to %d", mostSeconds))
	}
	return endOf(*seconds, now), nil
}

// endOf returns when so many seconds are over, in whole seconds as the database
// keeps it.
func endOf(seconds int64, now time.Time) time.Time {
	return now.Add(time.Duration(seconds)*time.Second + time.Second - 1).Truncate(time.Second).UTC()
}

// unixOf returns t as valid_until has it.
func unixOf(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	seconds := t.Unix()
	return &seconds
}

// textOf returns t as expiry_time has it.
func textOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format("2006-01-02 15:04:05 UTC")
	return &text
}

// pageOf cuts a page off what was read, which is one entry more where there is a
// next page, and returns what that page begins behind.
func pageOf[T any](all []T, limit int, name func(T) string) (page []T, next *string) {
	if len(all) <= limit {
		return all, nil
	}
	last := name(all[limit-1])
	return all[:limit], &last
}
