package app

import (
	"log/slog"
	"strings"

	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// introduce says what is served where.
func (a *App) introduce(cfg *config.Config, limits swarm.Limits) {
	a.log.Info("configuration", slog.String("from", cfg.Origin), slog.String("data_dir", cfg.DataDir))
	a.log.Info("udp tracker", slog.String("announce", urls("udp", a.UDPAddrs())))
	a.log.Info("http tracker", slog.String("announce", urls("http", a.HTTPAddrs())))
	a.log.Info("announces", slog.Duration("interval", cfg.Tracker.Interval),
		slog.Duration("peer_timeout", cfg.Tracker.PeerTimeout), slog.Int("default_numwant", cfg.Tracker.DefaultNumWant))
	a.log.Info("limits", slog.Int("torrents", limits.Torrents), slog.Int("peers", limits.Peers),
		slog.Int("connections", connections(cfg)))
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
