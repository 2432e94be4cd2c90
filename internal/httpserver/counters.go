package httpserver

import "sync/atomic"

// Counters are what a server has done since it was made.
type Counters struct {
	Requests  uint64 // requests that were answered, of whatever kind
	Announces uint64 // announces among them; HEAD is none
	Scrapes   uint64 // scrapes among them
	Upgrades  uint64 // those among them that asked for a WebSocket
	Refused   uint64 // requests among them that were answered with a failure
}

// countSets is how many sets of counts connections are spread over, so that
// cores seldom write to the same one.
const countSets = 16

type counts struct {
	requests, announces, scrapes, upgrades, refused atomic.Uint64

	lone atomic.Uint64 // announces while all came from one private address

	_ [128 - 6*8]byte // keeps neighbours off one cache line, and off a pair of them
}

// Counters returns the sums of what all connections counted.
func (s *Server) Counters() Counters {
	var sum Counters
	for i := range s.counts {
		c := &s.counts[i]
		sum.Requests += c.requests.Load()
		sum.Announces += c.announces.Load()
		sum.Scrapes += c.scrapes.Load()
		sum.Upgrades += c.upgrades.Load()
		sum.Refused += c.refused.Load()
	}
	return sum
}
