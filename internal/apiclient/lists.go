package apiclient

import (
	"context"
	"fmt"
	"net/http"

	"github.com/shoal-tracker/shoal"
)

// NewDenied is a torrent to be refused.
type NewDenied struct {
	Hash    shoal.InfoHash
	Reason  string // 200 bytes at most; not for clients
	Seconds int64  // how long from now; 0: for ever
}

// Denied is a torrent that is refused. Times are Unix seconds.
type Denied struct {
	Hash       shoal.InfoHash
	Reason     string
	Created    *int64 // nil: not told
	ValidUntil *int64 // nil: for ever
}

// AddAllowed puts torrents on the whitelist, all of them or none, up to 100,000.
// They are let in by then.
func (c *Client) AddAllowed(ctx context.Context, hashes []shoal.InfoHash) error {
	body := struct {
		Hashes []string `json:"info_hashes"`
	}{make([]string, len(hashes))}
	for i, hash := range hashes {
		body.Hashes[i] = hash.String()
	}
	return c.ask(ctx, request{http.MethodPost, "/whitelist/bulk", body}, &struct{}{})
}

// RemoveAllowed takes torrents off the whitelist one after the other. found is how
// many were on it, up to the first error.
func (c *Client) RemoveAllowed(ctx context.Context, hashes []shoal.InfoHash) (found int, err error) {
	return c.removeHashes(ctx, "/whitelist/", hashes)
}

// EachAllowed calls visit for every torrent of the whitelist in the order of their
// bytes, until it returns an error.
func (c *Client) EachAllowed(ctx context.Context, visit func(shoal.InfoHash) error) error {
	return eachPage(func(after string) (next *string, err error) {
		var page struct {
			Torrents []string `json:"torrents"`
			Next     *string  `json:"next"`
		}
		if err := c.ask(ctx, request{http.MethodGet, "/whitelist" + paging(after, pageSize), nil}, &page); err != nil {
			return nil, err
		}
		for _, text := range page.Torrents {
			hash, err := hashOf(text)
			if err == nil {
				err = visit(hash)
			}
			if err != nil {
				return nil, err
			}
		}
		return page.Next, nil
	})
}

// AddDenied puts torrents on the deny list, all of them or none, up to 100,000.
// They are refused by then.
func (c *Client) AddDenied(ctx context.Context, torrents []NewDenied) error {
	type denied struct {
		Hash    string `json:"info_hash"`
		Reason  string `json:"reason"`
		Seconds *int64 `json:"seconds_valid"`
	}
	body := struct {
		Torrents []denied `json:"torrents"`
	}{make([]denied, len(torrents))}
	for i, t := range torrents {
		body.Torrents[i] = denied{t.Hash.String(), t.Reason, secondsOrNull(t.Seconds)}
	}
	return c.ask(ctx, request{http.MethodPost, "/deny/bulk", body}, &struct{}{})
}

// RemoveDenied takes torrents off the deny list one after the other. found is how
// many were on it, up to the first error.
func (c *Client) RemoveDenied(ctx context.Context, hashes []shoal.InfoHash) (found int, err error) {
	return c.removeHashes(ctx, "/deny/", hashes)
}

// EachDenied calls visit for every torrent of the deny list in the order of their
// info hashes, until it returns an error.
func (c *Client) EachDenied(ctx context.Context, visit func(Denied) error) error {
	return eachPage(func(after string) (next *string, err error) {
		var page struct {
			Torrents []struct {
				Hash       string `json:"info_hash"`
				Reason     string `json:"reason"`
				Created    *int64 `json:"created"`
				ValidUntil *int64 `json:"valid_until"`
			} `json:"torrents"`
			Next *string `json:"next"`
		}
		if err := c.ask(ctx, request{http.MethodGet, "/deny" + paging(after, pageSize), nil}, &page); err != nil {
			return nil, err
		}
		for _, t := range page.Torrents {
			hash, err := hashOf(t.Hash)
			if err == nil {
				err = visit(Denied{hash, line(t.Reason, 1000), t.Created, t.ValidUntil})
			}
			if err != nil {
				return nil, err
			}
		}
		return page.Next, nil
	})
}

func (c *Client) removeHashes(ctx context.Context, path string, hashes []shoal.InfoHash) (found int, err error) {
	for _, hash := range hashes {
		n, err := c.remove(ctx, path+hash.String())
		if err != nil {
			return found, err
		}
		found += n
	}
	return found, nil
}

func hashOf(text string) (shoal.InfoHash, error) {
	hash, err := shoal.ParseInfoHash(text)
	if err != nil {
		return hash, fmt.Errorf("the tracker lists what is no torrent: %w", err)
	}
	return hash, nil
}
