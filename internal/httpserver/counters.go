package httpserver

import (
	"net/netip"
	"sync/atomic"
)

// Counters are what a server has done since it was made.
type Counters struct {
	Family // of both families together

	// By the family of the client's address; an IPv4-mapped one is IPv4. Behind
	// a trusted proxy it is the address that the proxy names. Where it names none
	// it is its own, which has the family of what the client may claim then.
	V4, V6 Family
}

// Family is what was done for the clients of one family. Each request is counted
// once: it was answered, as an announce, a scrape, an upgrade or something else,
// or it was refused.
type Family struct {
	// Connections is TCP connections on which a request or more was answered or
	// refused: each once, with its first. What Torrust calls connections handled
	// is Announces + Scrapes instead.
	Connections uint64

	Requests  uint64 // of whatever kind, answered or refused; HEAD, redirects and challenges of ACME among them
	Announces uint64 // answered; HEAD is none
	Scrapes   uint64 // answered
	Upgrades  uint64 // granted: from then on the connection is wsserver's

	Refused          uint64 // answered with a failure, of whatever kind
	AnnouncesRefused uint64 // among Refused
	ScrapesRefused   uint64 // among Refused

	// UpgradesRefused is among Refused. Those that wsserver refused are in its
	// NotUpgraded too: do not add the two up.
	UpgradesRefused uint64
}

// kind is what a request asked for.
type kind uint8

const (
	otherKind kind = iota // or nobody knows what
	announceKind
	scrapeKind
	upgradeKind

	kindsLen = iota
)

// countSets is how many sets of counts connections are spread over, so that
// cores seldom write to the same one.
const countSets = 16

// counts are one set. A request adds to one of them, and the first of its
// connection to a second: atomic additions cost as much as a good part of it.
type counts struct {
	v4, v6 familyCounts

	lone atomic.Uint64 // announces while all came from one private address

	_ [256 - 2*(1+2*kindsLen)*8 - 8]byte // keeps neighbours off one cache line, and off a pair of them
}

type familyCounts struct {
	connections       atomic.Uint64
	answered, refused [kindsLen]atomic.Uint64
}

// of returns the counts of a client's family.
func (c *counts) of(client netip.Addr) *familyCounts {
	if client.Is4() || client.Is4In6() {
		return &c.v4
	}
	return &c.v6
}

// count counts a request that has its reply.
func (c *connection) count(r *request) {
	n := c.counts.of(r.client)
	if !c.asked {
		c.asked = true
		n.connections.Add(1)
	}
	if r.refused {
		n.refused[r.kind].Add(1)
	} else {
		n.answered[r.kind].Add(1)
	}
}

// Counters returns the sums of what all connections counted.
func (s *Server) Counters() Counters {
	var sum Counters
	for i := range s.counts {
		sum.V4.add(&s.counts[i].v4)
		sum.V6.add(&s.counts[i].v6)
	}
	sum.Family = sum.V4.plus(sum.V6)
	return sum
}

// add adds what is counted in c.
func (f *Family) add(c *familyCounts) {
	var answered, refused [kindsLen]uint64
	for k := range kindsLen {
		answered[k], refused[k] = c.answered[k].Load(), c.refused[k].Load()
		f.Requests += answered[k] + refused[k]
		f.Refused += refused[k]
	}
	f.Connections += c.connections.Load()
	f.Announces += answered[announceKind]
	f.Scrapes += answered[scrapeKind]
	f.Upgrades += answered[upgradeKind]
	f.AnnouncesRefused += refused[announceKind]
	f.ScrapesRefused += refused[scrapeKind]
	f.UpgradesRefused += refused[upgradeKind]
}

// plus returns the sum of two families.
func (f Family) plus(g Family) Family {
	return Family{
		Connections:      f.Connections + g.Connections,
		Requests:         f.Requests + g.Requests,
		Announces:        f.Announces + g.Announces,
		Scrapes:          f.Scrapes + g.Scrapes,
		Upgrades:         f.Upgrades + g.Upgrades,
		Refused:          f.Refused + g.Refused,
		AnnouncesRefused: f.AnnouncesRefused + g.AnnouncesRefused,
		ScrapesRefused:   f.ScrapesRefused + g.ScrapesRefused,
		UpgradesRefused:  f.UpgradesRefused + g.UpgradesRefused,
	}
}
