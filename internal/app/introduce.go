package app

import (
	"log/slog"
	"net/netip"
	"strings"

	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// introduce says what is served where.
func (a *App) introduce(cfg *config.Config, limits swarm.Limits) {
	a.log.Info("configuration", slog.String("from", cfg.Origin), slog.String("data_dir", cfg.DataDir))
	a.log.Info("udp tracker", slog.String("announce", urls("udp", a.UDPAddrs())))
	a.log.Info("http tracker", slog.String("announce", a.httpURLs()))
	a.log.Info("webtorrent tracker", slog.String("announce", a.webTorrentURLs(cfg)))
	if len(a.APIAddrs()) > 0 {
		a.log.Info("management API", slog.String("url", a.apiURLs()))
	}
	a.log.Info("announces", slog.Duration("interval", cfg.Tracker.Interval),
		slog.Duration("peer_timeout", cfg.Tracker.PeerTimeout), slog.Int("default_numwant", cfg.Tracker.DefaultNumWant))
	a.log.Info("limits", slog.Int("torrents", limits.Torrents), slog.Int("peers", limits.Peers),
		slog.Int("connections", connections(cfg)))
	a.warn(cfg)
}

// warn says what is allowed in cfg and most likely not meant.
func (a *App) warn(cfg *config.Config) {
	for _, warning := range cfg.Warnings() {
		a.log.Warn("configuration", slog.String("doubt", warning))
	}
}

// httpURLs names the HTTP trackers; those with certificates also answer http on
// the same port, as tls.plain says.
func (a *App) httpURLs() string {
	var all []string
	for _, s := range a.sites {
		scheme := "http"
		if s.certificates != nil {
			scheme = "https"
		}
		for _, l := range s.listeners {
			all = append(all, urls(scheme, []netip.AddrPort{l.Addr()}))
		}
	}
	if len(all) == 0 {
		return "off"
	}
	return strings.Join(all, " ")
}

// webTorrentURLs names the listeners that take WebTorrent clients. With
// certificates they take ws on the same port too, unless plain refuses it.
func (a *App) webTorrentURLs(cfg *config.Config) string {
	var all []string
	for i, s := range a.sites {
		if !cfg.HTTP[i].WebTorrent {
			continue
		}
		scheme := "ws"
		if s.certificates != nil {
			scheme = "wss"
		}
		for _, l := range s.listeners {
			all = append(all, scheme+"://"+l.Addr().String())
		}
	}
	if len(all) == 0 {
		return "off"
	}
	return strings.Join(all, " ")
}

func urls[T interface{ String() string }](scheme string, addrs []T) string {
	if len(addrs) == 0 {
		return "off"
	}
	var all []string
	for _, addr := range addrs {
		all = append(all, scheme+"://"+addr.String()+"/announce")
	}
	return strings.Join(all, " ")
}

func (a *App) apiURLs() string {
	scheme := "http://"
	if a.apiCertificates != nil {
		scheme = "https://"
	}
	var all []string
	for _, addr := range a.APIAddrs() {
		all = append(all, scheme+addr.String())
	}
	return strings.Join(all, " ")
}
