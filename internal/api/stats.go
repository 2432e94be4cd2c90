package api

// Stats is what /api/v1/stats says: Torrust's fields in their order, then ours.
// Counts are since the start; those that say otherwise are of this moment.
type Stats struct {
	Torrents  uint64 `json:"torrents"`  // of this moment
	Seeders   uint64 `json:"seeders"`   // of this moment, all families and browsers
	Completed uint64 `json:"completed"` // deprecated there: completed_persisted with a database, else completed_in_session

	CompletedInSession        uint64 `json:"completed_in_session"`
	CompletedPersisted        uint64 `json:"completed_persisted"` // ever, with those of this session
	CompletedPersistedEnabled bool   `json:"completed_persisted_enabled"`

	Leechers uint64 `json:"leechers"` // of this moment

	TCP4Connections uint64 `json:"tcp4_connections_handled"` // HTTP announces and scrapes, as Torrust counts them
	TCP4Announces   uint64 `json:"tcp4_announces_handled"`
	TCP4Scrapes     uint64 `json:"tcp4_scrapes_handled"`
	TCP6Connections uint64 `json:"tcp6_connections_handled"`
	TCP6Announces   uint64 `json:"tcp6_announces_handled"`
	TCP6Scrapes     uint64 `json:"tcp6_scrapes_handled"`

	UDPDiscarded  uint64 `json:"udp_requests_discarded"` // silent: what nobody could answer
	UDPAborted    uint64 `json:"udp_requests_aborted"`   // replies that the kernel did not take
	UDPBanned     uint64 `json:"udp_requests_banned"`    // 0: nobody is banned here
	UDPBannedIPs  uint64 `json:"udp_banned_ips_total"`   // 0
	UDPConnectNS  uint64 `json:"udp_avg_connect_processing_time_ns"`
	UDPAnnounceNS uint64 `json:"udp_avg_announce_processing_time_ns"`
	UDPScrapeNS   uint64 `json:"udp_avg_scrape_processing_time_ns"`
	UDP4Requests  uint64 `json:"udp4_requests"`
	UDP4Connects  uint64 `json:"udp4_connections_handled"`
	UDP4Announces uint64 `json:"udp4_announces_handled"`
	UDP4Scrapes   uint64 `json:"udp4_scrapes_handled"`
	UDP4Responses uint64 `json:"udp4_responses"`
	UDP4Errors    uint64 `json:"udp4_errors_handled"`
	UDP6Requests  uint64 `json:"udp6_requests"`
	UDP6Connects  uint64 `json:"udp6_connections_handled"`
	UDP6Announces uint64 `json:"udp6_announces_handled"`
	UDP6Scrapes   uint64 `json:"udp6_scrapes_handled"`
	UDP6Responses uint64 `json:"udp6_responses"`
	UDP6Errors    uint64 `json:"udp6_errors_handled"`

	More StatsMore `json:"shoal"` // left out when torrust_compatible
}

// StatsMore is what Torrust's statistics lack.
type StatsMore struct {
	Peers      uint64 `json:"peers"` // of this moment, as all without "since the start"
	Peers4     uint64 `json:"peers_ipv4"`
	Peers6     uint64 `json:"peers_ipv6"`
	Browsers   uint64 `json:"peers_webtorrent"`
	TCP4Errors uint64 `json:"tcp4_errors_handled"` // since the start: answered with a failure
	TCP6Errors uint64 `json:"tcp6_errors_handled"`

	WS4Connections uint64 `json:"ws4_connections_handled"` // since the start: upgraded
	WS4Announces   uint64 `json:"ws4_announces_handled"`
	WS4Scrapes     uint64 `json:"ws4_scrapes_handled"`
	WS4Errors      uint64 `json:"ws4_errors_handled"`
	WS6Connections uint64 `json:"ws6_connections_handled"`
	WS6Announces   uint64 `json:"ws6_announces_handled"`
	WS6Scrapes     uint64 `json:"ws6_scrapes_handled"`
	WS6Errors      uint64 `json:"ws6_errors_handled"`
	WSOpen         uint64 `json:"ws_connections"`  // of this moment
	TCPOpen        uint64 `json:"tcp_connections"` // of this moment: all sockets of [[http]]

	UptimeSeconds uint64 `json:"uptime_seconds"`
}
