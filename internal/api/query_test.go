package api

import (
	"net/http"
	"strings"
	"testing"
)

// TestQueryIsClear sends parameters that could be read in more than one way.
func TestQueryIsClear(t *testing.T) {
	s := newStand(t, nil)
	const audit = "/api/v1/audit"
	for query, status := range map[string]int{
		"":                               http.StatusConflict, // no database: it came through
		"?limit=5&before=7":              http.StatusConflict,
		"?unknown=1&unknown=2":           http.StatusConflict,
		"?limit=":                        http.StatusUnprocessableEntity,
		"?before=&limit=5":               http.StatusUnprocessableEntity,
		"?limit=5&limit=5":               http.StatusUnprocessableEntity,
		"?limit=&limit=x":                http.StatusUnprocessableEntity,
		"?limit=5&token=a&token=b&li=%%": http.StatusConflict,
	} {
		answer, body := s.ask("GET", audit+query, "", bearer+adminToken)
		s.problem(answer, body, status)
	}
	// Nobody learns without a token what a parameter may be.
	answer, body := s.ask("GET", audit+"?limit=", "")
	s.problem(answer, body, http.StatusUnauthorized)
}

// TestNoFilterIsLost sends info hashes that cannot be read, before one that is
// known: an answer with all torrents would be wrong, and large.
func TestNoFilterIsLost(t *testing.T) {
	hash := hashA.String()
	for compatible, status := range map[bool]int{false: http.StatusUnprocessableEntity, true: http.StatusBadRequest} {
		k := newTracker(t, compatible, false)
		k.crowd()
		for _, query := range []string{
			"info_hash=", "info_hash", "info_hash=&info_hash=" + hash, "info_hash=" + hash + "&info_hash=",
			"info_hash=%zz", "info_hash=%zz&info_hash=" + hash, "info_hash=" + hash + ";", "info_hash=;" + hash, "limit=1&info_hash&offset=0",
		} {
			if got, text := k.ask(http.MethodGet, "/torrents?"+query, ""); got != status || query == "info_hash=" && !compatible && !strings.Contains(text, "expected a value") {
				t.Errorf("to the letter %v, %s: %d %s", compatible, query, got, text)
			}
		}
		if listed := get[[]listedTorrent](k, "/torrents?&info_hash="+hash+"&&in%66o_hash="+hashB.String()); len(listed) != 2 {
			t.Errorf("to the letter %v: %v", compatible, listed)
		}
	}
	k := newTracker(t, false, false)
	for _, query := range []string{"/torrents?limit=%zz", "/torrents?after=%zz", "/keys?after=a;b"} {
		if got, text := k.ask(http.MethodGet, query, ""); got != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", query, got, text)
		}
	}
}
