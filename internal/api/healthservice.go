package api

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/client"
)

const (
	apiHealthPath  = "/api/health_check"
	mostHealthBody = 4 << 10 // bytes of the management API's answer

	// healthResend is below what a part has for its answer: a datagram that is
	// lost in a burst makes no tracker ill.
	healthResend = 400 * time.Millisecond
)

// ownClient asks the management API. Its certificate is not for the address that
// is asked, and whether clients can trust it is not what is asked here.
var ownClient = &http.Client{
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask asks the service as a client would, at an address that leads to it from
// here, and returns what it said.
func (s Service) ask(ctx context.Context) (said string, err error) {
	at := fromHere(s.Binding)
	switch s.Type {
	case ServiceAPI:
		return askAPI(ctx, s.url(at, apiHealthPath))
	case ServiceUDP:
		return "Connected", scrapeOwn(ctx, s.url(at, ""))
	case ServiceWebTorrent:
		return "Connected", scrapeOwn(ctx, s.url(at, "/"))
	case ServiceHTTP:
		return "200 OK", scrapeOwn(ctx, s.url(at, "/announce"))
	}
	return "", fmt.Errorf("nobody knows how to ask a service of the type %q", s.Type)
}

// fromHere returns loopback for an address that stands for all of this machine.
func fromHere(binding netip.AddrPort) netip.AddrPort {
	switch addr := binding.Addr(); {
	case !addr.IsUnspecified():
		return binding
	case addr.Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), binding.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), binding.Port())
}

// scrapeOwn asks a tracker for a torrent that nobody has. A refusal is an answer: of
// a private tracker, of one that serves the pages of some sites only, or of one
// that takes the health check for its proxy.
func scrapeOwn(ctx context.Context, trackerURL string) error {
	var hash shoal.InfoHash
	rand.Read(hash[:])
	o := client.Options{AnyCertificate: true, Direct: true, Resend: healthResend}
	_, err := client.ScrapeWith(ctx, o, trackerURL, []shoal.InfoHash{hash})
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		return nil
	}
	if instead, ok := errors.AsType[*client.NoWebSocketError](err); ok {
		switch instead.Text {
		case shoal.OriginDenied.Error(), shoal.ForwardedMissing.Error(), shoal.ForwardedInvalid.Error():
			return nil
		}
	}
	return err
}

func askAPI(ctx context.Context, at string) (said string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("User-Agent", "shoal")
	res, err := ownClient.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the URL, which is said already
		}
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answer has the HTTP status %q", res.Status)
	}
	var answer struct{ Status string }
	if err := json.NewDecoder(io.LimitReader(res.Body, mostHealthBody)).Decode(&answer); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if answer.Status != healthWell {
		return "", fmt.Errorf("answer has the status %q", answer.Status)
	}
	return "200 OK", nil
}
