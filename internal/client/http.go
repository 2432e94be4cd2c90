package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
)

const (
	// mostBody is how much of an answer is read. 1 MiB holds 58,000 IPv6 peers,
	// and a hostile tracker does not fill the memory, zipped or not.
	mostBody = 1 << 20

	// scrapeBatch is how many torrents one request names: some trackers read
	// requests of 2 KiB at most.
	scrapeBatch = 25
)

// httpClient keeps no connection: one answer is all that is wanted.
var httpClient = &http.Client{Transport: newTransport()}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout:    10 * time.Second,
	}
}

func announceHTTP(ctx context.Context, u *url.URL, req *shoal.AnnounceRequest) (*Reply, error) {
	body, status, err := get(ctx, httpClient, u, httptracker.AppendAnnounceQuery(nil, req))
	if err != nil {
		return nil, err
	}
	reply, err := httptracker.ParseAnnounceReply(body)
	switch {
	case err == nil && reply.Failure != "":
		return nil, &RefusedError{Reason: reply.Failure, RetryIn: reply.RetryIn}
	case status != nil: // what is not a tracker's refusal is a web server's
		return nil, status
	case err != nil:
		return nil, err
	}
	return &Reply{
		Interval: reply.Interval, MinInterval: reply.MinInterval,
		Complete: reply.Complete, Incomplete: reply.Incomplete,
		Peers: reply.Peers, ExternalIP: reply.ExternalIP, Warning: reply.Warning,
	}, nil
}

func scrapeHTTP(ctx context.Context, client *http.Client, u *url.URL, hashes []shoal.InfoHash) ([]shoal.ScrapeCounts, error) {
	u, err := scrapeURL(u)
	if err != nil {
		return nil, err
	}
	counts := make([]shoal.ScrapeCounts, 0, len(hashes))
	for len(counts) < len(hashes) {
		asked := hashes[len(counts):min(len(hashes), len(counts)+scrapeBatch)]
		body, status, err := get(ctx, client, u, httptracker.AppendScrapeQuery(nil, asked))
		if err != nil {
			return nil, err
		}
		reply, err := httptracker.ParseScrapeReply(body)
		switch {
		case err == nil && reply.Failure != "":
			return nil, &RefusedError{Reason: reply.Failure, RetryIn: reply.RetryIn}
		case status != nil:
			return nil, status
		case err != nil:
			return nil, err
		}
		for _, hash := range asked {
			counts = append(counts, reply.Files[hash])
		}
	}
	return counts, nil
}

// scrapeURL turns an announce URL into its scrape URL by the rule of BEP 48:
// the last part of the path must begin with "announce", which becomes
// "scrape". So does the part before a key of a private tracker. A URL that names
// the scrape already stays as it is.
func scrapeURL(u *url.URL) (*url.URL, error) {
	path := u.EscapedPath()
	last := strings.LastIndexByte(path, '/') + 1
	begin, end := last, len(path)
	// The key first: it may begin with anything.
	if parent := strings.LastIndexByte(path[:max(last-1, 0)], '/') + 1; last > 0 && isAuthKey(path[last:]) {
		if word := path[parent : last-1]; word == "announce" || word == "scrape" {
			begin, end = parent, last-1
		}
	}
	rest, ok := strings.CutPrefix(path[begin:end], "announce")
	if !ok {
		if strings.HasPrefix(path[begin:end], "scrape") {
			return u, nil
		}
		return nil, fmt.Errorf("no scrape URL follows from the path %q: its last part, or the one before a key, must begin with announce (BEP 48)", path)
	}
	scrape := *u
	scrape.RawPath = path[:begin] + "scrape" + rest + path[end:]
	var err error
	if scrape.Path, err = url.PathUnescape(scrape.RawPath); err != nil {
		return nil, fmt.Errorf("scrape URL: %w", err)
	}
	return &scrape, nil
}

func isAuthKey(s string) bool {
	k := shoal.ParseAuthKey([]byte(s))
	return !k.None() && !k.Invalid()
}

// get asks for u with query added to its own and returns the body. Status is
// an error that says what the answer's status was if it was not 200: trackers
// send refusals with all kinds of them, so the body has to be looked at first.
func get(ctx context.Context, client *http.Client, u *url.URL, query []byte) (body []byte, status, err error) {
	with := *u
	if with.RawQuery != "" {
		with.RawQuery += "&"
	}
	with.RawQuery += string(query)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, with.String(), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("User-Agent", "shoal")
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, because(ctx, withoutURL(err))
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, mostBody+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the answer: %w", because(ctx, err))
	}
	if len(body) > mostBody {
		return nil, nil, fmt.Errorf("answer is longer than %d bytes", mostBody)
	}
	if res.StatusCode != http.StatusOK {
		status = fmt.Errorf("answer has the HTTP status %q", res.Status)
	}
	return body, status, nil
}
