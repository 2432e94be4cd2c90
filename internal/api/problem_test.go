package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/shoal-tracker/shoal/internal/database"
)

type failing struct {
	How string `path:"how"`
}

// addFailing gives s a route that fails in the ways a test asks for.
func addFailing(s *Server) {
	s.prepare()
	api := humago.New(s.mux, s.humaConfig())
	s.guard(api)
	huma.Register(api, read(huma.Operation{Method: http.MethodGet, Path: "/fail/{how}"}), func(_ context.Context, in *failing) (*aliveAnswer, error) {
		switch in.How {
		case "none":
			return nil, problemOf(fmt.Errorf("add: %w", ErrNoDatabase))
		case "away":
			return nil, problemOf(fmt.Errorf("add: %w: refused by 10.9.8.7", ErrDatabaseAway))
		case "gone":
			return nil, problemOf(fmt.Errorf("add: %w", context.Canceled))
		case "odd":
			return nil, problemOf(errors.New("row of somebody else"))
		case "raw":
			return nil, errors.New("row of somebody else")
		case "panic":
			panic("row of somebody else")
		}
		return nil, problemOf(huma.Error404NotFound("no such way"))
	})
	s.prepare()
	s.mux.HandleFunc("GET /api/v1/half", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half of"))
		panic("row of somebody else")
	})
	type body struct {
		Body struct {
			Names []string `json:"names" maxItems:"100000"`
			Many  []int    `json:"many,omitempty" maxItems:"2"`
		}
	}
	huma.Register(api, read(huma.Operation{Method: http.MethodPost, Path: "/small"}), func(context.Context, *body) (*aliveAnswer, error) {
		return &aliveAnswer{alive{"Ok"}}, nil
	})
	huma.Register(api, bulk(read(huma.Operation{Method: http.MethodPost, Path: "/big"})), func(context.Context, *body) (*aliveAnswer, error) {
		return &aliveAnswer{alive{"Ok"}}, nil
	})
}

func TestProblems(t *testing.T) {
	s := newStand(t, nil)
	addFailing(s.Server)
	for how, test := range map[string]struct {
		status int
		detail string
		logs   int // lines of level error
	}{
		"none":  {409, ErrNoDatabase.Error(), 0},
		"away":  {503, "the database is away", 0},
		"gone":  {503, "the request was given up", 0},
		"other": {404, "no such way", 0},
		"odd":   {500, inTheLog, 1},
		"raw":   {500, inTheLog, 1},
		"panic": {500, inTheLog, 1},
	} {
		before := s.log.String()
		answer, body := s.ask("GET", "/api/v1/fail/"+how, "", bearer+readToken)
		p := s.problem(answer, body, test.status)
		if !strings.HasPrefix(p.Detail, test.detail) || strings.Contains(body, "somebody else") || strings.Contains(body, "10.9.8.7") {
			t.Errorf("%s: %s", how, body)
		}
		if n := strings.Count(s.log.String(), "level=WARN"); how == "away" && (n != 1 || !strings.Contains(s.log.String(), `request="GET /api/v1/fail/{how}" by=grafana error="add: the database is away: refused by 10.9.8.7"`)) {
			t.Errorf("the cause is not in the log once: %s", s.log)
		}
		if (test.status == 503) != (answer.Header.Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After is %q", how, answer.Header.Get("Retry-After"))
		}
		said := strings.TrimPrefix(s.log.String(), before)
		if n := strings.Count(said, "level=ERROR"); n != test.logs || strings.Count(said, "row of somebody else") < test.logs {
			t.Errorf("%s: %d lines: %s", how, n, said)
		}
	}
}

// TestHalfAnAnswer: an answer that broke off is not taken for a whole one.
func TestHalfAnAnswer(t *testing.T) {
	s := newStand(t, nil)
	addFailing(s.Server)
	answer, err := http.Get(s.url + "/api/v1/half")
	if err == nil {
		answer.Body.Close()
		t.Errorf("%d", answer.StatusCode)
	}
	if n := strings.Count(s.log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d lines: %s", n, s.log)
	}
}

func TestBodies(t *testing.T) {
	s := newStand(t, nil)
	addFailing(s.Server)
	names := func(size int) string { return `{"names":["` + strings.Repeat("n", size) + `"]}` }
	for _, test := range []struct {
		path, body string
		header     []string
		want       int
	}{
		{"/small", names(10), nil, 200},
		{"/small", names(mostBody - 100), nil, 200},
		{"/small", names(mostBody), nil, 413},
		{"/big", names(mostBody), nil, 200},
		{"/big", names(mostBulk - 100), nil, 200},
		{"/big", names(mostBulk), nil, 413},
		{"/big", names(mostBulk + mostBulk/2), nil, 413},
		{"/small", "", nil, 400},
		{"/small", "{", nil, 400},
		{"/small", strings.Repeat("[", 20_000), nil, 422},
		{"/big", strings.Repeat("[", 20_000), nil, 400},
		{"/small", `{"names":"` + strings.Repeat("ä", 5000) + `"}`, nil, 422},
		{"/small", `{"names":[` + strings.Repeat("1,", 50_000) + `1]}`, nil, 422},
		{"/small", `{"names":[],"many":[` + strings.Repeat("1,", 50_000) + `1]}`, nil, 422},
		{"/small", `{"names":[],"` + strings.Repeat("x", 5000) + `":1}`, nil, 422},
		{"/small", names(10), []string{"Content-Type: text/plain"}, 415},
		{"/small", names(10), []string{"Content-Type: application/json; charset=utf-8"}, 200},
	} {
		answer, body := s.ask("POST", "/api/v1"+test.path, test.body, append(test.header, bearer+readToken)...)
		if answer.StatusCode != test.want || len(body) > 20_000 || !utf8.ValidString(body) {
			t.Errorf("%s %.40s: %d, %d bytes: %.300s; want %d", test.path, test.body, answer.StatusCode, len(body), body, test.want)
		}
		if test.want != 200 {
			s.problem(answer, body, test.want)
		}
	}
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("logged: %.1000s", s.log)
	}
	// Whoever has no token is not read at all.
	answer, body := s.ask("POST", "/api/v1/big", names(10))
	s.problem(answer, body, 401)
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		s    string
		most int
		want string
	}{{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aä", 2, "a…"}, {"ää", 1, "…"}} {
		if got := cut(test.s, test.most); got != test.want {
			t.Errorf("%q: %q, want %q", test.s, got, test.want)
		}
	}
}

func TestNoDatabaseForAudit(t *testing.T) {
	s := newStand(t, nil)
	answer, body := s.ask("GET", "/api/v1/audit", "", bearer+readToken)
	s.problem(answer, body, 409)
	away := newStand(t, func(_ *Config, o *Options) {
		o.Database = func() (*database.Database, error) { return nil, fmt.Errorf("%w since 12:00", ErrDatabaseAway) }
	})
	answer, body = away.ask("GET", "/api/v1/audit", "", bearer+readToken)
	away.problem(answer, body, 503)
}

// TestCausesAreLogged asks what needs a database that is away, in either manner.
func TestCausesAreLogged(t *testing.T) {
	for _, compatible := range []bool{false, true} {
		s := newStand(t, func(c *Config, o *Options) {
			c.TorrustCompatible = compatible
			o.Modes = func() Modes { return Modes{Private: true} }
			o.ReloadLists = func(context.Context) error { return fmt.Errorf("reload: %w: refused by 10.9.8.7", ErrDatabaseAway) }
		})
		for range 3 {
			answer, body := s.ask("GET", "/api/v1/keys/reload", "", bearer+adminToken)
			if answer.StatusCode/100 != 5 || !strings.Contains(body, "the database is away") || strings.Contains(body, "10.9.8.7") {
				t.Errorf("%d %s", answer.StatusCode, body)
			}
		}
		if text := s.log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, `request="GET /api/v1/keys/reload" by=boss error="reload: the database is away: refused by 10.9.8.7"`) {
			t.Errorf("to the letter %v: %s", compatible, text)
		}
	}
}

// TestTorrustLogsToo: a text that says that the log has it must be true.
func TestTorrustLogsToo(t *testing.T) {
	s := newStand(t, func(c *Config, o *Options) {
		c.TorrustCompatible = true
		o.Modes = func() Modes { return Modes{Private: true} }
		o.ReloadLists = func(context.Context) error { return errors.New("row of somebody else") }
	})
	answer, body := s.ask("GET", "/api/v1/keys/reload", "", bearer+adminToken)
	if answer.StatusCode != 500 || !strings.Contains(body, inTheLog) || strings.Contains(body, "somebody") || strings.Count(s.log.String(), "level=ERROR") != 1 || !strings.Contains(s.log.String(), "row of somebody else") {
		t.Errorf("%d %s: %s", answer.StatusCode, body, s.log)
	}
}
