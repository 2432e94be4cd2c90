//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

const apiPort = 1212

// Tokens of the management API, by what they may do.
const (
	adminToken = "Token-of-the-one-who-may-do-all"
	readToken  = "Token-of-the-one-who-may-look"
)

// apiSettings has the management API of a host listen where other hosts reach
// it. more is more of the section.
func apiSettings(h *host, more string) string {
	return fmt.Sprintf("[api]\nlisten = [%q]\ntokens = { boss = %q, watcher = { token = %q, scope = \"read\" } }\n%s\n",
		netip.AddrPortFrom(h.v4, apiPort), adminToken, readToken, more)
}

// apiAddress is where the management API of such a Shoal is.
func (s *shoal) apiAddress() netip.AddrPort { return netip.AddrPortFrom(s.host.v4, apiPort) }

// manager is a client of the management API, over connections that it keeps.
type manager struct {
	base  string // of the URL
	token string
	http  *http.Client
}

func newManager(t *testing.T, h *host, s *shoal, token string) *manager {
	t.Helper()
	transport := &http.Transport{DialContext: h.dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &manager{
		base:  fmt.Sprintf("http://%s/api/v1", s.apiAddress()),
		token: token,
		http:  &http.Client{Transport: transport, Timeout: time.Minute},
	}
}

// told is what the API answers.
type told struct {
	status int
	header http.Header
	body   []byte
}

func (a told) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// try sends a request. A body that is not a string is sent as JSON.
func (m *manager) try(method, path string, body any) (told, error) {
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
	default:
		var err error
		if sent, err = json.Marshal(b); err != nil {
			return told{}, err
		}
	}
	req, err := http.NewRequest(method, m.base+path, bytes.NewReader(sent))
	if err != nil {
		return told{}, err
	}
	if m.token != "" {
		req.Header.Set("Authorization", "Bearer "+m.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return m.send(req)
}

func (m *manager) send(req *http.Request) (told, error) {
	res, err := m.http.Do(req)
	if err != nil {
		return told{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return told{res.StatusCode, res.Header, text}, err
}

// do is try for what must be answered with 200.
func (m *manager) do(method, path string, body any) ([]byte, error) {
	a, err := m.try(method, path, body)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%s %s is answered with %v", method, path, a)
	}
	return a.body, nil
}

// get decodes what is at a path.
func (m *manager) get(t *testing.T, path string, reply any) {
	t.Helper()
	text, err := m.do(http.MethodGet, path, nil)
	if err == nil {
		err = json.Unmarshal(text, reply)
	}
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}

// all walks through the pages of a list, and returns its entries. field is
// theirs.
func (m *manager) all(t *testing.T, path, field string) (entries []json.RawMessage) {
	t.Helper()
	for after := ""; ; {
		var page map[string]json.RawMessage
		m.get(t, fmt.Sprintf("%s?limit=100&after=%s", path, after), &page)
		var some []json.RawMessage
		var next *string
		if err := json.Unmarshal(page[field], &some); err != nil {
			t.Fatalf("%s of %s: %v", field, path, err)
		}
		if err := json.Unmarshal(page["next"], &next); err != nil {
			t.Fatalf("next of %s: %v", path, err)
		}
		if entries = append(entries, some...); next == nil {
			return entries
		}
		after = *next
	}
}
