//go:build linux

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// index asks a tracker's management API what Torrust Index asks of it, as it
// does, and takes answers as it takes them.
type index struct {
	host      *host
	api       netip.AddrPort
	token     string
	announces string // the base of the announce URLs that it gives to its users
	keysLast  int64  // seconds
}

// What Torrust Index makes of answers.
var (
	errIndexOffline    = errors.New("the tracker is offline")
	errIndexToken      = errors.New("the token is not valid")
	errIndexInternal   = errors.New("internal error of the tracker")
	errIndexNotFound   = errors.New("not found")
	errIndexStatus     = errors.New("unexpected status")
	errIndexNoTorrent  = errors.New("the tracker does not know the torrent")
	errIndexUnreadable = errors.New("the answer cannot be read")
)

// indexPatience is for a whole exchange.
const indexPatience = 5 * time.Second

// send asks as the HTTP library of the Index does: names of headers in lower
// case, the token in the query, and a POST without a body says nothing of its
// length.
func (x *index) send(method, path string, query ...string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), indexPatience)
	defer cancel()
	conn, err := x.host.dial(ctx, "tcp", x.api.String())
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", errIndexOffline, err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(indexPatience))
	target := "/api/v1" + path + "?token=" + url.QueryEscape(x.token)
	for _, parameter := range query {
		target += "&" + parameter
	}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\naccept: */*\r\nhost: %s\r\n\r\n", method, target, x.api); err != nil {
		return 0, "", fmt.Errorf("%w: %w", errIndexOffline, err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", errIndexOffline, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, "", fmt.Errorf("reading the answer: %w", err)
	}
	return res.StatusCode, string(text), nil
}

// ask returns the body of an answer with status 200.
func (x *index) ask(method, path string, query ...string) (string, error) {
	status, body, err := x.send(method, path, query...)
	switch {
	case err != nil:
		return "", err
	case status == http.StatusOK:
		return body, nil
	case status == http.StatusInternalServerError && body == `Unhandled rejection: Err { reason: "token not valid" }`:
		return "", errIndexToken
	case status == http.StatusInternalServerError:
		return "", fmt.Errorf("%w: %s", errIndexInternal, body)
	case status == http.StatusNotFound:
		return "", fmt.Errorf("%w: %s", errIndexNotFound, body)
	}
	return "", fmt.Errorf("%w: %d %s", errIndexStatus, status, body)
}

// list has a torrent let in. The Index does it with each that is uploaded,
// whatever the tracker's rules are, and drops the torrent if it fails.
func (x *index) list(hash string) error { return x.change(http.MethodPost, hash) }

// unlist is for a torrent that was deleted.
func (x *index) unlist(hash string) error { return x.change(http.MethodDelete, hash) }

// change looks at the status alone; 404 is none that it expects.
func (x *index) change(method, hash string) error {
	_, err := x.ask(method, "/whitelist/"+hash)
	if errors.Is(err, errIndexNotFound) {
		return fmt.Errorf("%w: %w", errIndexStatus, err)
	}
	return err
}

// announceURL draws a key for a user. Both fields must be there.
func (x *index) announceURL() (announce, key string, validUntil int64, err error) {
	body, err := x.ask(http.MethodPost, fmt.Sprintf("/key/%d", x.keysLast))
	if err != nil {
		return "", "", 0, err
	}
	var drawn struct {
		Key        *string
		ValidUntil *int64 `json:"valid_until"`
	}
	if err := json.Unmarshal([]byte(body), &drawn); err != nil || drawn.Key == nil || drawn.ValidUntil == nil {
		return "", "", 0, fmt.Errorf("%w: %s", errIndexUnreadable, body)
	}
	base, err := url.Parse(x.announces)
	if err != nil {
		return "", "", 0, err
	}
	joined, err := base.Parse(*drawn.Key)
	if err != nil {
		return "", "", 0, err
	}
	return joined.String(), *drawn.Key, *drawn.ValidUntil, nil
}

// indexTorrent is what the Index reads of a torrent. Numbers have a sign and 64
// bits: a greater one makes the whole answer unreadable. Of a list, Peers is nil.
type indexTorrent struct {
	InfoHash  *string `json:"info_hash"`
	Seeders   *int64
	Completed *int64
	Leechers  *int64
	Peers     *[]indexPeer
}

// indexPeer is a peer of it: everything may be null.
type indexPeer struct {
	PeerID *struct {
		ID     *string
		Client *string
	} `json:"peer_id"`
	PeerAddr   *string `json:"peer_addr"`
	Updated    *int64
	Uploaded   *int64
	Downloaded *int64
	Left       *int64
	Event      *string
}

func (n *indexTorrent) whole() bool {
	return n.InfoHash != nil && n.Seeders != nil && n.Completed != nil && n.Leechers != nil
}

// torrent asks for one.
func (x *index) torrent(hash string) (n indexTorrent, err error) {
	body, err := x.ask(http.MethodGet, "/torrent/"+hash)
	if errors.Is(err, errIndexNotFound) || err == nil && body == `"torrent not known"` {
		return n, errIndexNoTorrent
	}
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal([]byte(body), &n); err != nil || !n.whole() || n.Peers == nil {
		return n, fmt.Errorf("%w: %w: %s", errIndexUnreadable, err, body)
	}
	return n, nil
}

// indexCounts is what the Index keeps of a torrent, and shows.
type indexCounts struct{ seeders, leechers int64 }

// countOne is what it keeps once somebody looked at the torrent.
func (x *index) countOne(hash string) (indexCounts, error) {
	n, err := x.torrent(hash)
	if err != nil {
		return indexCounts{}, err
	}
	return indexCounts{*n.Seeders, *n.Leechers}, nil
}

// countMany is what it keeps of all torrents: it asks for 50 at a time. Those
// that are not in the answer have nobody.
func (x *index) countMany(hashes []string) (map[string]indexCounts, error) {
	kept := map[string]indexCounts{}
	for len(hashes) > 0 {
		some := hashes[:min(50, len(hashes))]
		hashes = hashes[len(some):]
		body, err := x.ask(http.MethodGet, "/torrents", "info_hash="+strings.Join(some, "&info_hash="))
		if err != nil {
			return nil, err
		}
		var all []indexTorrent
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			return nil, fmt.Errorf("%w: %w: %s", errIndexUnreadable, err, body)
		}
		for _, n := range all {
			if !n.whole() {
				return nil, fmt.Errorf("%w: %s", errIndexUnreadable, body)
			}
		}
		for _, hash := range some {
			kept[hash] = indexCounts{}
			for _, n := range all {
				if *n.InfoHash == hash {
					kept[hash] = indexCounts{*n.Seeders, *n.Leechers}
					break
				}
			}
		}
	}
	return kept, nil
}
