package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/database"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

const (
	indexToken   = "MyAccessToken"
	grafanaToken = "MyReadToken"
	noon         = shoal.Tick(1_700_000_000_000)
)

var (
	hashA = shoal.InfoHash(bytes.Repeat([]byte{0x11}, 20))
	hashB = shoal.InfoHash(bytes.Repeat([]byte{0x22}, 20))
	hashC = shoal.InfoHash(bytes.Repeat([]byte{0x33}, 20))
)

// tracker is what the nouns are about: a real store and a real database.
type tracker struct {
	t       *testing.T
	api     *Server
	url     string
	swarm   *swarm.Store
	db      *database.Database
	away    error // why the database is not there; nil: it is
	modes   Modes
	reloads int
}

func newTracker(t *testing.T, compatible bool, details bool) *tracker {
	t.Helper()
	c := database.DefaultConfig()
	db, err := database.Open(t.Context(), c, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	var clock shoal.Clock
	clock.Set(noon)
	k := &tracker{t: t, db: db, modes: Modes{Private: true, Listed: true}}
	k.swarm = swarm.New(swarm.Config{PeerTimeout: time.Hour, Details: details, Seed: 1})
	k.api, err = Listen(Config{
		Tokens:            map[string]Token{"index": {Token: indexToken}, "grafana": {Token: grafanaToken, Scope: ScopeRead}},
		TorrustCompatible: compatible,
	}, Options{
		Swarm: k.swarm, Clock: &clock, Changes: changesOf{k},
		Database: func() (*database.Database, error) { return k.db, k.away },
		ReloadLists: func(context.Context) error {
			k.reloads++
			return k.away
		},
		Modes:     func() Modes { return k.modes },
		Stats:     numbered,
		Metrics:   says("metrics"),
		StatsText: says("stats as text"),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(k.api)
	k.url = server.URL
	t.Cleanup(func() { server.Close(); k.api.Close() })
	return k
}

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
}

// numbered returns statistics that differ from each other: 101, 102 and on, in the
// order of the fields.
func numbered() Stats {
	var s Stats
	n := 100
	text, _ := json.Marshal(s)
	text = []byte(strings.ReplaceAll(string(text), "false", "0"))
	var out []byte
	for i, part := range bytes.Split(text, []byte(":0")) {
		if i > 0 {
			n++
			value, _ := json.Marshal(n)
			if n == 106 {
				value = []byte("true") // completed_persisted_enabled
			}
			out = append(append(out, ':'), value...)
		}
		out = append(out, part...)
	}
	if err := json.Unmarshal(out, &s); err != nil {
		panic(err)
	}
	return s
}

// announce puts a peer into a torrent.
func (k *tracker) announce(hash shoal.InfoHash, addr string, left uint64, event shoal.Event) {
	req := shoal.AnnounceRequest{
		InfoHash: hash, PeerID: shoal.PeerID([]byte("-qB4620-housemouse01")), Addr: netip.MustParseAddrPort(addr),
		Uploaded: 4096, Downloaded: 1024, Left: left, Event: event,
	}
	k.swarm.Announce(&req, &shoal.AnnounceResponse{}, noon)
}

// crowd puts peers into three torrents.
func (k *tracker) crowd() {
	k.announce(hashA, "203.0.113.7:51413", 0, shoal.EventStarted)
	k.announce(hashB, "203.0.113.8:51413", 9, shoal.EventStarted)
	k.announce(hashB, "[2001:db8::8]:51413", 9, shoal.EventStarted)
	k.announce(hashC, "203.0.113.9:51413", 9, shoal.EventStarted)
	k.announce(hashC, "203.0.113.9:51413", 0, shoal.EventCompleted)
}

// ask sends a request with the token of scope admin, in the manner of Torrust's
// index, and returns status and body.
func (k *tracker) ask(method, path, body string) (int, string) {
	k.t.Helper()
	return k.askAs(indexToken, method, path, body)
}

func (k *tracker) askAs(token, method, path, body string) (int, string) {
	k.t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	response := k.send(method, path+separator+"token="+token, nil, body)
	return response.status, response.body
}

type sent struct {
	status int
	header http.Header
	body   string
}

func (k *tracker) send(method, path string, header http.Header, body string) sent {
	k.t.Helper()
	if !strings.HasPrefix(path, "/api/") {
		path = base + path
	}
	r, err := http.NewRequestWithContext(k.t.Context(), method, k.url+path, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		k.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return sent{got.StatusCode, got.Header, strings.TrimSuffix(string(text), "\n")}
}

// get asks and reads JSON of status 200.
func get[T any](k *tracker, path string) (body T) {
	k.t.Helper()
	status, text := k.ask(http.MethodGet, path, "")
	if status != http.StatusOK {
		k.t.Fatalf("GET %s: %d %s", path, status, text)
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		k.t.Fatalf("GET %s: %v: %s", path, err, text)
	}
	return body
}

// must asks and wants status 200.
func (k *tracker) must(method, path, body string) string {
	k.t.Helper()
	status, text := k.ask(method, path, body)
	if status != http.StatusOK {
		k.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

// changesOf makes changes in the database alone.
type changesOf struct{ k *tracker }

func (c changesOf) AddKeys(ctx context.Context, by string, keys []database.Key) error {
	if c.k.away != nil {
		return c.k.away
	}
	return c.k.db.AddKeys(ctx, by, keys...)
}

func (c changesOf) RemoveKeys(ctx context.Context, by string, keys []string) (int, error) {
	if c.k.away != nil {
		return 0, c.k.away
	}
	return c.k.db.RemoveKeys(ctx, by, keys...)
}

func (c changesOf) AddAllowed(ctx context.Context, by string, hashes []shoal.InfoHash) error {
	if c.k.away != nil {
		return c.k.away
	}
	return c.k.db.AddAllowed(ctx, by, hashes...)
}

func (c changesOf) RemoveAllowed(ctx context.Context, by string, hashes []shoal.InfoHash) (int, error) {
	if c.k.away != nil {
		return 0, c.k.away
	}
	return c.k.db.RemoveAllowed(ctx, by, hashes...)
}

func (c changesOf) AddDenied(ctx context.Context, by string, denied []database.Denied) error {
	if c.k.away != nil {
		return c.k.away
	}
	return c.k.db.AddDenied(ctx, by, denied...)
}

func (c changesOf) RemoveDenied(ctx context.Context, by string, hashes []shoal.InfoHash) (int, error) {
	if c.k.away != nil {
		return 0, c.k.away
	}
	return c.k.db.RemoveDenied(ctx, by, hashes...)
}

func (c changesOf) RemoveTorrent(_ context.Context, _ string, hash shoal.InfoHash) (bool, error) {
	return c.k.swarm.Remove(hash), nil
}
