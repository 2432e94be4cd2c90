package app

import (
	"time"

	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/metrics"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// swarmFamilies are the figures of torrents and peers. Some of Torrust's names end
// in total though they go down.
func swarmFamilies(t swarm.Totals, s *api.Stats) []metrics.Family {
	families := []metrics.Family{
		gauge("swarm_coordination_registry_torrents_total", "Torrents that are held.", sample(s.Torrents)),
		gauge("swarm_coordination_registry_peer_connections_total", "Peers, each once in every torrent that it is in.",
			sample(s.Seeders, labels("peer_role", "seeder")), sample(s.Leechers, labels("peer_role", "leecher"))),
		counter("swarm_coordination_registry_torrents_downloads_total", "Downloads completed since the start.", sample(s.CompletedInSession)),
		counter("tracker_core_in_session_torrents_downloads_total", "Downloads completed since the start.", sample(s.CompletedInSession)),
		counter("tracker_core_persistent_torrents_downloads_total",
			"Deprecated: with a database tracker_core_persisted_torrents_downloads_total, else tracker_core_in_session_torrents_downloads_total.",
			sample(s.Completed)),
		gauge("shoal_swarm_peers", "Peers by kind, each once in every torrent that it is in.",
			sample(s.More.Peers4, labels("kind", "ipv4")), sample(s.More.Peers6, labels("kind", "ipv6")),
			sample(s.More.Browsers, labels("kind", "webtorrent"))),
		in(metrics.Bytes, gauge("shoal_swarm_memory_bytes", "Memory that torrents and peers have taken.", sample(uint64(t.Bytes)))),
		counter("shoal_swarm_torrents_refused_total", "Newcomers that were answered but not stored: too many torrents.", sample(t.TorrentsRefused)),
		counter("shoal_swarm_torrents_evicted_total", "Torrents that made room for another.", sample(t.TorrentsEvicted)),
		counter("shoal_swarm_peers_refused_total", "Newcomers that were answered but not stored: too many peers.", sample(t.PeersRefused)),
	}
	if s.CompletedPersistedEnabled {
		families = append(families, counter("tracker_core_persisted_torrents_downloads_total",
			"Downloads completed ever, as far as the database knows.", sample(s.CompletedPersisted)))
	}
	return families
}

// connectionFamilies are the figures of the sockets that HTTP and WebTorrent share.
func (a *App) connectionFamilies() []metrics.Family {
	return []metrics.Family{
		gauge("shoal_tcp_connections", "TCP connections that are open, of all [[http]] sections.", sample(uint64(a.connections.Open()))),
		counter("shoal_tcp_connections_refused_total", "TCP connections closed at once: too many.", sample(a.connections.Refused())),
		counter("shoal_tcp_connections_starved_total", "TCP connections closed because all together held too much memory.", sample(a.connections.Starved())),
		in(metrics.Bytes, gauge("shoal_tcp_memory_bytes", "Memory that incomplete messages and unread replies take.", sample(uint64(a.connections.Memory())))),
	}
}

func (a *App) processFamilies() []metrics.Family {
	b := build(a.started)
	start := metrics.Sample{Value: float64(a.started.UnixMilli()) / float64(time.Second/time.Millisecond)}
	return []metrics.Family{
		gauge("shoal_build_info", "Always 1.", sample(1, labels("version", b.Version, "revision", b.Revision, "go", b.Go))),
		in(metrics.Seconds, gauge("process_start_time_seconds", "When the tracker was started, in seconds since 1970.", start)),
	}
}
