package app

import (
	"io"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/shoal-tracker/shoal/internal/metrics"
)

func prefixOf(addr netip.Addr) netip.Prefix { return netip.PrefixFrom(addr, addr.BitLen()) }

// scrapeText is what Prometheus is told.
func scrapeText(t *testing.T, a *App) string {
	t.Helper()
	r := metrics.New()
	r.Register(a.families)
	rec := httptest.NewRecorder()
	r.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/?format=prometheus", nil))
	body, err := io.ReadAll(rec.Body)
	if err != nil || rec.Code != 200 {
		t.Fatalf("%d, %v: %s", rec.Code, err, body)
	}
	return string(body)
}

// Every figure says what the requests of TestStatsAreExact were, by the address
// they came in at and by their sender's family.
func TestMetricsAreExact(t *testing.T) {
	a := serve(t, countedConfig(t))
	known(t, a)
	quietStats(t, a)
	text := scrapeText(t, a)
	port := func(addr netip.AddrPort) string { return strconv.Itoa(int(addr.Port())) }
	from4 := `client_address_ip_family="inet",client_address_ip_type="plain"`
	from6 := `client_address_ip_family="inet6",client_address_ip_type="plain"`
	at4 := `server_binding_address_ip_family="inet",server_binding_address_ip_type="plain",server_binding_ip="127.0.0.1",server_binding_port="` + port(a.UDPAddrs()[0]) + `",server_binding_protocol="udp"`
	at6 := `server_binding_address_ip_family="inet6",server_binding_address_ip_type="plain",server_binding_ip="::1",server_binding_port="` + port(a.UDPAddrs()[1]) + `",server_binding_protocol="udp"`
	// What the two addresses of the section have in common.
	both := `server_binding_address_ip_type="plain",server_binding_protocol="http"`
	for _, line := range []string{
		`udp_tracker_server_requests_received_total{` + from4 + `,` + at4 + `} 36`,
		`udp_tracker_server_requests_received_total{` + from6 + `,` + at6 + `} 43`,
		`udp_tracker_server_requests_accepted_total{` + from4 + `,request_kind="connect",` + at4 + `} 2`,
		`udp_tracker_server_requests_accepted_total{` + from6 + `,request_kind="announce",` + at6 + `} 5`,
		`udp_tracker_core_requests_received_total{` + from6 + `,request_kind="scrape",` + at6 + `} 6`,
		`udp_tracker_server_responses_sent_total{` + from4 + `,request_kind="announce",result="ok",` + at4 + `} 4`,
		`udp_tracker_server_responses_sent_total{` + from4 + `,result="error",` + at4 + `} 4`,
		`udp_tracker_server_errors_total{` + from6 + `,` + at6 + `} 5`,
		`udp_tracker_server_connection_id_errors_total{` + from4 + `,` + at4 + `} 7`,
		`udp_tracker_server_requests_discarded_total{` + from4 + `,` + at4 + `} 21`,
		`udp_tracker_server_requests_aborted_total{` + from4 + `,` + at4 + `} 0`,
		`shoal_udp_discarded_total{` + from6 + `,reason="error_packet",` + at6 + `} 9`,
		`http_tracker_core_requests_received_total{` + from4 + `,request_kind="announce",` + both + `} 2`,
		`http_tracker_core_requests_received_total{` + from6 + `,request_kind="scrape",` + both + `} 5`,
		`shoal_http_refused_total{` + from4 + `,request_kind="announce",` + both + `} 3`,
		`shoal_http_refused_total{` + from4 + `,request_kind="scrape",` + both + `} 1`,
		`shoal_http_refused_total{` + from4 + `,request_kind="upgrade",` + both + `} 1`,
		`shoal_http_refused_total{` + from4 + `,request_kind="other",` + both + `} 5`,
		`shoal_http_requests_total{` + from4 + `,` + both + `} 19`, // with HEAD and the upgrades
		`shoal_webtorrent_requests_total{` + from6 + `,request_kind="announce"} 3`,
		`shoal_webtorrent_refused_total{` + from6 + `,request_kind="announce"} 4`,
		`shoal_webtorrent_refused_total{` + from6 + `,request_kind="answer"} 1`,
		`shoal_webtorrent_refused_total{` + from6 + `,request_kind="other"} 1`,
		`shoal_webtorrent_connections{` + from4 + `} 2`,
		`swarm_coordination_registry_torrents_total 1`,
		`swarm_coordination_registry_peer_connections_total{peer_role="seeder"} 2`,
		`swarm_coordination_registry_peer_connections_total{peer_role="leecher"} 15`,
		`swarm_coordination_registry_torrents_downloads_total 2`,
		`tracker_core_in_session_torrents_downloads_total 2`,
		`tracker_core_persistent_torrents_downloads_total 2`,
		`shoal_swarm_peers{kind="ipv6"} 7`,
		`shoal_swarm_peers{kind="webtorrent"} 5`,
		`shoal_tcp_connections 5`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("not told: %s", line)
		}
	}
	if strings.Contains(text, "\ntracker_core_persisted") {
		t.Error("told what a database knows, without one")
	}
	if t.Failed() {
		t.Log(text)
	}
}

// What lint finds is in the names of Torrust, and in none of ours.
func TestMetricsLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrapeText(t, serve(t, testConfig(t, "auto"))))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Metric)
	}
	slices.Sort(got)
	want := []string{
		"swarm_coordination_registry_peer_connections_total", // gauges that end in total
		"swarm_coordination_registry_torrents_total",
	}
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("%s\n%v", diff, problems)
	}
}

// Sections that have all known labels in common are told together: the format
// forbids to tell them apart.
func TestMetricsOfSectionsThatLookAlike(t *testing.T) {
	cfg := testConfig(t, "auto")
	cfg.HTTP = append(cfg.HTTP, cfg.HTTP[0])
	a := serve(t, cfg)
	for i := range 4 {
		requests(t, &App{udp: a.udp, sites: a.sites[i/2:]}, i%2).fetch("GET", "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa", 200)
	}
	want := `request_kind="scrape",server_binding_address_ip_type="plain",server_binding_protocol="http"} 2` + "\n"
	if text := scrapeText(t, a); strings.Count(text, want) != 2 {
		t.Errorf("not told for both families: %s\n%s", want, text)
	}
}

func TestBinding(t *testing.T) {
	said := func(addrs ...string) string {
		var parsed []netip.AddrPort
		for _, a := range addrs {
			parsed = append(parsed, netip.MustParseAddrPort(a))
		}
		var all []string
		for _, l := range binding("udp", parsed...) {
			all = append(all, strings.TrimPrefix(l.Name, "server_binding_")+"="+l.Value)
		}
		return strings.Join(all, " ")
	}
	for addrs, want := range map[string]string{
		"0.0.0.0:6969":             "protocol=udp ip=0.0.0.0 port=6969 address_ip_family=inet address_ip_type=plain",
		"[::]:6969":                "protocol=udp ip=:: port=6969 address_ip_family=inet6 address_ip_type=plain",
		"0.0.0.0:6969 [::]:6969":   "protocol=udp port=6969 address_ip_type=plain",
		"0.0.0.0:80 0.0.0.0:443":   "protocol=udp ip=0.0.0.0 address_ip_family=inet address_ip_type=plain",
		"":                         "protocol=udp",
		"192.0.2.1:80 192.0.2.2:1": "protocol=udp address_ip_family=inet address_ip_type=plain",
	} {
		if got := said(strings.Fields(addrs)...); got != want {
			t.Errorf("%q: %s, want %s", addrs, got, want)
		}
	}
}
