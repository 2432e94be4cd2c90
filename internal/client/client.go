// Package client asks trackers, over UDP, HTTP and WebSocket, as a BitTorrent
// client does.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"

	"github.com/shoal-tracker/shoal"
)

// Reply is what a tracker answered to an announce. What its transport or the
// tracker does not say is zero.
type Reply struct {
	Interval    uint32 // seconds until the next regular announce
	MinInterval uint32 // seconds before which no announce is wanted; never said over UDP

	Complete   uint32 // seeders
	Incomplete uint32 // leechers

	Peers []netip.AddrPort // IPv4-mapped addresses unmapped

	ExternalIP netip.Addr // where the tracker saw the announce come from (BEP 24, HTTP)
	Warning    string     // any bytes: quote it before it meets a terminal (HTTP)

	// WebTorrent says that the tracker has no peers to tell: over WebSocket they
	// are introduced to each other by their offers.
	WebTorrent bool
}

// RefusedError is a tracker's own word for why it does not answer. Asking
// another way may help, asking again at once will not.
type RefusedError struct {
	Reason  string // any bytes
	RetryIn string // minutes, "never", or empty: not said (BEP 31)
}

// Error returns the reason quoted, so that a hostile tracker cannot send
// control characters to a terminal.
func (e *RefusedError) Error() string {
	s := "tracker refused: " + strconv.Quote(e.Reason)
	if e.RetryIn != "" {
		s += ", retry in: " + strconv.Quote(e.RetryIn)
	}
	return s
}

// Announce announces req to the tracker at trackerURL, whose scheme is udp,
// http, https, ws or wss, and returns its answer. The address of req.Addr is not
// sent, only its port, and not that over WebSocket. There the peer is the
// connection: it makes no offers, and leaves the swarm as Announce returns.
// Announce takes as long as ctx gives it.
func Announce(ctx context.Context, trackerURL string, req *shoal.AnnounceRequest) (*Reply, error) {
	u, err := parseURL(trackerURL)
	if err != nil {
		return nil, err
	}
	var reply *Reply
	switch u.Scheme {
	case "udp":
		reply, err = announceUDP(ctx, u, req)
	case "ws", "wss":
		reply, err = announceWS(ctx, u, req)
	default:
		reply, err = announceHTTP(ctx, u, req)
	}
	if err != nil {
		return nil, fmt.Errorf("announce to %s: %w", u.Host, err)
	}
	return reply, nil
}

// Scrape asks the tracker at trackerURL, its announce URL, for the counts of
// torrents, and returns them in the order of hashes. It asks as often as the
// bounds of a request make necessary. Over HTTP and WebSocket a torrent that the
// tracker leaves out has zeroes.
func Scrape(ctx context.Context, trackerURL string, hashes []shoal.InfoHash) ([]shoal.ScrapeCounts, error) {
	return ScrapeWith(ctx, Options{}, trackerURL, hashes)
}

// ScrapeWith is Scrape by o.
func ScrapeWith(ctx context.Context, o Options, trackerURL string, hashes []shoal.InfoHash) ([]shoal.ScrapeCounts, error) {
	u, err := parseURL(trackerURL)
	if err != nil {
		return nil, err
	}
	var counts []shoal.ScrapeCounts
	switch u.Scheme {
	case "udp":
		counts, err = scrapeUDP(ctx, o.wait(), u, hashes)
	case "ws", "wss":
		counts, err = scrapeWS(ctx, o.httpClient(), u, hashes)
	default:
		counts, err = scrapeHTTP(ctx, o.httpClient(), u, hashes)
	}
	if err != nil {
		return nil, fmt.Errorf("scrape of %s: %w", u.Host, err)
	}
	return counts, nil
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("tracker URL: %w", err)
	}
	switch u.Scheme {
	case "udp", "http", "https", "ws", "wss":
	default:
		return nil, fmt.Errorf("tracker URL %q must begin with udp://, http://, https://, ws:// or wss://", s)
	}
	switch {
	case u.Hostname() == "":
		return nil, fmt.Errorf("tracker URL %q has no host", s)
	case u.Scheme == "udp" && u.Port() == "":
		return nil, fmt.Errorf("tracker URL %q has no port: UDP trackers have no usual one", s)
	}
	return u, nil
}

// because returns err, or why ctx ended if it has: then that is the reason,
// whatever error came of it.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	return err
}

// withoutURL takes off what net/http puts around an error. The rest of a
// url.Error is the whole URL, which says nothing new and may have a passkey in
// it.
func withoutURL(err error) error {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		return inner.Err
	}
	return err
}
