package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/certificates"
	"github.com/shoal-tracker/shoal/internal/config"
)

// Reloaded is what a reload did.
type Reloaded = api.Reloaded

// SetReload says how the configuration is read again and put in force, for
// operators who ask for it over the API. It must be called before Run.
func (a *App) SetReload(reload func(ctx context.Context) (Reloaded, error)) { a.reload = reload }

// listenManagement binds the management API and the health check.
func (a *App) listenManagement(cfg *config.Config) (err error) {
	var tlsConfig *tls.Config
	if len(cfg.API.Listen) > 0 && cfg.API.TLS.Enabled() {
		if a.apiCertificates, err = certificates.Open(cfg.API.TLS, cfg.DataDir, a.log); err != nil {
			return fmt.Errorf("api.tls: %w", err)
		}
		tlsConfig = a.apiCertificates.TLSConfig()
	}
	settings, err := a.apiConfig(cfg)
	if err != nil {
		return err
	}
	a.metrics.Register(a.families)
	a.api, err = api.Listen(settings, api.Options{
		Swarm:       a.swarm,
		Clock:       &a.clock,
		Database:    a.openedDatabase,
		Changes:     changes{a},
		Reload:      a.reloadAll,
		ReloadLists: a.reloadLists,
		Modes:       a.modes,
		Stats:       a.stats,
		Metrics:     a.metrics.Handler(),
		StatsText:   a.statsText(),
		Settings:    a.settings,
		Build:       build(a.started),
		TLS:         tlsConfig,
		Log:         a.log,
	})
	if err != nil {
		return bindError("api.listen", err)
	}
	a.health, err = api.ListenHealth(cfg.Health, api.HealthOptions{
		Services:     a.services,
		Database:     a.databaseHealth(),
		Certificates: a.certificates,
		Log:          a.log,
	})
	if err != nil {
		return bindError("health.listen", err)
	}
	return nil
}

// apiConfig is the API's configuration, with a token that was drawn where it names
// none.
func (a *App) apiConfig(cfg *config.Config) (api.Config, error) {
	c := cfg.API.Config
	if len(c.Listen) == 0 || len(c.Tokens) > 0 {
		return c, nil
	}
	token, file, err := api.LoadToken(cfg.DataDir)
	if err != nil {
		return c, err
	}
	c.Tokens = map[string]api.Token{"api-token": {Token: token}}
	if a.api == nil || len(a.inForce().API.Tokens) > 0 { // not at every reload
		a.log.Info("token of the management API", slog.String("file", file))
	}
	return c, nil
}

// reloadAll reads everything again.
func (a *App) reloadAll(ctx context.Context) (Reloaded, error) {
	if a.reload == nil {
		return Reloaded{}, errNoReload
	}
	return a.reload(ctx)
}

func (a *App) inForce() *config.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

func (a *App) modes() api.Modes {
	access := a.inForce().Access
	return api.Modes{Private: access.Private, Listed: access.Listed}
}

func (a *App) settings() map[string]any { return config.Settings(a.inForce()) }

// services are the listeners, as the health check asks them.
func (a *App) services() []api.Service {
	var all []api.Service
	add := func(kind string, addrs []netip.AddrPort, tls bool) {
		for _, addr := range addrs {
			all = append(all, api.Service{Type: kind, Binding: addr, TLS: tls})
		}
	}
	add("udp_tracker", a.UDPAddrs(), false)
	for i, s := range a.sites {
		add("http_tracker", s.addrs(), s.certificates != nil)
		if a.config.HTTP[i].WebTorrent {
			add("webtorrent_tracker", s.addrs(), s.certificates != nil)
		}
	}
	add("tracker_rest_api", a.api.Addrs(), a.apiCertificates != nil)
	return all
}

// databaseHealth returns how the database is asked whether it is there, or nil if
// there is none to ask.
func (a *App) databaseHealth() func(context.Context) error {
	if a.config.Database.Driver == "none" {
		return nil
	}
	return func(ctx context.Context) error {
		d, err := a.openedDatabase()
		if err != nil {
			return err
		}
		return d.Ping(ctx)
	}
}

// certificates returns what the listeners show, each once.
func (a *App) certificates() []api.Certificate {
	var all []api.Certificate
	add := func(c *certificates.Certificates) {
		if c == nil {
			return
		}
		for _, e := range c.Expiries() {
			one := api.Certificate{Names: e.Names, NotAfter: e.NotAfter}
			if !slices.ContainsFunc(all, func(o api.Certificate) bool {
				return slices.Equal(o.Names, one.Names) && o.NotAfter.Equal(one.NotAfter)
			}) {
				all = append(all, one)
			}
		}
	}
	for _, s := range a.sites {
		add(s.certificates)
	}
	add(a.apiCertificates)
	return all
}

// APIAddrs returns the addresses that the management API listens on.
func (a *App) APIAddrs() []netip.AddrPort { return a.api.Addrs() }

// HealthAddrs returns the addresses that the health check listens on.
func (a *App) HealthAddrs() []netip.AddrPort { return a.health.Addrs() }

// build is what the go tool stamped into the program.
func build(started time.Time) api.Build {
	b := api.Build{Version: Version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Started: started}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	return b
}

// Version returns the version of the program, or "unknown".
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
