package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/shoal-tracker/shoal"
)

// ErrNotHeld is that the tracker holds no such torrent.
var ErrNotHeld = errors.New("the tracker does not hold this torrent")

// Torrent is what a tracker holds of a torrent at this moment.
type Torrent struct {
	InfoHash  string `json:"info_hash"` // 40 hexadecimal digits
	Seeders   uint64 `json:"seeders"`
	Completed uint64 `json:"completed"` // how often it was downloaded
	Leechers  uint64 `json:"leechers"`
}

// Swarm is a torrent with peers of it.
type Swarm struct {
	Torrent
	Peers []Peer `json:"peers"` // 1,000 at most

	// JSON is the whole answer, in one line.
	JSON json.RawMessage `json:"-"`
}

// Peer is one client in one torrent. What the tracker keeps no note of is nil.
type Peer struct {
	ID struct {
		Client *string `json:"client"`
	} `json:"peer_id"`
	Addr       *string `json:"peer_addr"` // IP and port; nil: a browser, which nobody dials
	Uploaded   *uint64 `json:"uploaded"`
	Downloaded *uint64 `json:"downloaded"`
	Left       *uint64 `json:"left"`
	Event      *string `json:"event"`
}

// EachTorrent calls visit for every torrent in the order of their info hashes,
// until it returns an error. One that comes or goes meanwhile may be seen or not.
func (c *Client) EachTorrent(ctx context.Context, visit func(Torrent) error) error {
	last, seen, counts := "", 0, false
	for {
		query := paging(last, torrentPage)
		if counts {
			query = fmt.Sprintf("?limit=%d&offset=%d", torrentPage, seen)
		}
		var page []Torrent
		if err := c.ask(ctx, request{http.MethodGet, "/torrents" + query, nil}, &page); err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		before := last
		for i := range page {
			t := &page[i]
			hash, err := hashOf(t.InfoHash)
			if err != nil {
				return err
			}
			if t.InfoHash = hash.String(); t.InfoHash <= last {
				continue
			}
			if err := visit(*t); err != nil {
				return err
			}
			last = t.InfoHash
		}
		switch {
		case last != before:
			seen += len(page)
		case counts: // a walk that does not end
			return fmt.Errorf("the tracker's pages do not go on behind %s", last)
		default:
			counts = true // it answers to Torrust's letter, which knows no cursor
		}
	}
}

// Torrent asks for one torrent, and fails with ErrNotHeld if there is none.
func (c *Client) Torrent(ctx context.Context, hash shoal.InfoHash) (*Swarm, error) {
	var text json.RawMessage
	err := c.ask(ctx, request{http.MethodGet, "/torrent/" + hash.String(), nil}, &text)
	if refused := (*Refused)(nil); errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.told {
		return nil, ErrNotHeld
	}
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(text, []byte(`"`)) { // Torrust's way to say it
		return nil, ErrNotHeld
	}
	var swarm Swarm
	if err := json.Unmarshal(text, &swarm); err != nil {
		return nil, fmt.Errorf("read what the tracker says of %s: %w", hash, err)
	}
	if _, err := hashOf(swarm.InfoHash); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, fmt.Errorf("read what the tracker says of %s: %w", hash, err)
	}
	swarm.JSON = compact.Bytes()
	for i := range swarm.Peers {
		p := &swarm.Peers[i]
		for _, text := range []*string{p.ID.Client, p.Addr, p.Event} {
			if text != nil {
				*text = line(*text, 200)
			}
		}
	}
	return &swarm, nil
}

// RemoveTorrents takes torrents and all their peers out of the swarm, one after
// the other. Those that announce again come back. found is how many were held, up
// to the first error.
func (c *Client) RemoveTorrents(ctx context.Context, hashes []shoal.InfoHash) (found int, err error) {
	return c.removeHashes(ctx, "/torrent/", hashes)
}
