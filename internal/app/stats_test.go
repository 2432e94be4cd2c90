package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/config"
)

// countedConfig refuses one torrent. One worker for each address: it answers in
// the order of what it is sent.
func countedConfig(t *testing.T) *config.Config {
	cfg := testConfig(t, "auto")
	cfg.UDP[0].Workers = 1
	cfg.Database.Driver = "none"
	cfg.Access.DenyFile = "testdata/torrent2.txt"
	return cfg
}

// known makes requests of every kind over every transport, of IPv4 fewer than of
// IPv6, and returns what must have been counted of them.
func known(t *testing.T, a *App) api.Stats {
	t.Helper()
	const n4, n6 = 2, 3
	for i, n := range []int{n4, n6} {
		client := requests(t, a, i)
		client.overUDP(n)
		client.overHTTP(n)
		client.overWS(n)
	}
	return api.Stats{
		Torrents: 1, Seeders: 2, Leechers: 15,
		Completed: 2, CompletedInSession: 2,

		TCP4Connections: 2 + 4, TCP4Announces: 2, TCP4Scrapes: 4,
		TCP6Connections: 3 + 5, TCP6Announces: 3, TCP6Scrapes: 5,

		UDPDiscarded: (6 + 7 + 8) + (7 + 8 + 9),
		UDP4Requests: 2 + 4 + 4 + 5 + 6 + 7 + 8, UDP4Connects: 2, UDP4Announces: 3 + 1, UDP4Scrapes: 5,
		UDP4Responses: 2 + 4 + 4 + 5, UDP4Errors: 4,
		UDP6Requests: 3 + 5 + 5 + 6 + 7 + 8 + 9, UDP6Connects: 3, UDP6Announces: 4 + 1, UDP6Scrapes: 6,
		UDP6Responses: 3 + 5 + 5 + 6, UDP6Errors: 5,

		More: api.StatsMore{
			Peers: 17, Peers4: 3 + 2, Peers6: 4 + 3, Browsers: 2 + 3,
			TCP4Errors: 3 + 5 + 1 + 1, TCP6Errors: 4 + 6 + 1 + 1,

			WS4Connections: 2, WS4Announces: 2, WS4Scrapes: 2, WS4Errors: 3 + 1 + 1,
			WS6Connections: 3, WS6Announces: 3, WS6Scrapes: 3, WS6Errors: 4 + 1 + 1,
			WSOpen: 5, TCPOpen: 5,
		},
	}
}

// quietStats are the statistics without what clocks say, once the connections of
// requests that were answered are gone.
func quietStats(t *testing.T, a *App) api.Stats {
	t.Helper()
	eventually(t, "only WebSockets are open", func() bool { s := a.stats(); return s.More.TCPOpen == s.More.WSOpen })
	s := a.stats()
	s.UDPConnectNS, s.UDPAnnounceNS, s.UDPScrapeNS, s.More.UptimeSeconds = 0, 0, 0, 0
	return s
}

func TestStatsAreExact(t *testing.T) {
	a := serve(t, countedConfig(t))
	want := known(t, a)
	if diff := cmp.Diff(want, quietStats(t, a)); diff != "" {
		t.Errorf("counted otherwise than asked (-want +got):\n%s", diff)
	}
}

// Behind a trusted proxy the family is that of the address which the proxy names.
func TestStatsCountTheFamilyThatAProxyNames(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.HTTP[0].TrustedProxies = append(cfg.HTTP[0].TrustedProxies, prefixOf(loopback4))
	a := serve(t, cfg)
	client := requests(t, a, 0)
	client.fetch("GET", "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa", 200, "X-Forwarded-For", "2001:db8::1")
	client.fetch("GET", "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa", 200, "X-Forwarded-For", "::ffff:192.0.2.1")
	if s := a.stats(); s.TCP4Scrapes != 1 || s.TCP6Scrapes != 1 {
		t.Errorf("%d scrapes of IPv4 and %d of IPv6, want one each", s.TCP4Scrapes, s.TCP6Scrapes)
	}
}

// What was completed in earlier sessions counts where there is a database.
func TestStatsOfCompletedOutliveTheTracker(t *testing.T) {
	for driver, want := range map[string][3]uint64{"sqlite": {1, 2, 2}, "none": {1, 0, 1}} {
		t.Run(driver, func(t *testing.T) {
			cfg := testConfig(t, "auto")
			cfg.Database.Driver = driver
			for session := range 2 {
				a, stop := serveUntil(t, cfg)
				announce := overUDP(a.UDPAddrs()[0])
				announce(t, loopback4, leecher(1, 1001))
				done := leecher(1, 1001)
				done.Left = 0
				announce(t, loopback4, done)
				s := a.stats()
				if got := [3]uint64{s.CompletedInSession, s.CompletedPersisted, s.Completed}; session == 1 && got != want {
					t.Errorf("completed in session, persisted, completed: %d, want %d", got, want)
				}
				if s.CompletedPersistedEnabled != (driver == "sqlite") {
					t.Errorf("completed_persisted_enabled is %t", s.CompletedPersistedEnabled)
				}
				stop()
			}
		})
	}
}

// Torrust's lines: their names in their order, and nothing else.
func TestStatsAsLines(t *testing.T) {
	want := strings.Fields(`torrents seeders completed leechers
		tcp4_connections_handled tcp4_announces_handled tcp4_scrapes_handled
		tcp6_connections_handled tcp6_announces_handled tcp6_scrapes_handled
		udp_requests_discarded udp_requests_aborted udp_requests_banned udp_banned_ips_total
		udp_avg_connect_processing_time_ns udp_avg_announce_processing_time_ns udp_avg_scrape_processing_time_ns
		udp4_requests udp4_connections_handled udp4_announces_handled udp4_scrapes_handled udp4_responses udp4_errors_handled
		udp6_requests udp6_connections_handled udp6_announces_handled udp6_scrapes_handled udp6_responses udp6_errors_handled`)
	var got []string
	for _, l := range statsLines(api.Stats{UDP6Errors: 7}) {
		if got = append(got, l.Name); l.Value != map[string]uint64{"udp6_errors_handled": 7}[l.Name] {
			t.Errorf("%s %d", l.Name, l.Value)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAverageOfListeners(t *testing.T) {
	var sum timed
	if sum.average() != 0 {
		t.Errorf("the average of nothing is %d", sum.average())
	}
	sum.add(3, 100)
	sum.add(0, 0)
	sum.add(1, 202)
	if sum.average() != 126 { // 502/4, rounded
		t.Errorf("the average is %d, want 126", sum.average())
	}
}
