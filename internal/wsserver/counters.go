package wsserver

import "sync/atomic"

// Counters are what a server has done since it was made.
type Counters struct {
	Connections uint64 // open now
	Opened      uint64 // connections that were upgraded
	NotUpgraded uint64 // upgrades that were refused

	Messages  uint64 // of clients, of whatever kind
	Announces uint64 // among them
	Answers   uint64 // among them
	Scrapes   uint64 // among them
	Refused   uint64 // among them, answered with a failure

	OffersRelayed     uint64 // said to the peer they were drawn for
	OffersUndelivered uint64 // not said to him: he was gone, or accepts too little
	OffersUnmatched   uint64 // for which there was no peer, or no place among max_offers
	OffersForgotten   uint64 // said, and not answered when their time was up or others needed their place

	AnswersRelayed     uint64 // said to the peer whose offer they answer
	AnswersUndelivered uint64 // as OffersUndelivered
	AnswersRefused     uint64 // that answer no offer, or that rules forbid

	Broken uint64 // connections closed for what they sent
	Silent uint64 // connections closed for what they did not send
}

// countSets is how many sets of counts connections are spread over, so that
// cores seldom write to the same one.
const countSets = 16

type counts struct {
	opened, closed, notUpgraded                                        atomic.Uint64
	messages, announces, answers, scrapes, refused                     atomic.Uint64
	offersRelayed, offersUndelivered, offersUnmatched, offersForgotten atomic.Uint64
	answersRelayed, answersUndelivered, answersRefused                 atomic.Uint64
	broken, silent                                                     atomic.Uint64

	_ [256 - 17*8]byte // keeps neighbours off one cache line, and off a pair of them
}

// Counters returns the sums of what all connections counted.
func (s *Server) Counters() Counters {
	var sum Counters
	for i := range s.counts {
		c := &s.counts[i]
		// A connection that closes between the two is open, not counted below 0.
		closed := c.closed.Load()
		opened := c.opened.Load()
		sum.Opened += opened
		sum.Connections += opened - closed
		sum.NotUpgraded += c.notUpgraded.Load()
		sum.Messages += c.messages.Load()
		sum.Announces += c.announces.Load()
		sum.Answers += c.answers.Load()
		sum.Scrapes += c.scrapes.Load()
		sum.Refused += c.refused.Load()
		sum.OffersRelayed += c.offersRelayed.Load()
		sum.OffersUndelivered += c.offersUndelivered.Load()
		sum.OffersUnmatched += c.offersUnmatched.Load()
		sum.OffersForgotten += c.offersForgotten.Load()
		sum.AnswersRelayed += c.answersRelayed.Load()
		sum.AnswersUndelivered += c.answersUndelivered.Load()
		sum.AnswersRefused += c.answersRefused.Load()
		sum.Broken += c.broken.Load()
		sum.Silent += c.silent.Load()
	}
	return sum
}

// count adds one to yes or to no.
func count(is bool, yes, no *atomic.Uint64) {
	if is {
		yes.Add(1)
	} else {
		no.Add(1)
	}
}
