package udpserver

import (
	"net/netip"
	"sync/atomic"
)

// What is counted, as an index.
const (
	received = iota
	receivedBytes
	replies
	replyBytes
	connects
	announces
	scrapes
	errorReplies
	short
	portZero
	ownAddress
	errorPackets
	unverified
	connectsTimed
	connectsNS
	announcesTimed
	announcesNS
	scrapesTimed
	scrapesNS
	countersLen
)

// tally is what a worker counts in a batch.
type tally [countersLen]uint64

// counters are what a worker has counted. The padding keeps other workers' and
// its own working memory off their cache lines (two, because processors fetch
// lines in pairs): a reader then costs the worker nothing.
type counters struct {
	_ [128]byte
	n [countersLen]atomic.Uint64
	_ [128]byte
}

// add moves t into the counters: once a batch, because an atomic addition costs
// as much as a good part of a packet.
func (c *counters) add(t *tally) {
	for i, n := range t {
		if n != 0 {
			c.n[i].Add(n)
		}
	}
	*t = tally{}
}

// Counts is what one listener has counted since it was made. Every packet
// received is an answer counted in Replies, or one of the silent counts.
//
// They are counts by family as well: a listener at an IPv4 address is sent only
// IPv4 packets, one at an IPv6 address only IPv6 (its socket has IPV6_V6ONLY), so
// that Addr tells the family of all senders.
type Counts struct {
	Addr netip.AddrPort // listened on; never IPv4-mapped

	Received      uint64 // packets, whatever is in them: what others call requests
	ReceivedBytes uint64 // of UDP payload
	Replies       uint64 // connects, announces, scrapes and errors together
	ReplyBytes    uint64 // of UDP payload
	Dropped       uint64 // replies the kernel did not take

	Connects  uint64 // answered
	Announces uint64 // answered
	Scrapes   uint64 // answered
	Errors    uint64 // error replies, which only verified senders get

	Short        uint64 // silent: too short for any request
	PortZero     uint64 // silent: from port 0
	Own          uint64 // silent: from one of our own listeners
	ErrorPackets uint64 // silent: error packets, which no client sends
	Unverified   uint64 // silent: without a valid connection ID

	// What a request takes on average since the listener was made, in
	// nanoseconds, from the packet as received to the reply as it will be sent;
	// 0: none was timed. They are those of some of the requests answered without
	// an error, see timing.go. An announce takes its own time to be read, and an
	// equal part of the time in which the swarm answers the batch that it is in.
	// The averages of listeners are to be weighted with the number timed.
	ConnectNS, AnnounceNS, ScrapeNS             uint64
	ConnectsTimed, AnnouncesTimed, ScrapesTimed uint64
}

// Snapshot returns the counts of each listener, in the order of Addrs. The
// numbers of one listener may be a batch apart.
func (s *Server) Snapshot() []Counts {
	snapshot := make([]Counts, len(s.groups))
	for i, g := range s.groups {
		c := Counts{Addr: g.addr}
		var connectNS, announceNS, scrapeNS uint64
		for _, w := range g.workers {
			n := &w.counters.n
			c.Received += n[received].Load()
			c.ReceivedBytes += n[receivedBytes].Load()
			c.Replies += n[replies].Load()
			c.ReplyBytes += n[replyBytes].Load()
			c.Dropped += w.socket.Dropped()
			c.Connects += n[connects].Load()
			c.Announces += n[announces].Load()
			c.Scrapes += n[scrapes].Load()
			c.Errors += n[errorReplies].Load()
			c.Short += n[short].Load()
			c.PortZero += n[portZero].Load()
			c.Own += n[ownAddress].Load()
			c.ErrorPackets += n[errorPackets].Load()
			c.Unverified += n[unverified].Load()
			c.ConnectsTimed += n[connectsTimed].Load()
			c.AnnouncesTimed += n[announcesTimed].Load()
			c.ScrapesTimed += n[scrapesTimed].Load()
			connectNS += n[connectsNS].Load()
			announceNS += n[announcesNS].Load()
			scrapeNS += n[scrapesNS].Load()
		}
		c.ConnectNS = mean(connectNS, c.ConnectsTimed)
		c.AnnounceNS = mean(announceNS, c.AnnouncesTimed)
		c.ScrapeNS = mean(scrapeNS, c.ScrapesTimed)
		snapshot[i] = c
	}
	return snapshot
}
