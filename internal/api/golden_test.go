package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/database"
)

// golden is a request and what Torrust answers, written from a description of it
// and not from our output. "…" stands for any text, and "(drawn)" for a key.
type golden struct {
	name         string
	method, path string
	header       http.Header
	send         string

	status      int
	contentType string
	body        string
}

func goldens(t *testing.T) []golden {
	t.Helper()
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d goldens: %v", len(files), err)
	}
	all := make([]golden, len(files))
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		request, response, _ := strings.Cut(string(text), "---\n")
		head, send, _ := strings.Cut(request, "\n\n")
		lines := strings.Split(strings.TrimSpace(head), "\n")
		g := golden{name: strings.TrimSuffix(filepath.Base(file), ".txt"), header: http.Header{}, send: strings.TrimSpace(send)}
		g.method, g.path, _ = strings.Cut(lines[0], " ")
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ": ")
			g.header.Set(name, value)
		}
		head, g.body, _ = strings.Cut(response, "\n\n")
		status, contentType, _ := strings.Cut(head, " ")
		if g.status, err = strconv.Atoi(status); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		g.contentType, g.body = contentType, strings.TrimSpace(g.body)
		all[i] = g
	}
	return all
}

func (g *golden) isJSON() bool { return strings.HasPrefix(g.contentType, "application/json") }

// prepare brings a tracker to where the goldens begin.
func (k *tracker) prepare(name string) {
	k.t.Helper()
	k.modes = Modes{Private: true, Listed: true}
	if strings.HasSuffix(name, "_mode_off") {
		k.modes = Modes{}
	}
	ctx := k.t.Context()
	if err := k.db.AddKeys(ctx, "test", database.Key{Key: "Held0000000000000000000000000000"}); err != nil {
		k.t.Fatal(err)
	}
	if err := k.db.AddAllowed(ctx, "test", hashB); err != nil {
		k.t.Fatal(err)
	}
}

var (
	times = regexp.MustCompile(`("updated"|"updated_milliseconds_ago"|"valid_until"|"expiry_time"):("\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"|\d+)`)
	drawn = regexp.MustCompile(`"key":"([0-9A-Za-z]{32}|\(drawn\))"`)
)

// plain takes white space, values of time, and drawn keys out of JSON.
func plain(t *testing.T, text string, anyKey bool) string {
	t.Helper()
	var compact strings.Builder
	inString, escaped := false, false
	for _, r := range text {
		if !inString && strings.ContainsRune(" \n\t\r", r) {
			continue
		}
		if r == '"' && !escaped {
			inString = !inString
		}
		escaped = r == '\\' && !escaped
		compact.WriteRune(r)
	}
	text = times.ReplaceAllString(compact.String(), `$1:"time"`)
	if anyKey {
		text = drawn.ReplaceAllString(text, `"key":"drawn"`)
	}
	return text
}

func TestTorrustToTheLetter(t *testing.T) {
	k := newTracker(t, true, true)
	k.crowd()
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			k.t = t
			k.prepare(g.name)
			got := k.send(g.method, g.path, g.header, g.send)
			if got.status != g.status || got.header.Get("Content-Type") != g.contentType {
				t.Errorf("%d %s, want %d %s", got.status, got.header.Get("Content-Type"), g.status, g.contentType)
			}
			body, want := got.body, g.body
			if g.isJSON() {
				body, want = plain(t, body, strings.Contains(want, "(drawn)")), plain(t, want, true)
				if !strings.Contains(g.body, "(drawn)") {
					want = plain(t, g.body, false)
				}
			}
			pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".+") + "$"
			if !regexp.MustCompile(pattern).MatchString(body) {
				t.Errorf("%s\nwant\n%s", body, want)
			}
		})
	}
}

// ours is how we answer where Torrust is not followed to the letter: the status,
// and for 200 the fields that are added. docs/api.md lists them.
var ours = map[string]struct {
	status int
	added  []string
}{
	"health_check":             {200, nil},
	"stats":                    {200, []string{"shoal"}},
	"torrent":                  {200, []string{"ipv4", "ipv6", "peers[].seeder", "peers_next", "webtorrent"}},
	"torrent_unknown":          {404, nil},
	"torrent_invalid":          {422, nil},
	"torrents":                 {200, nil},
	"torrents_page":            {200, nil},
	"torrents_named":           {200, nil},
	"torrents_invalid":         {422, nil},
	"keys_supplied":            {200, []string{"label"}},
	"keys_drawn":               {200, []string{"label"}},
	"keys_invalid_key":         {422, nil},
	"keys_invalid_seconds":     {422, nil},
	"keys_overflow":            {422, nil},
	"key_seconds":              {200, []string{"label"}},
	"key_seconds_invalid":      {422, nil},
	"key_delete":               {200, []string{"removed"}},
	"key_delete_missing":       {200, []string{"removed"}},
	"key_delete_invalid":       {422, nil},
	"keys_reload":              {200, nil},
	"keys_mode_off":            {200, []string{"label"}},
	"whitelist_add":            {200, nil},
	"whitelist_add_invalid":    {422, nil},
	"whitelist_remove":         {200, []string{"removed"}},
	"whitelist_remove_missing": {200, []string{"removed"}},
	"whitelist_remove_invalid": {422, nil},
	"whitelist_reload":         {200, nil},
	"whitelist_mode_off":       {200, nil},
	"token_none":               {401, nil},
	"token_wrong":              {401, nil},
	"token_bearer":             {200, nil},
	"token_scheme":             {401, nil},
}

func TestTorrustsFieldsAndOurs(t *testing.T) {
	k := newTracker(t, false, true)
	k.crowd()
	docs, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			k.t = t
			want, known := ours[g.name]
			if !known {
				t.Fatal("it is not said how we answer")
			}
			k.prepare(g.name)
			got := k.send(g.method, g.path, g.header, g.send)
			contentType := "application/problem+json"
			if want.status == http.StatusOK {
				contentType = "application/json"
			}
			if got.status != want.status || got.header.Get("Content-Type") != contentType {
				t.Fatalf("%d %s, want %d %s: %s", got.status, got.header.Get("Content-Type"), want.status, contentType, got.body)
			}
			if g.status != http.StatusOK || want.status != http.StatusOK {
				return
			}
			anyKey := strings.Contains(g.body, "(drawn)")
			theirs, mine := parsed(t, plain(t, g.body, anyKey)), parsed(t, plain(t, got.body, anyKey))
			added := map[string]bool{}
			for _, lacks := range compare("", theirs, mine, added) {
				t.Error(lacks)
			}
			list := []string{}
			for field := range added {
				list = append(list, field)
				name := field[strings.LastIndexByte(field, '.')+1:]
				if !strings.Contains(string(docs), "`"+name+"`") {
					t.Errorf("docs/api.md does not name the field %q", name)
				}
			}
			slices.Sort(list)
			if !slices.Equal(list, want.added) {
				t.Errorf("added are %q, want %q", list, want.added)
			}
		})
	}
}

func parsed(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// compare returns what of theirs ours lacks, and marks what is only in ours.
func compare(path string, theirs, mine any, added map[string]bool) (lacks []string) {
	switch t := theirs.(type) {
	case map[string]any:
		m, _ := mine.(map[string]any)
		for name, value := range t {
			inner := strings.TrimPrefix(path+"."+name, ".")
			if _, there := m[name]; !there {
				lacks = append(lacks, inner+" is missing")
				continue
			}
			lacks = append(lacks, compare(inner, value, m[name], added)...)
		}
		for name := range m {
			if _, there := t[name]; !there {
				added[strings.TrimPrefix(path+"."+name, ".")] = true
			}
		}
	case []any:
		m, _ := mine.([]any)
		if len(m) != len(t) {
			return []string{fmt.Sprintf("%s has %d entries, want %d", path, len(m), len(t))}
		}
		for i := range t {
			lacks = append(lacks, compare(path+"[]", t[i], m[i], added)...)
		}
	default:
		if !reflect.DeepEqual(theirs, mine) {
			lacks = append(lacks, fmt.Sprintf("%s is %v, want %v", path, mine, theirs))
		}
	}
	return lacks
}

// TestTorrustBesideOurs asks for our own routes while Torrust's are to the letter.
func TestTorrustBesideOurs(t *testing.T) {
	k := newTracker(t, true, true)
	k.must(http.MethodPost, "/whitelist/bulk", `{"info_hashes":["`+hashA.String()+`"]}`)
	if page := get[allowedPage](k, "/whitelist"); len(page.Torrents) != 1 || page.Torrents[0] != hashA.String() {
		t.Errorf("the whitelist is %v", page)
	}
	k.must(http.MethodPut, "/key/0123456789abcdef-longer-than-theirs", "")
	if text := k.must(http.MethodDelete, "/key/0123456789abcdef-longer-than-theirs", ""); text != `{"status":"ok"}` {
		t.Errorf("a key that Torrust could not have was removed with %s", text)
	}
	if status, text := k.askAs(grafanaToken, http.MethodPost, "/key/60", ""); status != http.StatusInternalServerError || !strings.Contains(text, "token not valid") {
		t.Errorf("a token of scope read draws a key: %d %s", status, text)
	}
	if status, text := k.ask(http.MethodGet, "/nothing", ""); status != http.StatusNotFound {
		t.Errorf("an unknown path: %d %s", status, text)
	}
	k.away = fmt.Errorf("%w: somewhere secret", ErrDatabaseAway)
	if status, text := k.ask(http.MethodPost, "/key/60", ""); status != http.StatusInternalServerError ||
		!strings.HasPrefix(text, `Unhandled rejection: Err { reason: "failed to generate key: the database is away`) || strings.Contains(text, "secret") {
		t.Errorf("a key while the database is away: %d %s", status, text)
	}
}

// TestTorrustPagesAnyLimit lists more torrents than are read at once.
func TestTorrustPagesAnyLimit(t *testing.T) {
	k := newTracker(t, true, false)
	const all = mostPage + 500
	for i := range all {
		k.announce(shoal.InfoHash{byte(i >> 8), byte(i)}, "203.0.113.1:6881", 1, shoal.EventNone)
	}
	for path, want := range map[string]int{
		"/torrents":                           mostPage,
		"/torrents?limit=4294967295":          all,
		"/torrents?limit=4294967295&offset=7": all - 7,
		"/torrents?limit=0":                   0,
		"/torrents?offset=100000":             0,
	} {
		listed := get[[]listedTorrent](k, path)
		if len(listed) != want {
			t.Errorf("%s lists %d, want %d", path, len(listed), want)
		}
		if !slices.IsSortedFunc(listed, func(a, b listedTorrent) int { return strings.Compare(a.InfoHash, b.InfoHash) }) {
			t.Errorf("%s is not in order", path)
		}
	}
}
