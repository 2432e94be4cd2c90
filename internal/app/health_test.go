package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal/internal/config"
)

// healthOf returns the status of a's health check, and each part as "type: Ok" or
// "type: Err".
func healthOf(t *testing.T, a *App) (status int, parts []string) {
	t.Helper()
	res, err := http.Get("http://" + a.HealthAddrs()[0].String() + "/health_check")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var report struct {
		Details []struct {
			Type   string            `json:"service_type"`
			Result map[string]string `json:"result"`
		} `json:"details"`
	}
	if err := json.NewDecoder(res.Body).Decode(&report); err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Details {
		for result, said := range d.Result {
			parts = append(parts, d.Type+": "+result)
			if result != "Ok" {
				t.Logf("%s: %s", d.Type, said)
			}
		}
	}
	slices.Sort(parts)
	return res.StatusCode, parts
}

// healthConfig is a tracker whose listeners have free ports.
func healthConfig(t *testing.T) *config.Config {
	cfg := testConfig(t, "auto")
	free := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	cfg.API.Listen, cfg.Health.Listen = free, free
	return cfg
}

// TestHealth asks the health check of whole trackers that are well, each in a way
// that a client could take for an illness.
func TestHealth(t *testing.T) {
	listeners := []string{
		"database: Ok", "http_tracker: Ok", "http_tracker: Ok", "tracker_rest_api: Ok",
		"udp_tracker: Ok", "udp_tracker: Ok", "webtorrent_tracker: Ok", "webtorrent_tracker: Ok",
	}
	for name, change := range map[string]func(c *config.Config){
		"as it comes":                          func(*config.Config) {},
		"private":                              func(c *config.Config) { c.Access.Private = true },
		"listed, and nothing is":               func(c *config.Config) { c.Access.Listed = true },
		"for the pages of one site":            func(c *config.Config) { c.WebTorrent.AllowOrigins = []string{"https://example.org"} },
		"on every address":                     func(c *config.Config) { everywhere(c) },
		"who asks is taken for the proxy":      func(c *config.Config) { trustLoopback(c, "X-Forwarded-For") },
		"Torrust's answers to the letter":      func(c *config.Config) { c.API.TorrustCompatible = true },
		"peers of this machine are not let in": func(c *config.Config) { c.Access.PrivateAddresses = "drop" },
		"over TLS, also the API": func(c *config.Config) {
			cert, key, _ := selfSigned(t)
			c.HTTP[0].TLS.Cert, c.HTTP[0].TLS.Key, c.HTTP[0].TLS.Plain = cert, key, "refuse"
			c.API.TLS.Cert, c.API.TLS.Key = cert, key
		},
		"no keep-alive, and one connection each": func(c *config.Config) { c.HTTP[0].KeepAlive = false },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := healthConfig(t)
			change(cfg)
			a := serve(t, cfg)
			awaitDatabase(t, a)
			listeners := listeners
			if cfg.API.TLS.Enabled() { // the same certificate twice is told once
				listeners = append([]string{"certificate: Ok"}, listeners...)
			}
			if status, parts := healthOf(t, a); status != http.StatusOK || !slices.Equal(parts, listeners) {
				t.Errorf("%d: %q", status, parts)
			}
		})
	}
}

func everywhere(c *config.Config) {
	all := []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0"), netip.MustParseAddrPort("[::]:0")}
	c.UDP[0].Listen, c.HTTP[0].Listen = all, all
}

// awaitDatabase waits until it is open.
func awaitDatabase(t *testing.T, a *App) {
	t.Helper()
	eventually(t, "the database is open", func() bool { return a.database.Load() != nil })
}

// TestHealthIll has parts of a whole tracker ill.
func TestHealthIll(t *testing.T) {
	for part, harm := range map[string]func(t *testing.T, a *App){
		"tracker_rest_api": func(t *testing.T, a *App) { a.api.Close() },
		"database": func(t *testing.T, a *App) {
			if err := a.database.Load().Close(); err != nil {
				t.Fatal(err)
			}
		},
		"http_tracker": func(t *testing.T, a *App) { // which takes nobody any more
			a.connections.Set(1)
			c, err := net.Dial("tcp", a.HTTPAddrs()[0].String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			eventually(t, "the connection is open", func() bool { return a.connections.Open() == 1 })
		},
	} {
		t.Run(part, func(t *testing.T) {
			a, err := New(healthConfig(t), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- a.Run(ctx) }()
			defer func() { cancel(); <-done }() // its error is of what was harmed
			awaitDatabase(t, a)
			harm(t, a)
			status, parts := healthOf(t, a)
			ill := slices.DeleteFunc(parts, func(p string) bool { return strings.HasSuffix(p, ": Ok") })
			ill = slices.Compact(ill)
			want := []string{part + ": Err"}
			if part == "http_tracker" { // they share the connections
				want = append(want, "webtorrent_tracker: Err")
			}
			if status != http.StatusServiceUnavailable || !slices.Equal(ill, want) {
				t.Errorf("%d, ill: %q, want %q", status, ill, want)
			}
		})
	}
}

// Without a database there is none to be ill.
func TestHealthWithoutDatabase(t *testing.T) {
	cfg := healthConfig(t)
	cfg.Database.Driver = "none"
	status, parts := healthOf(t, serve(t, cfg))
	if status != http.StatusOK || slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, "database") }) {
		t.Errorf("%d: %q", status, parts)
	}
}
