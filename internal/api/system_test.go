package api

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal/internal/database"
)

func TestBuildAndSettings(t *testing.T) {
	s := newStand(t, nil)
	_, body := s.ask("GET", "/api/v1/build", "", bearer+readToken)
	if !strings.Contains(body, `"version":"1.2.3"`) || !strings.Contains(body, `"started":"2023-11-14T22:13:20Z"`) {
		t.Error(body)
	}
	_, body = s.ask("GET", "/api/v1/settings", "", bearer+readToken)
	if strings.TrimSpace(body) != `{"log.level":"info","udp.0.workers":4}` {
		t.Error(body)
	}
}

func TestReload(t *testing.T) {
	s := newStand(t, nil)
	_, body := s.ask("POST", "/api/v1/reload", "", bearer+adminToken)
	if strings.TrimSpace(body) != `{"applied":["log.level"],"restart":[]}` {
		t.Error(body)
	}
	bad := newStand(t, func(_ *Config, o *Options) {
		o.Reload = func(context.Context) (Reloaded, error) {
			return Reloaded{}, errors.New("shoal.toml:3: tracker.interval: not in range")
		}
	})
	answer, body := bad.ask("POST", "/api/v1/reload", "", bearer+adminToken)
	if p := bad.problem(answer, body, 422); !strings.Contains(p.Detail, "shoal.toml:3: tracker.interval: not in range") {
		t.Error(body)
	}
}

// TestAudit reloads some times, and reads the log of that in pages of all sizes.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	db, err := database.Open(t.Context(), database.DefaultConfig(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := newStand(t, func(_ *Config, o *Options) {
		o.Database = func() (*database.Database, error) { return db, nil }
	})
	defer s.end() // before the database closes
	const n = 7
	for i := range n {
		if i == n/2 {
			if err := db.Note(t.Context(), "offline", database.ActionTorrentRemove, "abc", 1); err != nil {
				t.Fatal(err)
			}
			continue
		}
		s.ask("POST", "/api/v1/reload", "", bearer+adminToken)
	}
	for limit := 1; limit <= n+1; limit++ {
		var all []change
		for path := "/api/v1/audit?limit=" + strconv.Itoa(limit); path != ""; {
			answer, body := s.ask("GET", path, "", bearer+readToken)
			var page auditPage
			if err := json.Unmarshal([]byte(body), &page); err != nil || answer.StatusCode != 200 || len(page.Changes) > limit || len(page.Changes) == 0 {
				t.Fatalf("%s: %d %s %v", path, answer.StatusCode, body, err)
			}
			all = append(all, page.Changes...)
			if path = ""; page.Next != nil {
				path = "/api/v1/audit?limit=" + strconv.Itoa(limit) + "&before=" + strconv.FormatInt(*page.Next, 10)
			}
		}
		if len(all) != n {
			t.Fatalf("pages of %d: %d changes, want %d", limit, len(all), n)
		}
		for i, c := range all {
			want := change{ID: c.ID, At: c.At, Time: c.Time, Who: "boss", Action: "reload", Subject: "configuration", Count: 1}
			if i == n/2 {
				want.Who, want.Action, want.Subject = "offline", "torrent.remove", "abc"
			}
			if c != want || c.At == 0 || c.Time == "" || i > 0 && c.ID >= all[i-1].ID {
				t.Errorf("%+v, want %+v", c, want)
			}
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "before=0", "before=-1", "before=99999999999999999999"} {
		answer, body := s.ask("GET", "/api/v1/audit?"+query, "", bearer+readToken)
		s.problem(answer, body, 422)
	}
	if _, body := s.ask("GET", "/api/v1/audit?before=1", "", bearer+readToken); strings.TrimSpace(body) != `{"changes":[],"next":null}` {
		t.Error(body)
	}
}
