package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// TestRefusedValues sends what is not allowed: each answer says where it stands.
func TestRefusedValues(t *testing.T) {
	k := newTracker(t, false, false)
	const good = "0123456789abcdef"
	hash := hashA.String()
	for _, test := range []struct{ method, path, body, location string }{
		{http.MethodGet, "/key/short", "", "path.key"},
		{http.MethodPut, "/key/" + strings.Repeat("k", 65), "", "path.key"},
		{http.MethodPut, "/key/0123456789abcde%2f", "", "path.key"},
		{http.MethodPut, "/key/0123456789abcde%00", "", "path.key"},
		{http.MethodDelete, "/key/0123456789abcde%0a", "", "path.key"},
		{http.MethodPut, "/key/" + good, `{"seconds_valid":3153600001}`, "body.seconds_valid"},
		{http.MethodPut, "/key/" + good, `{"seconds_valid":1.5}`, "body.seconds_valid"},
		{http.MethodPut, "/key/" + good, `{"seconds_valid":"60"}`, "body.seconds_valid"},
		{http.MethodPut, "/key/" + good, `{"label":"a\nb"}`, "body.label"},
		{http.MethodPut, "/key/" + good, `{"second_valid":60}`, "body.second_valid"},
		{http.MethodPost, "/keys", `{"key":""}`, "body.key"},
		{http.MethodPost, "/keys", `{"key":7}`, "body.key"},
		{http.MethodPost, "/keys", `[]`, "body"},
		{http.MethodPost, "/key/0", "", "path.key"},
		{http.MethodPost, "/key/99999999999999999999", "", "path.key"},
		{http.MethodGet, "/keys?limit=0", "", "query.limit"},
		{http.MethodGet, "/keys?limit=1001", "", "query.limit"},
		{http.MethodGet, "/keys?after=a%00b", "", "query.after"},
		{http.MethodGet, "/whitelist?after=12", "", "query.after"},
		{http.MethodGet, "/deny?after=" + hash + "00", "", "query.after"},
		{http.MethodPut, "/whitelist/" + hash[:39] + "g", "", "path.info_hash"},
		{http.MethodPut, "/deny/" + hash, `{"reason":"` + strings.Repeat("r", 201) + `"}`, "body.reason"},
		{http.MethodGet, "/torrents?info_hash=" + hash + "&info_hash=x", "", "query.info_hash[1]"},
		{http.MethodGet, "/torrents?limit=4001", "", "query.limit"},
		{http.MethodGet, "/torrents?offset=-1", "", "query.offset"},
		{http.MethodGet, "/torrents?offset=4294967296", "", "query.offset"},
		{http.MethodGet, "/torrent/" + hash + "/peers?limit=10001", "", "query.limit"},
		{http.MethodGet, "/stats?format=xml", "", "query.format"},
	} {
		status, text := k.ask(test.method, test.path, test.body)
		if status != http.StatusUnprocessableEntity || !strings.Contains(text, `"location":"`+test.location+`"`) {
			t.Errorf("%s %s %s: %d %s, want one at %s", test.method, test.path, test.body, status, text, test.location)
		}
	}
	for body, want := range map[string]int{"{": http.StatusBadRequest, strings.Repeat(" ", mostBody+1): http.StatusRequestEntityTooLarge} {
		if status, text := k.ask(http.MethodPost, "/keys", body); status != want {
			t.Errorf("a body of %d bytes: %d %s, want %d", len(body), status, text, want)
		}
	}
	form := k.send(http.MethodPost, "/keys?token="+indexToken, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "key=null")
	if form.status != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d %s", form.status, form.body)
	}
	if page := get[keyPage](k, "/keys"); len(page.Keys) != 0 {
		t.Errorf("granted are %v", page)
	}
}

// TestMethods asks paths that look like entries of a list for what they are not.
func TestMethods(t *testing.T) {
	k := newTracker(t, false, false)
	for path, allowed := range map[string]string{"/whitelist/bulk": "POST", "/whitelist/reload": "GET", "/deny/bulk": "POST"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
			if method == allowed {
				continue
			}
			got := k.send(method, path+"?token="+indexToken, nil, "")
			if got.status != http.StatusMethodNotAllowed || !strings.Contains(got.header.Get("Allow"), allowed) {
				t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
			}
		}
	}
}

// TestWithoutDatabase asks all that needs one.
func TestWithoutDatabase(t *testing.T) {
	k := newTracker(t, false, false)
	k.crowd()
	hash := hashA.String()
	for why, want := range map[error]int{
		ErrNoDatabase: http.StatusConflict,
		fmt.Errorf("%w: somewhere secret", ErrDatabaseAway): http.StatusServiceUnavailable,
	} {
		k.away = why
		for _, test := range []struct{ method, path, body string }{
			{"GET", "/keys", ""}, {"GET", "/key/0123456789abcdef", ""}, {"PUT", "/key/0123456789abcdef", ""}, {"DELETE", "/key/0123456789abcdef", ""},
			{"POST", "/keys", "{}"}, {"POST", "/key/60", ""}, {"POST", "/keys/bulk", `{"keys":[{}]}`}, {"GET", "/keys/reload", ""},
			{"GET", "/whitelist", ""}, {"GET", "/whitelist/" + hash, ""}, {"PUT", "/whitelist/" + hash, ""}, {"POST", "/whitelist/" + hash, ""},
			{"DELETE", "/whitelist/" + hash, ""}, {"POST", "/whitelist/bulk", `{"info_hashes":["` + hash + `"]}`}, {"GET", "/whitelist/reload", ""},
			{"GET", "/deny", ""}, {"GET", "/deny/" + hash, ""}, {"PUT", "/deny/" + hash, ""}, {"DELETE", "/deny/" + hash, ""},
			{"POST", "/deny/bulk", `{"torrents":[{"info_hash":"` + hash + `"}]}`},
		} {
			got := k.send(test.method, test.path+"?token="+indexToken, nil, test.body)
			if got.status != want || strings.Contains(got.body, "secret") || (got.header.Get("Retry-After") != "") != (want == http.StatusServiceUnavailable) {
				t.Errorf("%s %s: %d %s, want %d", test.method, test.path, got.status, got.body, want)
			}
		}
	}
	k.must(http.MethodGet, "/torrents", "")
	k.must(http.MethodDelete, "/torrent/"+hash, "")
}

// TestScopes asks everything that changes with a token of scope read, and finds
// nothing changed.
func TestScopes(t *testing.T) {
	k := newTracker(t, false, false)
	k.crowd()
	hash := hashA.String()
	for _, test := range []struct{ method, path, body string }{
		{"PUT", "/key/0123456789abcdef", ""}, {"DELETE", "/key/0123456789abcdef", ""}, {"POST", "/keys", "{}"}, {"POST", "/key/60", ""},
		{"POST", "/keys/bulk", `{"keys":[{}]}`}, {"GET", "/keys/reload", ""}, {"PUT", "/whitelist/" + hash, ""}, {"POST", "/whitelist/" + hash, ""},
		{"DELETE", "/whitelist/" + hash, ""}, {"POST", "/whitelist/bulk", `{"info_hashes":["` + hash + `"]}`}, {"GET", "/whitelist/reload", ""},
		{"PUT", "/deny/" + hash, ""}, {"DELETE", "/deny/" + hash, ""}, {"POST", "/deny/bulk", `{"torrents":[{"info_hash":"` + hash + `"}]}`},
		{"DELETE", "/torrent/" + hash, ""},
	} {
		if status, text := k.askAs(grafanaToken, test.method, test.path, test.body); status != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", test.method, test.path, status, text)
		}
	}
	for _, path := range []string{"/keys", "/whitelist", "/deny", "/torrents", "/torrent/" + hash, "/torrent/" + hash + "/peers", "/stats", "/metrics"} {
		if status, text := k.askAs(grafanaToken, http.MethodGet, path, ""); status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, status, text)
		}
	}
	changes, err := k.db.Changes(t.Context(), 0, 10)
	if err != nil || len(changes) != 0 || k.reloads != 0 {
		t.Errorf("changed are %v, reloads %d: %v", changes, k.reloads, err)
	}
	k.must(http.MethodPut, "/deny/"+hash, "")
	if changes, err = k.db.Changes(t.Context(), 0, 10); err != nil || len(changes) != 1 || changes[0].Who != "index" {
		t.Errorf("the log has %v: %v", changes, err)
	}
}

func TestStatsAndMetrics(t *testing.T) {
	k := newTracker(t, false, false)
	if got := get[Stats](k, "/stats"); got != numbered() || got.Torrents != 101 || got.More.UptimeSeconds == 0 {
		t.Errorf("%+v", got)
	}
	for path, want := range map[string]string{"/stats?format=prometheus": "stats as text", "/metrics": "metrics", "/metrics?format=prometheus": "metrics"} {
		if got := k.must(http.MethodGet, path, ""); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestUntil(t *testing.T) {
	at := time.Unix(1_700_000_000, 1)
	one, most := int64(1), int64(mostSeconds)
	never, err := untilOf("", nil, at)
	if err != nil || never != (time.Time{}) || unixOf(time.Time{}) != nil || textOf(time.Time{}) != nil {
		t.Error("what never ends has an end")
	}
	if got, err := untilOf("", &one, at); err != nil || *unixOf(got) != 1_700_000_002 || *textOf(got) != "2023-11-14 22:13:22 UTC" {
		t.Errorf("a second later is %v: it must not be less", got)
	}
	if got, err := untilOf("", &most, at); err != nil || *unixOf(got) != 1_700_000_001+mostSeconds {
		t.Errorf("the longest is until %v", got)
	}
	for _, wrong := range []int64{0, -1, mostSeconds + 1, math.MaxInt64, math.MinInt64} {
		if got, err := untilOf("body.seconds_valid", &wrong, at); err == nil {
			t.Errorf("%d seconds from now is %v", wrong, got)
		}
	}
}

func TestBefore(t *testing.T) {
	if before(shoal.InfoHash{}) != nil {
		t.Error("something is before the first")
	}
	if got := before(shoal.InfoHash{0: 1}); *got != (shoal.InfoHash{0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}) {
		t.Error(got)
	}
	if got := before(shoal.InfoHash{19: 9}); *got != (shoal.InfoHash{19: 8}) {
		t.Error(got)
	}
}

// TestTagsNameTheBounds holds the numbers in schemas, which are text there, to the
// constants.
func TestTagsNameTheBounds(t *testing.T) {
	k := newTracker(t, false, false)
	text := k.send(http.MethodGet, "/openapi.json", nil, "").body
	if !json.Valid([]byte(text)) {
		t.Fatalf("%.200s", text)
	}
	if strings.Count(text, `"maximum":`+fmt.Sprint(mostSeconds)) < 4 || strings.Count(text, `"maxItems":`+fmt.Sprint(mostEntries)) != 3 ||
		strings.Count(text, `"maxItems":`+fmt.Sprint(mostNamed)) < 1 || strings.Count(text, `"maximum":`+fmt.Sprint(mostPage)) < 1 {
		t.Error("a bound in a tag is not that of the program")
	}
}

// TestNamesHaveCase sends names in other cases than those of the schema. Go would
// take them for the same, and the schema looked at none of them.
func TestNamesHaveCase(t *testing.T) {
	k := newTracker(t, false, false)
	const key = "0123456789abcdef"
	for _, test := range []struct{ method, path, body string }{
		{http.MethodPost, "/keys", `{"SECONDS_VALID":5}`},
		{http.MethodPost, "/keys", `{"seconds_valid":5,"SECONDS_VALID":99999999999999}`},
		{http.MethodPost, "/keys", `{"seconds_valid":5,"Seconds_valid":-99}`},
		{http.MethodPost, "/keys", `{"Key":"` + key + `"}`},
		{http.MethodPost, "/keys", `{"ſeconds_valid":5}`}, // a long s, which Go folds to s
		{http.MethodPut, "/key/" + key, `{"Label":"alice"}`},
		{http.MethodPut, "/deny/" + hashA.String(), `{"Seconds_Valid":-99}`},
		{http.MethodPost, "/keys/bulk", `{"keys":[{"seconds_valid":5,"SECONDS_VALID":-99}]}`},
		{http.MethodPost, "/keys/bulk", `{"Keys":[{}]}`},
		{http.MethodPost, "/whitelist/bulk", `{"info_hashes":["` + hashA.String() + `"],"Info_hashes":["x"]}`},
		// Go reads the second list into the first, of which the schema knows nothing.
		{http.MethodPost, "/keys/bulk", `{"keys":[{"seconds_valid":-99}],"keys":[{"label":"a"}]}`},
		{http.MethodPost, "/deny/bulk", `{"torrents":[{"info_hash":"` + hashA.String() + `","seconds_valid":-99}],"torrents":[{"info_hash":"` + hashA.String() + `"}]}`},
	} {
		if status, text := k.ask(test.method, test.path, test.body); status != http.StatusUnprocessableEntity {
			t.Errorf("%s %s %s: %d %s", test.method, test.path, test.body, status, text)
		}
	}
	if page := get[keyPage](k, "/keys"); len(page.Keys) != 0 {
		t.Errorf("there are keys: %+v", page)
	}
	if page := get[deniedPage](k, "/deny"); len(page.Torrents) != 0 {
		t.Errorf("torrents are denied: %+v", page)
	}
}

// TestLimitsInFull reads what is said of numbers that are too large.
func TestLimitsInFull(t *testing.T) {
	k := newTracker(t, false, false)
	for _, test := range []struct{ method, path, body, want string }{
		{http.MethodPost, "/keys", `{"seconds_valid":9999999999}`, `"expected number <= 3153600000"`},
		{http.MethodPost, "/keys", `{"seconds_valid":0}`, `"expected number >= 1"`},
		{http.MethodPost, "/keys", `{"seconds_valid":1e400}`, `"message":"a number 1e400 does not fit here"`},
		{http.MethodGet, "/torrents?limit=4001", ``, `"expected number <= 4000"`},
	} {
		if status, text := k.ask(test.method, test.path, test.body); status/100 != 4 || !strings.Contains(text, test.want) && !strings.Contains(text, strings.ReplaceAll(strings.ReplaceAll(test.want, "<", "\\u003c"), ">", "\\u003e")) {
			t.Errorf("%s %s: %d %s, want %s", test.path, test.body, status, text, test.want)
		}
	}
	for text, want := range map[string]string{
		"expected number <= 4.294967295e+09": "expected number <= 4294967295", "expected number > 1e+06": "expected number > 1000000",
		"expected number >= -5": "expected number >= -5", "expected number <= 3.5 e+09": "expected number <= 3.5 e+09",
		"a number 3e+09 does not fit here": "a number 3e+09 does not fit here",
	} {
		if got := inFull(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
