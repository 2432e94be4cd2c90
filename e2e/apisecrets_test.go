//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// secrets are texts that must be nowhere but where their owners put them.
type secrets struct {
	words  map[string]string // what they are, by the words
	looked int               // texts
}

// look fails if there is a secret in a text; except is of what may be there.
func (k *secrets) look(t *testing.T, where, text string, except ...string) {
	t.Helper()
	k.looked++
	for _, what := range k.spot(text, except...) {
		t.Errorf("%s: there is %s in it: %.400s", where, what, text)
	}
}

// spot returns which secrets are in a text, plain or escaped.
func (k *secrets) spot(text string, except ...string) (spotted []string) {
	allowed := strings.Join(except, " ")
	for word, what := range k.words {
		if strings.Contains(allowed, word) {
			continue
		}
		for _, form := range []string{word, url.QueryEscape(word), fmt.Sprintf("%x", word)} {
			if strings.Contains(text, form) {
				spotted = append(spotted, what)
				break
			}
		}
	}
	return spotted
}

// TestSecretsStaySecret asks the API well and badly in every way there is, and
// looks for tokens, keys and the password of the database wherever Shoal says
// something.
func TestSecretsStaySecret(t *testing.T) {
	for _, compatible := range []bool{false, true} {
		for _, e := range databaseEngines {
			t.Run(fmt.Sprintf("%s compatible %t", e.driver, compatible), func(t *testing.T) {
				t.Parallel()
				secretsStay(t, e, compatible)
			})
		}
	}
}

func secretsStay(t *testing.T, e databaseEngine, compatible bool) {
	const (
		wrong     = "Token-that-is-none-of-them"
		malformed = "Token with \"quotes\" and\ttabs"
	)
	net := newNetwork(t)
	d, database := storing(t, net, e)
	h := net.host(t, "shoal")
	// Those who guess are slowed by their address: every part has its own.
	honest, guesser := net.host(t, "honest"), net.host(t, "guesser")
	s := newShoal(t, h, "[log]\nlevel = \"debug\"\n[access]\nprivate = true\nlisted = true\n"+database+
		apiSettings(h, fmt.Sprintf("torrust_compatible = %t", compatible)), "")
	s.start(t, "SHOAL_API__TOKENS__ENVIRONMENT=Token-of-the-environment")
	keys := newKeys(4)
	k := &secrets{words: map[string]string{
		adminToken: "the token of an admin", readToken: "a token to read", wrong: "a wrong token",
		"Token-of-the-environment": "the token of the environment", databasePassword: "the password of the database",
	}}
	for _, key := range keys {
		k.words[key] = "a key"
	}
	m := newManager(t, honest, s, adminToken)
	await(t, 30*time.Second, func() error {
		_, err := m.do(http.MethodGet, "/keys", nil)
		return err
	}, s.proc)

	// Good ones. Keys are in the answers of those that are about them.
	for _, ask := range []struct {
		method, path string
		body         any
	}{
		{"PUT", "/key/" + keys[0], map[string]any{"label": "one"}},
		{"POST", "/keys/bulk", map[string]any{"keys": []map[string]any{{"key": keys[1]}, {"key": keys[2]}}}},
		{"POST", "/keys", map[string]any{"key": keys[3], "seconds_valid": 100}},
		{"GET", "/keys", nil}, {"GET", "/key/" + keys[0], nil}, {"DELETE", "/key/" + keys[0], nil},
		{"GET", "/keys/reload", nil}, {"GET", "/whitelist/reload", nil}, {"POST", "/reload", nil},
		{"GET", "/settings", nil}, {"GET", "/build", nil}, {"GET", "/audit", nil}, {"GET", "/stats", nil},
		{"GET", "/stats?format=prometheus", nil}, {"GET", "/metrics", nil}, {"GET", "/metrics?format=prometheus", nil},
		{"GET", "/openapi.json", nil}, {"GET", "/openapi.yaml", nil}, {"GET", "/docs", nil}, {"GET", "/torrents", nil},
		{"PUT", fmt.Sprintf("/deny/%x", randomID()), map[string]any{"reason": "a notice"}},
	} {
		a, err := m.try(ask.method, ask.path, ask.body)
		if err != nil || a.status != http.StatusOK {
			t.Errorf("%s %s: %v, %v", ask.method, ask.path, a, err)
			continue
		}
		where := ask.method + " " + ask.path
		if strings.HasPrefix(ask.path, "/key") {
			k.look(t, where, string(a.body), keys...)
		} else {
			k.look(t, where, string(a.body))
		}
		k.look(t, where+", header", fmt.Sprint(a.header))
	}

	// Tokens in other places, good and bad, and those who bring them.
	asked, unanswered := 0, 0
	bring := func(from *host, method, path, token string, way int, body string, kind string) {
		t.Helper()
		asked++
		target := fmt.Sprintf("http://%s%s", s.apiAddress(), path)
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		if way == 1 {
			target += separator + "token=" + url.QueryEscape(token)
		}
		if way == 2 {
			target += separator + "%74oken=" + url.QueryEscape(token) + "&token=x&token=" + url.QueryEscape(token)
		}
		req, err := http.NewRequest(method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		switch way {
		case 0:
			req.Header.Set("Authorization", "Bearer "+token)
		case 3:
			req.Header.Set("Authorization", "Basic "+token)
		case 4:
			req.Header.Set("Authorization", token)
		}
		a, err := (&manager{http: from.httpClient()}).send(req)
		if err != nil {
			unanswered++ // a body that is too long, and a token that is none: it hangs up
			return
		}
		where := fmt.Sprintf("%s %s, token brought in way %d: %d", method, strings.SplitN(path, "?", 2)[0], way, a.status)
		text := string(a.body) + fmt.Sprint(a.header)
		// What is wrong with a request may be told to those who sent it: the key
		// that they brought themselves. Of others only the list of keys tells.
		own := []string{path, body}
		if a.status == http.StatusOK && strings.Contains(path, "/key") {
			own = keys
		}
		k.look(t, where, text, own...)
	}
	paths := []string{
		"/api/v1/stats", "/api/v1/keys", "/api/v1/settings", "/api/v1/nothing", "/nowhere", "/api/v1/torrent/none",
		"/api/v1/key/" + keys[1], "/api/v1/torrents?limit=none", "/api/v1/keys/bulk", "/api/v1/openapi.json", "/api/v1/docs", "/api/health_check",
	}
	bodies := []struct{ text, kind string }{
		{"", "application/json"},
		{`{"key": "` + keys[1] + `", "seconds_valid": "soon"}`, "application/json"},
		{`{"keys": [{"key": "` + keys[1] + `"}, {"key": "` + keys[2] + ` "}]}`, "application/json"},
		{`{"key": "` + keys[1], "application/json"},
		{`{"` + keys[1] + `": 1}`, "application/json"},
		{`{"key": 1, "label": ["` + keys[2] + `"]}`, "text/plain"},
		{strings.Repeat("x", 2<<20), "application/json"},
	}
	for way := range 5 {
		for i, path := range paths {
			for j, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"} {
				b := bodies[(i+j+way)%len(bodies)]
				for _, token := range []string{adminToken, readToken, "Token-of-the-environment"} {
					if way > 2 && token != adminToken {
						continue
					}
					bring(honest, method, path, token, way, b.text, b.kind)
				}
				bring(guesser, method, path, wrong, way, "", "application/json")
			}
		}
	}
	bring(guesser, "GET", "/api/v1/stats", malformed, 1, "", "application/json")

	// What breaks. A database that is away, a reload of a bad configuration.
	if d != nil {
		d.kill(t)
		for _, path := range []string{"/keys", "/audit", "/key/" + keys[1], "/whitelist"} {
			a, err := m.try(http.MethodGet, path, nil)
			if err != nil || a.status < 500 {
				t.Errorf("GET %s without its database: %v, %v", path, a, err)
			}
			k.look(t, "GET "+path+" without its database", string(a.body))
		}
		a, err := m.try(http.MethodPut, "/key/"+keys[1], nil)
		if err != nil || a.status < 500 {
			t.Errorf("a key is granted without the database: %v, %v", a, err)
		}
		k.look(t, "PUT of a key without its database", string(a.body))
	}
	good, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"tokens = \"" + adminToken + "\"", "token = { x = \"" + adminToken + "\" }", "tokens = { " + adminToken + " = \"x\" }", "tokens = { boss = \"" + databasePassword + "\", \"" + readToken + "\""} {
		put(t, s.file, bytes.Replace(good, []byte("tokens = {"), []byte(bad+"\nx = {"), 1))
		a, err := m.try(http.MethodPost, "/reload", nil)
		if err != nil || a.status/100 == 2 {
			t.Errorf("a bad configuration is taken: %v, %v", a, err)
		}
		k.look(t, "POST /reload of a bad configuration", string(a.body))
	}
	put(t, s.file, good)
	if !compatible {
		k.checkSettings(t, m, e)
	}
	for _, command := range [][]string{{"config", "print"}, {"config", "print", "--json"}, {"config", "check"}} {
		r := h.run(t, nil, shoalBinary, append(command, "-c", s.file)...)
		if r.code == 0 {
			k.look(t, "shoal "+strings.Join(command, " "), r.stdout+r.stderr)
		}
	}
	s.stop(t)
	log, err := os.ReadFile(s.proc.log)
	if err != nil {
		t.Fatal(err)
	}
	k.look(t, "the log", string(log))
	if n := bytes.Count(log, []byte("\n")); n < 10 {
		t.Errorf("the log has %d lines", n)
	}
	for _, suffix := range []string{"", "-wal"} { // the log of changes
		file, err := os.Open(filepath.Join(s.dir, "data", "shoal.db"+suffix))
		if err != nil {
			continue
		}
		content, err := io.ReadAll(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		k.look(t, "the database's file"+suffix, string(content), keys...)
	}
	// Were there one, it would be found.
	for word := range k.words {
		if len(k.spot(string(log)+url.QueryEscape(word)+".")) != 1 {
			t.Errorf("%s is there, and not found", word)
		}
	}
	t.Logf("%s, compatible %t: %d requests besides, %d of them cut off; %d answers, headers, logs and files looked through for %d secrets; %d bytes of log at level debug",
		e.name, compatible, asked, unanswered, k.looked, len(k.words), len(log))
}

// checkSettings looks whether the settings are there, and what stands where a
// secret would.
func (k *secrets) checkSettings(t *testing.T, m *manager, e databaseEngine) {
	t.Helper()
	var settings map[string]json.RawMessage
	m.get(t, "/settings", &settings)
	if len(settings) < 20 {
		t.Errorf("there are %d settings", len(settings))
	}
	for key, value := range settings {
		if strings.Contains(key, "token") || strings.Contains(key, "dsn") {
			t.Logf("%s: /settings has %s = %s", e.name, key, value)
		}
	}
}
