package population

import (
	"encoding/binary"
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// place prepares the way back from an address to its source.
func (p *Population) place() {
	first := p.sources[0]
	consecutive := first.Is4()
	next := first
	for _, a := range p.sources {
		consecutive = consecutive && a == next
		next = next.Next()
	}
	if consecutive {
		b := first.As4()
		p.loopback = binary.BigEndian.Uint32(b[:])
		return
	}
	p.places = make(map[netip.Addr]int, len(p.sources))
	for i, a := range p.sources {
		p.places[a] = i
	}
}

// EntrySize returns the bytes of a compact peer of the population's family.
func (p *Population) EntrySize() int {
	if p.sources[0].Is4() {
		return shoal.CompactSize4
	}
	return shoal.CompactSize6
}

// Member reports whether a compact peer, as a tracker handed it out, is one
// that could have been announced for the torrent. It goes through the peers of
// that address and port: one, unless the population is Shared.
func (p *Population) Member(entry []byte, torrent uint64) bool {
	n := len(entry) - 2
	source := p.sourceOf(entry[:n])
	port := uint64(binary.BigEndian.Uint16(entry[n:]))
	if source < 0 || port < FirstPort {
		return false
	}
	count := p.Count(source)
	for i := (port - FirstPort) * p.portInverse % Ports; i < count; i += Ports {
		if p.Torrent(p.Peer(source, i)) == torrent {
			return true
		}
	}
	return false
}

// sourceOf returns the index of an address, or -1.
func (p *Population) sourceOf(address []byte) int {
	if p.places == nil && len(address) == 4 {
		if i := binary.BigEndian.Uint32(address) - p.loopback; i < uint32(len(p.sources)) {
			return int(i)
		}
		return -1
	}
	a, _ := netip.AddrFromSlice(address)
	if i, ok := p.places[a]; ok {
		return i
	}
	return -1
}
