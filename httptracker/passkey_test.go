package httptracker

import (
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestPasskey(t *testing.T) {
	const key = "qkVbNbvlDwXrdzFG-._~aPcEm3hS9T0u"
	for query, want := range map[string]string{
		"":                                  "",
		"passkey":                           "",
		"passkey=":                          "",
		"passkey=&passkey=" + key:           "",
		"PASSKEY=" + key:                    "",
		"key=" + key:                        "",
		"passkey=" + key:                    key,
		"a=b&passkey=" + key + "&c=d":       key,
		"a=b;passkey=" + key:                key,
		"passkey=" + key + "?info_hash=x":   key,
		"passkey=" + key + "&passkey=short": key,
		"passkey=%71kVbNbvlDwXrdzFG%2D%2e%5F%7EaPcEm3hS9T0u": key,
		"passkey=" + strings.Repeat("%61", 64):               strings.Repeat("a", 64),
		"passkey=short":                                      "invalid",
		"passkey=short&passkey=" + key:                       "invalid",
		"passkey=" + key + "+":                               "invalid",
		"passkey=" + key + "%00":                             "invalid",
		"passkey=" + strings.Repeat("a", 65):                 "invalid",
		"passkey=" + strings.Repeat("a", 8000):               "invalid",
	} {
		wantKey := shoal.ParseAuthKey([]byte(want))
		if got := Passkey([]byte(query)); got != wantKey {
			t.Errorf("%.90s: got %x, want %q", query, got, want)
		}
		req := stale()
		if f := ParseAnnounce([]byte(query+"&"+testMinimal), &req, new(Form)); strings.ContainsAny(query, ";?") {
			continue // another query with something behind it
		} else if f != shoal.OK || req.AuthKey != wantKey {
			t.Errorf("announce, %.90s: %v, got %x, want %q", query, f, req.AuthKey, want)
		}
	}
}
