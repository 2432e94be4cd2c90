// Package population is the crowd of peers that a load test plays. Everything
// about a peer follows from its number, so that fifty million of them need no
// memory, and an answer can be checked without a record of what was announced.
package population

import (
	"errors"
	"math"
	"math/bits"
	"net/netip"
)

// The ports peers announce: those that no tracker refuses as privileged.
const (
	FirstPort = 1024
	Ports     = 65536 - FirstPort
)

// Neighbouring peers of a source get ports far from each other. The number has
// no factor in common with Ports, so every port is reached.
const portStride = 39877

// A Population is immutable and may be shared.
type Population struct {
	peers, torrents uint64
	sources         []netip.Addr
	loopback        uint32 // the first source, when they follow each other
	places          map[netip.Addr]int

	peerSeed, torrentSeed uint64
	zipf                  float64 // ln(torrents+1)
	uniform               bool
	seeders               uint64 // of 2^32
	portInverse           uint64
}

// Config says how many there are of what.
type Config struct {
	Peers    uint64 // at least 1
	Torrents uint64 // at least 1
	Seeders  float64
	Uniform  bool // all torrents are as popular; not the first by far the most
	Seed     uint64
	Sources  []netip.Addr // where peers announce from, all of one family
}

// New makes a population.
func New(c Config) (*Population, error) {
	switch {
	case c.Peers == 0 || c.Torrents == 0:
		return nil, errors.New("a population needs a peer and a torrent")
	case len(c.Sources) == 0:
		return nil, errors.New("a population needs an address to announce from")
	}
	p := &Population{
		peers: c.Peers, torrents: c.Torrents, sources: c.Sources,
		peerSeed: mix(c.Seed), torrentSeed: mix(^c.Seed),
		zipf:        math.Log(float64(c.Torrents) + 1),
		uniform:     c.Uniform,
		seeders:     uint64(c.Seeders / 100 * (1 << 32)),
		portInverse: inverse(portStride, Ports),
	}
	p.place()
	return p, nil
}

// Peers returns how many there are; they are numbered from 0.
func (p *Population) Peers() uint64 { return p.peers }

// Torrents returns how many there are; they are numbered from 0.
func (p *Population) Torrents() uint64 { return p.torrents }

// Source returns the index of the address that a peer announces from.
func (p *Population) Source(peer uint64) int { return int(peer % uint64(len(p.sources))) }

// Count returns how many peers announce from a source.
func (p *Population) Count(source int) uint64 {
	n := uint64(len(p.sources))
	return (p.peers + n - 1 - uint64(source)) / n
}

// Peer returns the number of the i-th peer of a source, counted from 0.
func (p *Population) Peer(source int, i uint64) uint64 {
	return i*uint64(len(p.sources)) + uint64(source)
}

// Port returns the port of a peer.
func (p *Population) Port(peer uint64) uint16 {
	return uint16(FirstPort + peer/uint64(len(p.sources))*portStride%Ports)
}

// Shared reports whether there are more peers than addresses and ports, so
// that some differ in their torrent alone, or not at all.
func (p *Population) Shared() bool { return p.peers > uint64(len(p.sources))*Ports }

// Torrent returns the torrent of a peer. Popularity falls as 1/rank (Zipf,
// s=1): the logarithm of the rank is uniform. Or it is the same for all.
func (p *Population) Torrent(peer uint64) uint64 {
	return p.torrentOf(p.draw(peer))
}

func (p *Population) torrentOf(draw uint64) uint64 {
	if p.uniform {
		torrent, _ := bits.Mul64(draw, p.torrents)
		return torrent
	}
	u := float64(draw>>11) * (1.0 / (1 << 53))
	return min(uint64(math.Exp(u*p.zipf))-1, p.torrents-1)
}

// draw is the random number that everything random about a peer comes from.
func (p *Population) draw(peer uint64) uint64 { return mix(p.peerSeed + peer*golden) }

// inverse returns the x with a*x = 1 modulo m.
func inverse(a, m uint64) uint64 {
	for x := uint64(1); x < m; x++ {
		if hi, lo := bits.Mul64(a, x); bits.Rem64(hi, lo, m) == 1 {
			return x
		}
	}
	panic("population: the stride of ports has a factor in common with their number")
}
