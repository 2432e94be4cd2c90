//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// job is what a client is started with.
type job struct {
	torrent []byte // the .torrent
	udp     bool   // its tracker is a UDP one
	web     bool   // its tracker is a WebTorrent one
	trusted string // PEM file of the only authority that HTTPS is checked against; "": the system's
	dir     string // where the data is, or goes

	// For those that only introduce themselves as WebTorrent clients do, and
	// know neither torrents nor the peer protocol.
	announce string // the tracker's URL
	infoHash [20]byte
}

// progress is what a client says of the torrent, in bytes.
type progress struct {
	complete int64 // checked or not, whole pieces or not
	total    int64
}

// client is a BitTorrent program at work on one torrent, over TCP or WebRTC,
// with DHT, PEX and LSD off: the tracker is the only one to tell it of peers.
type client interface {
	progress() (progress, error)
	process() *process
}

// program starts a client with its torrent added.
type program struct {
	name  string
	start func(t *testing.T, h *host, j job) client
}

// tellsCompletion reports whether the program says so when it has everything.
func (p program) tellsCompletion(by transport) bool {
	return !(p.name == gotorrent.name && by.web())
}

var (
	transmission = program{"transmission", startTransmission}
	aria2        = program{"aria2", startAria2}
	qbittorrent  = program{"qbittorrent", startQbittorrent}
	gotorrent    = program{"gotorrent", startGotorrent}

	// These move the same data over WebRTC, and are told apart from clients by
	// nothing that a tracker sees.
	chromium  = program{"chromium", startChromium}
	webpeer   = program{"webpeer", startWebpeer}
	npmClient = program{"bittorrent-tracker", startNpmClient}
)

// errNoTorrent is what a client's progress is while it does not list the torrent.
var errNoTorrent = errors.New("the client has no torrent")

// call sends a request to a client's own interface and decodes the JSON that
// it answers into reply, unless that is nil.
func call(c *http.Client, method, url string, header http.Header, body []byte, reply any) error {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if res.StatusCode != http.StatusOK {
		return &statusError{status: res.StatusCode, header: res.Header, text: string(text)}
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("%s answered %q: %w", url, text, err)
	}
	return nil
}

// statusError is an HTTP answer that is not 200.
type statusError struct {
	status int
	header http.Header
	text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("HTTP status %d: %s", e.status, e.text) }
