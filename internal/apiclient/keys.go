package apiclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// How many entries are asked for at once: as many as the API gives.
const (
	pageSize    = 1000
	torrentPage = 4000 // a walk over a million torrents is one search a page for the tracker
)

// NewKey is a key to be granted.
type NewKey struct {
	Key     string // 16 to 64 of A-Z, a-z, 0-9 and "-._~"
	Label   string // 200 bytes at most
	Seconds int64  // how long it lasts from now; 0: for ever
}

// Key is a key of a private tracker. Times are Unix seconds.
type Key struct {
	Key        string `json:"key"`
	Label      string `json:"label"`
	Created    *int64 `json:"created"`     // nil: not told
	ValidUntil *int64 `json:"valid_until"` // nil: for ever
	Uploaded   uint64 `json:"uploaded"`    // bytes, as its holder's clients say
	Downloaded uint64 `json:"downloaded"`  // bytes, as its holder's clients say
}

// AddKeys grants keys, all of them or none, up to 100,000 of different names, and
// returns what the tracker keeps. Each is in force by then.
func (c *Client) AddKeys(ctx context.Context, keys []NewKey) ([]Key, error) {
	type newKey struct {
		Key     string `json:"key"`
		Seconds *int64 `json:"seconds_valid"`
		Label   string `json:"label"`
	}
	body := struct {
		Keys []newKey `json:"keys"`
	}{make([]newKey, len(keys))}
	for i, k := range keys {
		body.Keys[i] = newKey{k.Key, secondsOrNull(k.Seconds), k.Label}
	}
	var reply struct {
		Keys []Key `json:"keys"`
	}
	if err := c.ask(ctx, request{http.MethodPost, "/keys/bulk", body}, &reply); err != nil {
		return nil, err
	}
	return reply.Keys, nil
}

// RemoveKeys takes keys back one after the other. found is how many there were,
// up to the first error.
func (c *Client) RemoveKeys(ctx context.Context, keys []string) (found int, err error) {
	for _, key := range keys {
		n, err := c.remove(ctx, "/key/"+segment(key))
		if err != nil {
			return found, err
		}
		found += n
	}
	return found, nil
}

// EachKey calls visit for every key in the order of their bytes, until it returns
// an error.
func (c *Client) EachKey(ctx context.Context, visit func(Key) error) error {
	return eachPage(func(after string) (next *string, err error) {
		var page struct {
			Keys []Key   `json:"keys"`
			Next *string `json:"next"`
		}
		if err := c.ask(ctx, request{http.MethodGet, "/keys" + paging(after, pageSize), nil}, &page); err != nil {
			return nil, err
		}
		for _, k := range page.Keys {
			k.Label = line(k.Label, 1000)
			if err := visit(k); err != nil {
				return nil, err
			}
		}
		return page.Next, nil
	})
}

// remove deletes one thing and returns how many were there: 0 or 1. A tracker
// that answers to Torrust's letter does not say.
func (c *Client) remove(ctx context.Context, path string) (found int, err error) {
	var reply struct {
		Removed *int `json:"removed"`
	}
	if err := c.ask(ctx, request{http.MethodDelete, path, nil}, &reply); err != nil {
		return 0, err
	}
	if reply.Removed == nil {
		return 1, nil
	}
	return *reply.Removed, nil
}

// eachPage asks for page after page, until there is none.
func eachPage(page func(after string) (next *string, err error)) error {
	after := ""
	for {
		next, err := page(after)
		if err != nil || next == nil || *next == "" {
			return err
		}
		if *next <= after { // a walk that does not end
			return fmt.Errorf("the tracker's pages do not go on: behind %.80q comes %.80q", after, *next)
		}
		after = *next
	}
}

func paging(after string, limit int) string {
	values := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		values.Set("after", after)
	}
	return "?" + values.Encode()
}

func secondsOrNull(seconds int64) *int64 {
	if seconds == 0 {
		return nil
	}
	return &seconds
}
