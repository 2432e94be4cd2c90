package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal/internal/database"
)

const (
	adminToken = "s3cret-admin"
	readToken  = "s3cret+read"
)

func twoTokens() map[string]Token {
	return map[string]Token{"boss": {Token: adminToken}, "grafana": {Token: readToken, Scope: ScopeRead}}
}

// logged is what a server wrote into its log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// stand is a server that serves, and what a test needs of it.
type stand struct {
	*Server
	t   *testing.T
	log *logged
	url string
	end func() error // of Serve
}

// newStand serves what no database is needed for, unless change says otherwise.
func newStand(t *testing.T, change func(c *Config, o *Options)) *stand {
	t.Helper()
	log := &logged{}
	c := Config{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Tokens: twoTokens()}
	o := Options{
		Database: func() (*database.Database, error) { return nil, ErrNoDatabase },
		Reload: func(context.Context) (Reloaded, error) {
			return Reloaded{Applied: []string{"log.level"}}, nil
		},
		Settings: func() map[string]any { return map[string]any{"log.level": "info", "udp.0.workers": 4} },
		Build:    Build{Version: "1.2.3", Started: time.Unix(1_700_000_000, 0).UTC()},
		Log:      slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&c, &o)
	}
	s, err := Listen(c, o)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	s.now = func() time.Time { return start } // no guess is forgiven meanwhile
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	end := sync.OnceValue(func() error { cancel(); return <-served })
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "s3cret") {
			t.Errorf("a token is in the log: %s", log)
		}
	})
	st := &stand{Server: s, t: t, log: log, end: end}
	if addrs := s.Addrs(); len(addrs) > 0 {
		st.url = "http://" + addrs[0].String()
	}
	return st
}

// ask sends a request with the lines of header, "Name: value" each, and returns
// the answer and its body.
func (s *stand) ask(method, path, body string, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.Contains(string(text), "s3cret") || strings.Contains(strings.Join(answer.Header.Values("Location"), ""), "s3cret") {
		s.t.Errorf("%s %s: a token is in the answer: %s", method, path, text)
	}
	return answer, string(text)
}

// problem checks that an answer is a problem of this status.
func (s *stand) problem(answer *http.Response, body string, status int) (p huma.ErrorModel) {
	s.t.Helper()
	err := json.Unmarshal([]byte(body), &p)
	if answer.StatusCode != status || answer.Header.Get("Content-Type") != problemType || err != nil || p.Status != status || p.Title == "" || p.Detail == "" {
		s.t.Errorf("%d %q %s, want a problem of status %d", answer.StatusCode, answer.Header.Get("Content-Type"), body, status)
	}
	return p
}

const bearer = "Authorization: Bearer "

func TestAuthorization(t *testing.T) {
	s := newStand(t, nil)
	for _, test := range []struct {
		method, path string
		header       []string
		want         int
	}{
		{"GET", "/api/health_check", nil, 200},
		{"GET", "/api/v1/openapi.json", nil, 200},
		{"GET", "/api/v1/build", nil, 401},
		{"GET", "/api/v1/build", []string{"Authorization: Basic dXNlcjpwYXNz"}, 401},
		{"GET", "/api/v1/build", []string{bearer}, 401},
		{"GET", "/api/v1/build", []string{bearer + adminToken}, 200},
		{"HEAD", "/api/v1/build", []string{bearer + adminToken}, 200},
		{"HEAD", "/api/v1/build", nil, 401},
		{"GET", "/api/v1/build", []string{"authorization: bearer " + readToken}, 200},
		{"GET", "/api/v1/build?token=" + adminToken, nil, 200},
		{"GET", "/api/v1/build?token=s3cret%2Bread", nil, 200},
		{"GET", "/api/v1/build?token=" + readToken, nil, 401}, // + is a space
		{"GET", "/api/v1/build?token=" + adminToken, []string{"Authorization: Basic dXNlcjpwYXNz"}, 200},
		{"GET", "/api/v1/build?token=s3cret-wrong", []string{bearer + adminToken}, 200},
		{"GET", "/api/v1/build?token=" + adminToken, []string{bearer + "s3cret-wrong"}, 401},
		{"GET", "/api/v1/build?token=s3cret-wrong", nil, 401},
		{"GET", "/api/v1/build", []string{bearer + adminToken + "x"}, 401},
		{"GET", "/api/v1/build", []string{bearer + adminToken[:8]}, 401},
		{"POST", "/api/v1/reload", []string{bearer + readToken}, 403},
		{"POST", "/api/v1/reload", nil, 401},
		{"POST", "/api/v1/reload", []string{bearer + adminToken}, 200},
		{"GET", "/api/v1/keys/reload", []string{bearer + readToken}, 403},
		{"GET", "/api/v1/keys/reload?token=s3cret%2Bread", nil, 403},
		{"GET", "/api/v1/whitelist/reload", []string{bearer + readToken}, 403},
	} {
		answer, body := s.ask(test.method, test.path, "", test.header...)
		if answer.StatusCode != test.want {
			t.Errorf("%s %s %q: %d %s, want %d", test.method, test.path, test.header, answer.StatusCode, body, test.want)
			continue
		}
		if test.want == 200 || test.method == "HEAD" {
			continue
		}
		s.problem(answer, body, test.want)
		if !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s %s: WWW-Authenticate is %q", test.method, test.path, answer.Header.Get("WWW-Authenticate"))
		}
	}
	if text := s.log.String(); !strings.Contains(text, `level=INFO msg="changed by the management API" by=boss request="POST /api/v1/reload"`) || strings.Count(text, "level=INFO") != 1 {
		t.Errorf("the log: %s", text)
	}
}

// TestEveryRouteIsGuarded asks everything the OpenAPI has without a token.
func TestEveryRouteIsGuarded(t *testing.T) {
	s := newStand(t, nil)
	_, text := s.ask("GET", "/api/v1/openapi.json", "")
	var api struct {
		Paths map[string]map[string]struct {
			Security []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(text), &api); err != nil {
		t.Fatal(err)
	}
	parameters := strings.NewReplacer("{info_hash}", strings.Repeat("ab", 20), "{key}", strings.Repeat("k", 32))
	n := 0
	for path, operations := range api.Paths {
		for method, operation := range operations {
			n++
			answer, body := s.ask(strings.ToUpper(method), parameters.Replace(path), "")
			if path == "/api/health_check" {
				if answer.StatusCode != 200 || strings.TrimSpace(body) != `{"status":"Ok"}` || len(operation.Security) != 0 {
					t.Errorf("%s: %d %s", path, answer.StatusCode, body)
				}
				continue
			}
			if len(operation.Security) == 0 {
				t.Errorf("%s %s: the OpenAPI says that it is for everybody", method, path)
			}
			s.problem(answer, body, 401)
		}
	}
	if n < 25 {
		t.Errorf("only %d operations", n)
	}
}

func TestGuessingIsSlowed(t *testing.T) {
	s := newStand(t, func(c *Config, _ *Options) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	const guesser, other = "X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.5, 198.51.100.2"
	for i := range freeGuesses {
		answer, body := s.ask("GET", "/api/v1/build", "", guesser, bearer+"s3cret-"+strconv.Itoa(i))
		s.problem(answer, body, 401)
		// What is for everybody is no way to try a token, and costs no guess.
		s.ask("GET", "/api/health_check", "", guesser, bearer+"s3cret-"+strconv.Itoa(i))
		s.ask("GET", "/nothing", "", guesser, bearer+"s3cret-"+strconv.Itoa(i))
	}
	for _, token := range []string{"s3cret-wrong", adminToken} {
		answer, body := s.ask("GET", "/api/v1/build", "", guesser, bearer+token)
		s.problem(answer, body, 429)
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 6 {
			t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
		}
	}
	if answer, _ := s.ask("GET", "/api/v1/build", "", guesser); answer.StatusCode != 401 {
		t.Errorf("without a token: %d", answer.StatusCode)
	}
	if answer, _ := s.ask("GET", "/api/health_check", "", guesser); answer.StatusCode != 200 {
		t.Errorf("health_check: %d", answer.StatusCode)
	}
	for _, from := range []string{other, "X-Forwarded-For: 2001:db8::1", "Accept: */*"} {
		if answer, _ := s.ask("GET", "/api/v1/build", "", from, bearer+adminToken); answer.StatusCode != 200 {
			t.Errorf("somebody else, %s: %d", from, answer.StatusCode)
		}
	}
	if n := strings.Count(s.log.String(), "level=WARN"); n != 1 || !strings.Contains(s.log.String(), "source=198.51.100.1/32") {
		t.Errorf("%d warnings: %s", n, s.log)
	}
}

// TestConfigure changes everything that is live.
func TestConfigure(t *testing.T) {
	s := newStand(t, nil)
	status := func(header ...string) int {
		answer, _ := s.ask("GET", "/api/v1/build", "", header...)
		return answer.StatusCode
	}
	if got := status(bearer + adminToken); got != 200 {
		t.Fatal(got)
	}
	s.Configure(Config{Tokens: map[string]Token{"new": {Token: "s3cret-new"}}})
	if got := status(bearer + adminToken); got != 401 {
		t.Errorf("a token that is gone: %d", got)
	}
	if got := status(bearer + "s3cret-new"); got != 200 {
		t.Errorf("a new token: %d", got)
	}
	s.Configure(Config{})
	if got := status(bearer + "s3cret-new"); got != 401 {
		t.Errorf("no tokens: %d", got)
	}
}

func TestUnknownPaths(t *testing.T) {
	s := newStand(t, nil)
	for _, test := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/api/v1", 404, ""},
		{"GET", "/api/v1/nothing?token=" + adminToken, 404, ""},
		{"GET", "/api/v1/docs/nothing", 404, ""},
		{"GET", "/api/v1/docs/swagger-ui.js", 404, ""},
		{"DELETE", "/api/v1/build", 405, "GET, HEAD"},
		{"GET", "/api/v1/reload", 405, "POST"},
		{"OPTIONS", "/api/v1/build", 405, "GET, HEAD"},
		{"POST", "/api/v1/openapi.json", 405, "GET, HEAD"},
		{"OPTIONS", "/api/v1/whitelist/bulk", 405, "POST"},
		{"OPTIONS", "/api/v1/keys/reload", 405, "GET, HEAD"},
	} {
		answer, body := s.ask(test.method, test.path, "")
		s.problem(answer, body, test.want)
		if got := answer.Header.Get("Allow"); got != test.allow {
			t.Errorf("%s %s: Allow is %q", test.method, test.path, got)
		}
	}
	for _, path := range []string{"//", "//api/v1/build", "/api//v1/build", "/api/v1/./build", "/api/v1/x/../build", "/api/v1/build//", "/api/v1/docs//", "/api/v1/build/"} {
		for _, compatible := range []bool{false, true} {
			s.Configure(Config{Tokens: twoTokens(), TorrustCompatible: compatible})
			answer, body := s.ask("GET", path+"?token="+adminToken, "")
			s.problem(answer, body, 404)
		}
	}
}

func TestRequestID(t *testing.T) {
	s := newStand(t, nil)
	for sent, same := range map[string]bool{"": false, "abc-1": true, "a b": false, strings.Repeat("x", 129): false} {
		answer, _ := s.ask("GET", "/api/health_check", "", "X-Request-Id: "+sent)
		if got := answer.Header.Get("X-Request-Id"); (got == sent) != same || got == "" {
			t.Errorf("%q: %q", sent, got)
		}
	}
}
