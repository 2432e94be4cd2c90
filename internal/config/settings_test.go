package config

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// open are the keys whose names smell of a secret and that hold none, and why.
var open = map[string]string{
	"access.private":           "a switch",
	"access.private_addresses": "a word",
	"http.tls.key":             "the path of a file",
	"http.tls.ticket_keys":     "the path of a file",
	"api.tls.key":              "the path of a file",
	"api.tls.ticket_keys":      "the path of a file",
}

var smell = regexp.MustCompile(`(?i)token|dsn|pass|secret|private|cred|auth|key|sign|salt|pepper|cookie`)

// TestSecretsAreMarked fails for a new key whose name smells of a secret, until it
// is marked in Config or has a row above.
func TestSecretsAreMarked(t *testing.T) {
	marked := 0
	for _, s := range Sections() {
		for _, k := range s.Keys {
			_, isOpen := open[k.Path]
			smells := smell.MatchString(k.Path)
			switch {
			case k.Secret && isOpen, isOpen && !smells:
				t.Errorf("%s has a row that it does not need", k.Path)
			case smells && !isOpen && !k.Secret:
				t.Errorf("%s smells of a secret, and Settings would show it: name it in the tag secret of its section in Config, or say above why not", k.Path)
			}
			if k.Secret {
				marked++
			}
		}
	}
	if marked != 2 { // a misspelt tag would mark nothing
		t.Errorf("%d keys are secret: if it is not database.dsn and api.tokens any more, say so here", marked)
	}
}

// TestSettings sets every secret there is, and looks for it.
func TestSettings(t *testing.T) {
	c, err := load(`
		udp = []
		[limits]
		peers = 5
		[tracker]
		external_ip = "192.0.2.1"
		[access]
		addresses_denied = "192.0.2.1"
		clients_denied = ["-XL"]
		ports_denied = [22]
		[database]
		driver = "mysql"
		dsn = "shoal:geheim@tcp(127.0.0.1:3306)/shoal"
		[[http]]
		[http.tls]
		cert = "c.pem"
		key = "k.pem"
		[[http]]
		listen = ""
		[api.tokens]
		admin = "geheim-admin"
		grafana = { token = "geheim-grafana", scope = "read" }
	`, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := Settings(c)
	for key, want := range map[string]any{
		"data_dir":                "data",
		"udp":                     []string{},
		"limits.peers":            5,
		"tracker.interval":        "30m",
		"tracker.external_ip":     []string{"192.0.2.1"},
		"access.private":          false,
		"access.addresses_denied": []string{"192.0.2.1/32"},
		"access.clients_denied":   []string{"-XL"},
		"access.ports_denied":     []int{22},
		"accounting.max_rate":     "1GiB",
		"database.driver":         "mysql",
		"database.dsn":            "(secret)",
		"http.0.listen":           []string{"0.0.0.0:6969", "[::]:6969"},
		"http.0.tls.key":          "k.pem",
		"http.1.listen":           []string{},
		"http.1.tls.acme":         []string{},
		"api.listen":              []string{"127.0.0.1:1212"},
		"health.listen":           []string{"127.0.0.1:1313"},
		"api.tokens": map[string]any{
			"admin":   map[string]any{"token": "(secret)", "scope": "admin"},
			"grafana": map[string]any{"token": "(secret)", "scope": "read"},
		},
	} {
		if diff := cmp.Diff(want, got[key]); diff != "" {
			t.Errorf("%s, -want +got:\n%s", key, diff)
		}
	}
	if text, err := json.Marshal(got); err != nil || strings.Contains(string(text), "geheim") {
		t.Errorf("%v\n%s", err, text)
	}

	got = Settings(Default())
	if got["database.dsn"] != "" {
		t.Errorf("a secret where there is none: %v", got["database.dsn"])
	}
	for _, s := range Sections() {
		for _, k := range s.Keys {
			path := k.Path
			if s.Many {
				path = s.Path + ".0." + k.Name()
			}
			if _, ok := got[path]; !ok {
				t.Errorf("%s is missing", path)
			}
			delete(got, path)
		}
	}
	if len(got) > 0 {
		t.Errorf("beside the settings there are %v", got)
	}
}
