package wsserver

import (
	"net/netip"
	"sync/atomic"
)

// Counters are what a server has done since it was made.
type Counters struct {
	Family // of both families together

	// By the family of the address that a connection was upgraded for; an
	// IPv4-mapped one is IPv4. What passes from one connection to another is
	// counted for whose connection it was counted on, as said below.
	V4, V6 Family
}

// Family is what was done for the clients of one family.
type Family struct {
	Connections uint64 // open now
	Opened      uint64 // connections that were upgraded
	NotUpgraded uint64 // upgrades that were refused here; httpserver counts them as UpgradesRefused too

	// Each message is counted once: it was answered, as an announce, an answer
	// or a scrape, or it was refused.
	Messages  uint64 // of clients, of whatever kind
	Announces uint64 // answered
	Answers   uint64 // accepted; see AnswersRelayed for what came of them
	Scrapes   uint64 // answered

	Refused          uint64 // answered with a failure, of whatever kind; those that cannot be read are of none
	AnnouncesRefused uint64 // among Refused
	AnswersRefused   uint64 // among Refused: that answer no offer, or that rules forbid
	ScrapesRefused   uint64 // among Refused

	// Each offer of an announce that was answered is counted once: relayed or
	// undelivered, by the connection it was for, or unmatched, by its sender's.
	// Undelivered are by the sender's if the engine took none, and in
	// streamio.Loops.Undelivered, and not here, if it took them and their
	// connection ended first.
	OffersRelayed     uint64 // said to the peer they were drawn for
	OffersUndelivered uint64 // not said to him: he was gone, or accepts too little
	OffersUnmatched   uint64 // for which there was no peer, or no place among max_offers
	OffersForgotten   uint64 // among OffersRelayed: not answered when their time was up or others needed their place

	// Each of Answers is counted once, as an offer is.
	AnswersRelayed     uint64 // said to the peer whose offer they answer
	AnswersUndelivered uint64 // as OffersUndelivered

	Broken uint64 // connections closed for what they sent
	Silent uint64 // connections closed for what they did not send
}

// kind is what a message asked for.
type kind uint8

const (
	unreadKind kind = iota // nobody knows what
	announceKind
	answerKind
	scrapeKind

	kindsLen = iota
)

// countSets is how many sets of counts connections are spread over, so that
// cores seldom write to the same one.
const countSets = 16

// countSet is the counts of both families.
type countSet struct{ v4, v6 counts }

// of returns the counts of a client's family.
func (c *countSet) of(client netip.Addr) *counts {
	if client.Is4() || client.Is4In6() {
		return &c.v4
	}
	return &c.v6
}

type counts struct {
	opened, closed, notUpgraded atomic.Uint64

	answered, refused [kindsLen]atomic.Uint64 // a message adds to one of them

	offersRelayed, offersUndelivered, offersUnmatched, offersForgotten atomic.Uint64
	answersRelayed, answersUndelivered                                 atomic.Uint64
	broken, silent                                                     atomic.Uint64

	_ [256 - (11+2*kindsLen)*8]byte // keeps neighbours off one cache line, and off a pair of them
}

// Counters returns the sums of what all connections counted.
func (s *Server) Counters() Counters {
	var sum Counters
	for i := range s.counts {
		sum.V4.add(&s.counts[i].v4)
		sum.V6.add(&s.counts[i].v6)
		sum.Family.add(&s.counts[i].v4)
		sum.Family.add(&s.counts[i].v6)
	}
	return sum
}

// add adds what is counted in c.
func (f *Family) add(c *counts) {
	// A connection that closes between the two is open, not counted below 0.
	closed := c.closed.Load()
	opened := c.opened.Load()
	f.Opened += opened
	f.Connections += opened - closed
	f.NotUpgraded += c.notUpgraded.Load()
	var answered, refused [kindsLen]uint64
	for k := range kindsLen {
		answered[k], refused[k] = c.answered[k].Load(), c.refused[k].Load()
		f.Messages += answered[k] + refused[k]
		f.Refused += refused[k]
	}
	f.Announces += answered[announceKind]
	f.Answers += answered[answerKind]
	f.Scrapes += answered[scrapeKind]
	f.AnnouncesRefused += refused[announceKind]
	f.AnswersRefused += refused[answerKind]
	f.ScrapesRefused += refused[scrapeKind]
	f.OffersRelayed += c.offersRelayed.Load()
	f.OffersUndelivered += c.offersUndelivered.Load()
	f.OffersUnmatched += c.offersUnmatched.Load()
	f.OffersForgotten += c.offersForgotten.Load()
	f.AnswersRelayed += c.answersRelayed.Load()
	f.AnswersUndelivered += c.answersUndelivered.Load()
	f.Broken += c.broken.Load()
	f.Silent += c.silent.Load()
}

// count adds one to yes or to no.
func count(is bool, yes, no *atomic.Uint64) {
	if is {
		yes.Add(1)
	} else {
		no.Add(1)
	}
}
