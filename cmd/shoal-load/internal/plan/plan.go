// Package plan is what a load test was told to do, whatever the transport: how
// long, how fast, with which mix of requests.
package plan

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
)

// Plan is the same for all workers of a run.
type Plan struct {
	Target      netip.AddrPort
	Sources     []netip.Addr // an unspecified address: the kernel chooses
	Population  *population.Population
	Duration    time.Duration
	Connections int     // UDP: requests in flight; HTTP, WebTorrent: connections
	Workers     int     // threads
	Rate        float64 // requests a second; 0: as fast as answers come
	Requests    uint64  // ends after so many; 0: by Duration alone
	Fill        bool    // announces every peer once, and ends
	Portable    bool    // only what every platform has
	Timeout     time.Duration
	Nap         time.Duration // longest, while answers gather
	Segment     bool          // UDP: the kernel may cut several requests out of one message
	KeepAlive   bool          // HTTP
	Path        string        // HTTP, WebTorrent: of announces
	Host        string        // HTTP, WebTorrent: as the target was named
	TLS         *tls.Config   // HTTP, WebTorrent: nil: without
	Resume      bool          // HTTP, WebTorrent: with TLS: a connection resumes the session of the one before it
	Idle        bool          // HTTP, WebTorrent: announces once on each connection, and holds all for Duration without traffic
	Holding     func(int)     // HTTP, WebTorrent: told how many connections are held, when the holding begins; nil: nobody is
	Offers      int           // WebTorrent: of an announce
	SDP         int           // WebTorrent: bytes of an offer or an answer
	Churn       float64       // WebTorrent: connections a second that are closed and opened again

	AnswerReplies bool          // WebTorrent: the tracker replies to answers as it does to announces
	Rest          time.Duration // WebTorrent: silence before the load and after it, when all connections are open
	Loading       func(int)     // WebTorrent: told how many connections are open, before the first silence; nil: nobody is
	Loaded        func()        // WebTorrent: told when the load is over, before the second silence; nil: nobody is

	NumWant int
	Scrape  float64 // percent of requests
	Connect float64 // percent of requests; UDP
	Hashes  int     // in a scrape
	Seed    uint64
	Alone   bool // the seed was drawn: no tracker knows more of these torrents' peers
}

// Closed reports whether each answer brings the next request forth.
func (p *Plan) Closed() bool { return p.Rate == 0 }

// SourcesOf returns the indexes of the sources that a worker announces from.
func (p *Plan) SourcesOf(worker int) (sources []int) {
	for i := worker; i < len(p.Sources); i += p.Workers {
		sources = append(sources, i)
	}
	return sources
}

// share returns the part of total that falls to one of n.
func share(total uint64, i, n int) uint64 {
	part := total / uint64(n)
	if uint64(i) < total%uint64(n) {
		part++
	}
	return part
}

// ConnectionsOf returns how many of Connections a worker has, at least 1.
func (p *Plan) ConnectionsOf(worker int) int {
	return max(1, int(share(uint64(p.Connections), worker, p.Workers)))
}

// RequestsOf returns after how many requests a worker ends; 0: never.
func (p *Plan) RequestsOf(worker int) uint64 {
	switch {
	case p.Fill:
		n := uint64(0)
		for _, s := range p.SourcesOf(worker) {
			n += p.Population.Count(s)
		}
		return n
	case p.Requests > 0:
		return share(p.Requests, worker, p.Workers)
	}
	return 0
}

// patience is how many timeouts without any answer end a Fill, which would
// otherwise repeat itself for ever to a tracker that is gone.
const patience = 10

// GivenUp reports whether a target to be filled, which answered last at a time
// of the worker's clock, has gone.
func (p *Plan) GivenUp(now, answered int64) bool {
	return p.Fill && now-answered > patience*int64(p.Timeout)
}
