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
type Counts struct {
	Addr netip.AddrPort // listened on

	Received      uint64 // packets
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
}

// Snapshot returns the counts of each listener, in the order of Addrs. The
// numbers of one listener may be a batch apart.
func (s *Server) Snapshot() []Counts {
	snapshot := make([]Counts, len(s.groups))
	for i, g := range s.groups {
		c := Counts{Addr: g.addr}
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
		}
		snapshot[i] = c
	}
	return snapshot
}
