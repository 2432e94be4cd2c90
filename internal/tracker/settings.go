package tracker

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
)

// settings are what may change while the tracker serves: replaced whole, so
// that a batch never sees half of a change.
type settings struct {
	chain          *policy.Chain
	private        bool   // nobody is let in without a key
	interval       uint32 // seconds
	jitter         uint32 // seconds by which an interval may be shorter
	minInterval    uint32 // seconds
	defaultNumWant int

	claims               claims     // whose are believed
	external4, external6 netip.Addr // in place of loopback addresses; invalid: none
}

func newSettings(c Config, p *policy.Chain) *settings {
	s := &settings{
		chain:          p,
		private:        p.CheckKey(shoal.AuthKey{}, 0) != shoal.OK,
		interval:       seconds(c.Interval),
		minInterval:    seconds(c.MinInterval),
		defaultNumWant: c.DefaultNumWant,
		claims:         claimsOf(c.UseIPParam),
	}
	s.external4, s.external6 = externals(c.ExternalIP)
	// An interval below the minimum would ask for two things at once.
	s.jitter = s.interval / 10
	if s.minInterval < s.interval {
		s.jitter = min(s.jitter, s.interval-s.minInterval)
	} else {
		s.jitter = 0
	}
	return s
}

// seconds rounds up, because clients take an interval of 0 for none.
func seconds(d time.Duration) uint32 {
	return uint32((d + time.Second - 1) / time.Second)
}

// admit settles where the peer is, checks the rules and settles how many peers
// are wanted.
func (s *settings) admit(req *shoal.AnnounceRequest, now shoal.Tick) shoal.Failure {
	if f := s.locate(req); f != shoal.OK {
		return f
	}
	if f := s.chain.Check(req, now); f != shoal.OK {
		return f
	}
	s.settle(req)
	return shoal.OK
}

// admitBatch is admit for those whose failure is not set yet.
func (s *settings) admitBatch(reqs []shoal.AnnounceRequest, failures []shoal.Failure, now shoal.Tick) {
	for i := range reqs {
		if failures[i] == shoal.OK {
			failures[i] = s.locate(&reqs[i])
		}
	}
	s.chain.CheckBatch(reqs, failures, now)
	for i := range reqs {
		if failures[i] == shoal.OK {
			s.settle(&reqs[i])
		}
	}
}

// settle settles how many peers are wanted. A client that leaves has no use for
// any.
func (s *settings) settle(req *shoal.AnnounceRequest) {
	if req.Event == shoal.EventStopped {
		req.NumWant = 0
	} else if req.NumWant < 0 {
		req.NumWant = s.defaultNumWant
	}
}

// tellTime draws the interval, so that clients which started together (after
// an outage, say) drift apart.
func (s *settings) tellTime(res *shoal.AnnounceResponse) {
	res.Interval = s.interval - rand.Uint32N(s.jitter+1)
	res.MinInterval = s.minInterval
}
