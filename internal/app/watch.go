package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/shoal-tracker/shoal/internal/swarm"
)

// How often the counts are looked at, and how long nothing more is said of a
// limit that was reached.
const (
	watchEvery  = time.Minute
	watchSilent = time.Hour
)

// watch says when a limit keeps newcomers out of the swarm, or puts torrents out
// for them: all are answered as ever, so nobody would complain.
func watch(ctx context.Context, totals func() swarm.Totals, log *slog.Logger) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	var before swarm.Totals
	var said time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := totals()
		if limited(now) > limited(before) && (said.IsZero() || time.Since(said) >= watchSilent) {
			log.Warn("a limit is reached: every announce is answered, but newcomers were not stored, or torrents were evicted for them", counts(now)...)
			said = time.Now()
		}
		before = now
	}
}

// limited counts the newcomers that were not stored and the torrents that had to
// make room for others.
func limited(t swarm.Totals) uint64 { return t.TorrentsRefused + t.TorrentsEvicted + t.PeersRefused }

// counts are what a log line says of the swarm.
func counts(t swarm.Totals) []any {
	return []any{
		slog.Int("torrents", t.Torrents), slog.Int("peers", t.Peers), slog.Int("browsers", t.Browsers), slog.Int64("bytes", t.Bytes),
		slog.Uint64("torrents_refused", t.TorrentsRefused), slog.Uint64("torrents_evicted", t.TorrentsEvicted),
		slog.Uint64("peers_refused", t.PeersRefused),
	}
}
