// Package apiclient asks the management API of a running tracker: what operators
// do with keys, lists and torrents, and nothing that a tracker's clients do.
package apiclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	dialTime  = 10 * time.Second
	replyTime = time.Minute // of one request: a tracker gives its database half of that

	maxReply = 64 << 20 // bytes: more is no answer of a tracker
	maxError = 64 << 10 // bytes
)

// Options say where the API is, and who asks.
type Options struct {
	// URL is the address of the API: http or https, a host, a port, and a path if
	// a proxy has put the API below one. "/api/v1" may stand at its end.
	URL string

	// Token is what the API knows the caller by. It is sent as a header, and
	// nowhere else.
	Token string

	// ServerName is the name that the certificate must have. Empty: the host of
	// URL. It is for those who ask a certain address.
	ServerName string

	// Roots are the authorities that are believed. nil: those of the system.
	Roots *x509.CertPool

	// Insecure believes every certificate.
	Insecure bool
}

// Client asks one tracker. Its methods may be called at once.
type Client struct {
	url   string // up to and with /api/v1
	token string
	http  http.Client
}

// New makes a client. Nothing is asked yet.
func New(o Options) (*Client, error) {
	base, err := baseOf(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Token == "" {
		return nil, errors.New("the management API wants a token")
	}
	for _, b := range []byte(o.Token) {
		if b <= ' ' || b > '~' { // it would break the header, and the error would show it
			return nil, errors.New("the token of the management API must be visible ASCII, without spaces")
		}
	}
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment, // never for loopback
		DialContext: (&net.Dialer{Timeout: dialTime}).DialContext,
		TLSClientConfig: &tls.Config{
			ServerName: o.ServerName, RootCAs: o.Roots,
			InsecureSkipVerify: o.Insecure,
		},
		TLSHandshakeTimeout: dialTime,
	}
	return &Client{base, o.Token, http.Client{
		Transport: transport,
		// Elsewhere the token is none of anybody's business.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close ends the connections that nothing is asked on.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// baseOf checks the address of an API and completes it.
func baseOf(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "", fmt.Errorf(`the URL of the management API, %.200q, must be like "http://127.0.0.1:1212" or "https://tracker.example.org:1212"`, text)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the URL of the management API has an address and a path, and no token or password") // not shown: it may have one
	}
	path := strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), "/api/v1")
	return u.Scheme + "://" + u.Host + path + "/api/v1", nil
}

// request is one question.
type request struct {
	method string
	path   string // escaped, with its query, behind /api/v1
	body   any    // nil: none
}

// ask sends a request and reads the answer into reply.
func (c *Client) ask(ctx context.Context, r request, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return fmt.Errorf("write what to ask: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.url+r.path, body)
	if err != nil {
		return fmt.Errorf("ask the management API: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", "shoal")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.lost(r, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problemOf(resp)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" {
		return fmt.Errorf("%s answers, but not as a management API: is it the right URL?", c.url)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return c.lost(r, err)
	}
	if len(text) > maxReply {
		return fmt.Errorf("the answer of %s is longer than %d bytes", c.url, maxReply)
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("%s answers what this version does not understand: %w", c.url, err)
	}
	return nil
}

// segment escapes what stands between two slashes of a path.
func segment(text string) string { return url.PathEscape(text) }
