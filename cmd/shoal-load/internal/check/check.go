// Package check judges what trackers answer, the same for every transport. Every peer that a tracker hands out must be one that the load test
// may have announced: the population says so without a record.
package check

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// The peers of a worker's first answers are all looked up in the population,
// then those of every 64th: more would cost more than the request.
const (
	verifyFirst = 64
	verifyEvery = 64
)

// Checker judges the answers that one worker gets.
type Checker struct {
	population *population.Population
	wanted     int
	most       uint64 // peers that a torrent may be said to have
	tally      *report.Tally
	answers    uint64
}

// believable is what a torrent may be said to have where a tracker may know
// other peers than ours: what is above is a number below 0.
const believable = math.MaxInt32

// New returns a checker that counts into tally.
func New(p *plan.Plan, tally *report.Tally) *Checker {
	c := &Checker{population: p.Population, wanted: p.NumWant, most: believable, tally: tally}
	if p.Alone {
		c.most = min(c.most, p.Population.Peers())
	}
	return c
}

// Answer is what came back to the announce of a peer.
type Answer struct {
	Peer           uint64
	Interval       uint64 // seconds
	Counted        uint64 // seeders and leechers, by the tracker's count
	Peers4, Peers6 []byte // compact
	Raw            []byte // all of it, to be shown
}

// Announce judges an answer, and counts it.
func (c *Checker) Announce(a *Answer) {
	n4, n6 := len(a.Peers4)/shoal.CompactSize4, len(a.Peers6)/shoal.CompactSize6
	switch {
	case len(a.Peers4)%shoal.CompactSize4 != 0, len(a.Peers6)%shoal.CompactSize6 != 0:
		c.tally.Wrong(report.WrongLength, "peers that do not end where one ends", a.Raw)
	case n4 > c.wanted, n6 > c.wanted:
		c.tally.Wrong(report.WrongPeerCount, fmt.Sprintf("more peers than the %d wanted", c.wanted), a.Raw)
	case uint64(max(n4, n6)) > a.Counted: // some count each family by itself
		c.tally.Wrong(report.WrongCounts, "more peers than are counted", a.Raw)
	case a.Interval == 0 || a.Interval > believable:
		c.tally.Wrong(report.WrongInterval, fmt.Sprintf("an interval of %d seconds", a.Interval), a.Raw)
	case a.Counted > c.most:
		c.tally.Wrong(report.WrongCounts, fmt.Sprintf("%d counted, where %d may be", a.Counted, c.most), a.Raw)
	default:
		c.members(a, uint64(n4+n6))
	}
}

// members looks the peers of some answers up.
func (c *Checker) members(a *Answer, n uint64) {
	c.answers++
	if c.answers <= verifyFirst || c.answers%verifyEvery == 0 {
		c.tally.Verified++
		torrent := c.population.Torrent(a.Peer)
		entry := c.stranger(a.Peers4, shoal.CompactSize4, torrent)
		if entry == nil {
			entry = c.stranger(a.Peers6, shoal.CompactSize6, torrent)
		}
		if entry != nil {
			c.tally.Wrong(report.WrongPeer, fmt.Sprintf("%v was not announced for torrent %v", place(entry), c.population.Hash(torrent)), a.Raw)
			return
		}
		if !c.apart(a, a.Peers4, shoal.CompactSize4) || !c.apart(a, a.Peers6, shoal.CompactSize6) {
			return
		}
	}
	if a.Counted == 0 {
		c.tally.Bare++
	}
	c.tally.Peers += n
	c.tally.Answered[plan.Announce]++
}

// stranger returns the first entry that is no peer of the torrent.
func (c *Checker) stranger(peers []byte, size int, torrent uint64) []byte {
	for ; len(peers) > 0; peers = peers[size:] {
		if !c.population.Member(peers[:size], torrent) {
			return peers[:size]
		}
	}
	return nil
}

// apart wants each peer once. Where more than one peer has an address and port,
// this cannot be told. (The asker among them is no error: no BEP forbids it.)
func (c *Checker) apart(a *Answer, peers []byte, size int) bool {
	if c.population.Shared() {
		return true
	}
	for i := 0; i < len(peers); i += size {
		entry := peers[i:][:size]
		for j := 0; j < i; j += size {
			if bytes.Equal(peers[j:][:size], entry) {
				c.tally.Wrong(report.WrongTwice, fmt.Sprintf("%v comes twice", place(entry)), a.Raw)
				return false
			}
		}
	}
	return true
}

// place reads a compact peer.
func place(entry []byte) netip.AddrPort {
	n := len(entry) - 2
	addr, _ := netip.AddrFromSlice(entry[:n])
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(entry[n:]))
}

// Torrent is what a scrape says of one.
type Torrent struct{ Seeders, Completed, Leechers uint64 }

// Torrent judges what a scrape says of a torrent, and counts what is wrong. An
// answer is counted by the caller: it may hold many.
func (c *Checker) Torrent(t Torrent, raw []byte) bool {
	// Each by itself first: the sum of two must not come round to something small.
	if t.Seeders > c.most || t.Leechers > c.most || t.Seeders+t.Leechers > c.most {
		c.tally.Wrong(report.WrongCounts, fmt.Sprintf("a scrape of %d seeders and %d leechers, where %d peers may be", t.Seeders, t.Leechers, c.most), raw)
		return false
	}
	if t.Completed > believable {
		c.tally.Wrong(report.WrongCounts, fmt.Sprintf("a scrape of %d that completed", t.Completed), raw)
		return false
	}
	return true
}
