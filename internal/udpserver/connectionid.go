package udpserver

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/dchest/siphash"
	"github.com/shoal-tracker/shoal"
)

// connectionIDs makes and checks connection IDs without remembering any: an ID
// is a keyed hash of the address and of the epoch it was made in. It does not
// hang on the port, which NATs change between packets. An IPv6 address counts
// whole: with an ID for a /64, its holder could store a peer at each of 2^64
// addresses.
//
// The lowest bit is not of the hash but the epoch's parity: it tells the
// current epoch from the one before, the only two that are honoured, so that
// any ID is checked by one hash. 63 bits are left to guess.
type connectionIDs struct {
	k0, k1 uint64
	length int64 // of an epoch, in ticks
}

func newConnectionIDs(secret [16]byte, epoch time.Duration) connectionIDs {
	return connectionIDs{
		k0:     binary.LittleEndian.Uint64(secret[:8]),
		k1:     binary.LittleEndian.Uint64(secret[8:]),
		length: epoch.Milliseconds(),
	}
}

// epoch returns the epoch that now is in.
func (c *connectionIDs) epoch(now shoal.Tick) uint64 { return uint64(int64(now) / c.length) }

// issue returns the connection ID of an address in an epoch.
func (c *connectionIDs) issue(addr netip.Addr, epoch uint64) uint64 {
	// 4 + 8 bytes or 16 + 8: an address of one family never hashes what one of
	// the other does.
	var b [24]byte
	p := b[:]
	if addr.Is4() {
		a := addr.As4()
		p = b[:12]
		copy(p, a[:])
	} else {
		b16 := addr.As16()
		copy(p, b16[:])
	}
	binary.BigEndian.PutUint64(p[len(p)-8:], epoch)
	return siphash.Hash(c.k0, c.k1, p)&^1 | epoch&1
}

// valid reports whether id was made for the address in this epoch or in the one
// before. The IDs are compared as integers, in one instruction whatever their
// bits: the time it takes tells nothing of how near a guess was.
func (c *connectionIDs) valid(id uint64, addr netip.Addr, epoch uint64) bool {
	made := epoch - (id^epoch)&1
	return c.issue(addr, made) == id
}
