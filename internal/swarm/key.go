package swarm

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// key is what a peer is known by, its compact form as little-endian numbers:
// the address and the port of a UDP or HTTP peer, the Link of a browser.
type key struct {
	low, high uint64 // high is 0 but for IPv6
	tail      uint16 // likewise
}

// The sizes of compact forms, which also name the families.
const (
	size4    = shoal.CompactSize4
	size6    = shoal.CompactSize6
	sizeLink = 8

	mask4 = 1<<(8*size4) - 1
)

// The kinds of peers, and the size of each one's compact form.
const (
	kind4 = iota
	kind6
	kindBrowsers
	kinds
)

var sizes = [kinds]int{kind4: size4, kind6: size6, kindBrowsers: sizeLink}

func linkKey(l shoal.Link) key { return key{low: uint64(l)} }

// makeKey returns the key of a and the size of its compact form.
func makeKey(a netip.AddrPort) (k key, size int) {
	port := uint64(bits.ReverseBytes16(a.Port()))
	if addr := a.Addr(); addr.Is4() {
		b := addr.As4()
		return key{low: uint64(binary.LittleEndian.Uint32(b[:])) | port<<32}, size4
	}
	b := a.Addr().As16()
	return key{
		low:  binary.LittleEndian.Uint64(b[:]),
		high: binary.LittleEndian.Uint64(b[8:]),
		tail: uint16(port),
	}, size6
}

// keyAt returns the key whose compact form begins at b[from]. Two bytes may be
// read behind an IPv4 one: no array of peers ends with its addresses.
func keyAt(b []byte, from, size int) key {
	if size != size6 {
		low := binary.LittleEndian.Uint64(b[from:])
		if size == size4 {
			low &= mask4
		}
		return key{low: low}
	}
	b = b[from : from+size6]
	return key{
		low:  binary.LittleEndian.Uint64(b),
		high: binary.LittleEndian.Uint64(b[8:]),
		tail: binary.LittleEndian.Uint16(b[16:]),
	}
}

// put writes the compact form of k to b.
func (k key) put(b []byte, size int) {
	if size == size4 {
		binary.LittleEndian.PutUint32(b, uint32(k.low))
		binary.LittleEndian.PutUint16(b[4:], uint16(k.low>>32))
		return
	}
	if size == sizeLink {
		binary.LittleEndian.PutUint64(b, k.low)
		return
	}
	binary.LittleEndian.PutUint64(b, k.low)
	binary.LittleEndian.PutUint64(b[8:], k.high)
	binary.LittleEndian.PutUint16(b[16:], k.tail)
}

// hash spreads keys over indexes. It is seeded, because clients choose their
// addresses and ports and must not choose where they collide.
func (k key) hash(seed *[2]uint64) uint64 {
	high, low := bits.Mul64(k.low^seed[0], k.high^seed[1])
	high, low = bits.Mul64(high^seed[1], low^seed[0]^uint64(k.tail))
	// Without this step the ports of one address would be a sequence whose
	// first bits gather, and the port is the client's to choose.
	high, low = bits.Mul64(high^low^seed[0], seed[1]|1)
	return high ^ low
}

// network returns the /24 or /64 of a peer that is no browser.
func (k key) network(size int) uint64 {
	if size == size4 {
		return k.low & (1<<24 - 1)
	}
	return k.low
}
