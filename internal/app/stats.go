package app

import (
	"net/http"
	"reflect"
	"time"

	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/metrics"
	"github.com/shoal-tracker/shoal/internal/udpserver"
)

// stats returns what was counted since the start, and what the swarm holds now.
// Each figure is exact; while requests come, they are of moments that lie apart by
// what it takes to read them.
func (a *App) stats() api.Stats {
	var s api.Stats
	a.swarmStats(&s)
	a.udpStats(&s)
	a.httpStats(&s)
	a.browserStats(&s)
	s.More.UptimeSeconds = uint64(time.Since(a.started) / time.Second)
	return s
}

func (a *App) swarmStats(s *api.Stats) {
	t := a.swarm.Totals()
	s.Torrents, s.Seeders, s.Leechers = uint64(t.Torrents), uint64(t.Seeders), uint64(t.Leechers)
	s.More.Peers, s.More.Peers4, s.More.Peers6, s.More.Browsers = uint64(t.Peers), uint64(t.IPv4), uint64(t.IPv6), uint64(t.Browsers)

	s.CompletedInSession = a.swarm.CompletedTotal()
	s.Completed = s.CompletedInSession
	if s.CompletedPersistedEnabled = a.config.Database.Driver != "none"; s.CompletedPersistedEnabled {
		// What waits to be written down is counted as if it were.
		s.CompletedPersisted = a.completedBefore.Load() + s.CompletedInSession
		s.Completed = s.CompletedPersisted
	}
}

// udpCounts returns the counts of each listener.
func (a *App) udpCounts() (all []udpserver.Counts) {
	for _, server := range a.udp {
		all = append(all, server.Snapshot()...)
	}
	return all
}

// unanswered is how many packets got no answer on purpose: those that are no request,
// come from where no client is, or bring no valid connection ID.
func unanswered(c *udpserver.Counts) uint64 {
	return c.Short + c.PortZero + c.Own + c.ErrorPackets + c.Unverified
}

func (a *App) udpStats(s *api.Stats) {
	var timing udpTiming
	for _, c := range a.udpCounts() {
		// A listener of IPv6 takes no IPv4, so its family is that of its clients.
		if c.Addr.Addr().Unmap().Is4() {
			s.UDP4Requests += c.Received
			s.UDP4Connects += c.Connects
			s.UDP4Announces += c.Announces
			s.UDP4Scrapes += c.Scrapes
			s.UDP4Responses += c.Replies
			s.UDP4Errors += c.Errors
		} else {
			s.UDP6Requests += c.Received
			s.UDP6Connects += c.Connects
			s.UDP6Announces += c.Announces
			s.UDP6Scrapes += c.Scrapes
			s.UDP6Responses += c.Replies
			s.UDP6Errors += c.Errors
		}
		s.UDPDiscarded += unanswered(&c)
		s.UDPAborted += c.Dropped
		timing.add(&c)
	}
	s.UDPConnectNS, s.UDPAnnounceNS, s.UDPScrapeNS = timing.connects.average(), timing.announces.average(), timing.scrapes.average()
}

func (a *App) httpStats(s *api.Stats) {
	for _, site := range a.sites {
		c := site.server.Counters()
		s.TCP4Announces += c.V4.Announces
		s.TCP4Scrapes += c.V4.Scrapes
		s.More.TCP4Errors += c.V4.Refused
		s.TCP6Announces += c.V6.Announces
		s.TCP6Scrapes += c.V6.Scrapes
		s.More.TCP6Errors += c.V6.Refused
	}
	s.TCP4Connections = s.TCP4Announces + s.TCP4Scrapes
	s.TCP6Connections = s.TCP6Announces + s.TCP6Scrapes
	s.More.TCPOpen = uint64(a.connections.Open())
}

func (a *App) browserStats(s *api.Stats) {
	c, more := a.browsers.Counters(), &s.More
	more.WSOpen = c.Connections
	more.WS4Connections, more.WS6Connections = c.V4.Opened, c.V6.Opened
	more.WS4Announces, more.WS6Announces = c.V4.Announces, c.V6.Announces
	more.WS4Scrapes, more.WS6Scrapes = c.V4.Scrapes, c.V6.Scrapes
	more.WS4Errors, more.WS6Errors = c.V4.Refused, c.V6.Refused
}

// notLines are the counts that Torrust's statistics have as JSON alone.
var notLines = map[string]bool{"completed_in_session": true, "completed_persisted": true}

// statsText says the statistics as Torrust does in lines.
func (a *App) statsText() http.Handler {
	return metrics.Lines(func() []metrics.Line { return statsLines(a.stats()) })
}

// statsLines are Torrust's fields in their order, each under the name that it has
// in JSON.
func statsLines(s api.Stats) (lines []metrics.Line) {
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if v.Field(i).Kind() == reflect.Uint64 && !notLines[name] {
			lines = append(lines, metrics.Line{Name: name, Value: v.Field(i).Uint()})
		}
	}
	return lines
}

// udpTiming puts together what listeners timed.
type udpTiming struct{ connects, announces, scrapes timed }

// timed is a number of requests, and what they took together in nanoseconds.
type timed struct{ requests, ns uint64 }

func (t *udpTiming) add(c *udpserver.Counts) {
	t.connects.add(c.ConnectsTimed, c.ConnectNS)
	t.announces.add(c.AnnouncesTimed, c.AnnounceNS)
	t.scrapes.add(c.ScrapesTimed, c.ScrapeNS)
}

// add adds what took so many nanoseconds on average.
func (t *timed) add(requests, average uint64) {
	t.requests += requests
	t.ns += requests * average
}

// average rounds, and is 0 where nothing was timed.
func (t timed) average() uint64 {
	if t.requests == 0 {
		return 0
	}
	return (t.ns + t.requests/2) / t.requests
}
