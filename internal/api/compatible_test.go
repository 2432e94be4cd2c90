package api

import (
	"context"
	"strings"
	"testing"
)

// TestCompatibleIsLive turns Torrust's answers on and off. Who guesses is slowed
// there too, and changes leave the same line in the log.
func TestCompatibleIsLive(t *testing.T) {
	var c Config
	s := newStand(t, func(began *Config, o *Options) {
		o.ReloadLists = func(context.Context) error { return nil }
		o.Modes = func() Modes { return Modes{Private: true, Listed: true} }
		c = *began
	})
	const path = "/api/v1/keys/reload"
	status := func(token string) int {
		answer, _ := s.ask("GET", path, "", bearer+token)
		return answer.StatusCode
	}
	if got := status("s3cret-wrong"); got != 401 {
		t.Errorf("ours: %d", got)
	}
	c.TorrustCompatible = true
	s.Configure(c)
	for range freeGuesses - 1 {
		if got := status(adminToken); got != 200 {
			t.Errorf("theirs, with a good token: %d", got)
		}
		if got := status("s3cret-wrong"); got != 500 {
			t.Errorf("theirs: %d", got)
		}
	}
	if got := status(adminToken); got != 429 {
		t.Errorf("after as many guesses as there may be: %d", got)
	}
	if n := strings.Count(s.log.String(), `level=INFO msg="changed by the management API" by=boss request="GET /api/v1/keys/reload"`); n != freeGuesses-1 {
		t.Errorf("%d lines of changes: %s", n, s.log)
	}
	c.TorrustCompatible = false
	s.Configure(c)
	answer, body := s.ask("GET", path, "")
	s.problem(answer, body, 401)
}
