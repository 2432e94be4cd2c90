package app

import (
	"github.com/shoal-tracker/shoal/internal/httpserver"
	"github.com/shoal-tracker/shoal/internal/metrics"
	"github.com/shoal-tracker/shoal/internal/wsserver"
)

// httpFamilies are the figures of the HTTP trackers, by section: connections of all
// its addresses are counted together.
func (a *App) httpFamilies() []metrics.Family {
	var answered, requests, refused, connections []metrics.Sample
	for _, s := range a.sites {
		protocol := "http"
		if s.certificates != nil {
			protocol = "https" // of the section: it may serve requests without TLS, too
		}
		at, c := binding(protocol, s.addrs()...), s.server.Counters()
		for _, f := range []struct {
			v4 bool
			httpserver.Family
		}{{true, c.V4}, {false, c.V6}} {
			from := client(f.v4)
			answered = append(answered,
				sample(f.Announces, at, from, requestKind("announce")),
				sample(f.Scrapes, at, from, requestKind("scrape")))
			requests = append(requests, sample(f.Requests, at, from))
			refused = append(refused,
				sample(f.AnnouncesRefused, at, from, requestKind("announce")),
				sample(f.ScrapesRefused, at, from, requestKind("scrape")),
				sample(f.UpgradesRefused, at, from, requestKind("upgrade")),
				sample(f.Refused-f.AnnouncesRefused-f.ScrapesRefused-f.UpgradesRefused, at, from, requestKind("other")))
			connections = append(connections, sample(f.Connections, at, from))
		}
	}
	return []metrics.Family{
		counter("http_tracker_core_requests_received_total", "HTTP announces and scrapes answered with what they asked for.", answered...),
		counter("shoal_http_requests_total", "HTTP requests of whatever kind, answered or refused.", requests...),
		counter("shoal_http_refused_total", "HTTP requests answered with a failure.", refused...),
		counter("shoal_http_connections_total", "TCP connections on which an HTTP request or more was read.", connections...),
	}
}

// browserFamilies are the figures of WebTorrent, all sections together. Torrust has
// no names for them.
func browserFamilies(c wsserver.Counters) []metrics.Family {
	var open, opened, answered, refused, offers, answers, forgotten, closed []metrics.Sample
	for _, f := range []struct {
		v4 bool
		wsserver.Family
	}{{true, c.V4}, {false, c.V6}} {
		from := client(f.v4)
		open = append(open, sample(f.Connections, from))
		opened = append(opened, sample(f.Opened, from))
		answered = append(answered,
			sample(f.Announces, from, requestKind("announce")),
			sample(f.Answers, from, requestKind("answer")),
			sample(f.Scrapes, from, requestKind("scrape")))
		refused = append(refused,
			sample(f.AnnouncesRefused, from, requestKind("announce")),
			sample(f.AnswersRefused, from, requestKind("answer")),
			sample(f.ScrapesRefused, from, requestKind("scrape")),
			sample(f.Refused-f.AnnouncesRefused-f.AnswersRefused-f.ScrapesRefused, from, requestKind("other")))
		offers = append(offers,
			sample(f.OffersRelayed, from, labels("result", "relayed")),
			sample(f.OffersUndelivered, from, labels("result", "undelivered")),
			sample(f.OffersUnmatched, from, labels("result", "unmatched")))
		forgotten = append(forgotten, sample(f.OffersForgotten, from))
		answers = append(answers,
			sample(f.AnswersRelayed, from, labels("result", "relayed")),
			sample(f.AnswersUndelivered, from, labels("result", "undelivered")))
		closed = append(closed,
			sample(f.Broken, from, labels("reason", "broken")),
			sample(f.Silent, from, labels("reason", "silent")))
	}
	return []metrics.Family{
		gauge("shoal_webtorrent_connections", "WebSockets that are open.", open...),
		counter("shoal_webtorrent_connections_total", "WebSockets that were opened.", opened...),
		counter("shoal_webtorrent_connections_closed_total", "WebSockets closed for what they sent, or did not send.", closed...),
		counter("shoal_webtorrent_requests_total", "WebTorrent messages answered with what they asked for.", answered...),
		counter("shoal_webtorrent_refused_total", "WebTorrent messages answered with a failure.", refused...),
		counter("shoal_webtorrent_offers_total", "Offers of announces that were answered.", offers...),
		counter("shoal_webtorrent_offers_forgotten_total", "Offers that were relayed, and not answered in time.", forgotten...),
		counter("shoal_webtorrent_answers_total", "Answers that were accepted.", answers...),
	}
}
