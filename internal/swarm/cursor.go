package swarm

import (
	"cmp"
	"encoding/hex"
	"fmt"
)

// PeerCursor says how far somebody has come through the peers of a torrent: it
// names the last one. The zero PeerCursor stands before the first.
type PeerCursor struct {
	size uint8 // of the peer's compact form; 0: before the first
	key  key
}

// String returns the cursor as ParsePeerCursor reads it: hexadecimal digits, none
// for the zero PeerCursor.
func (c PeerCursor) String() string {
	var b [size6]byte
	if c.size != 0 {
		c.key.put(b[:], int(c.size))
	}
	return hex.EncodeToString(b[:c.size])
}

// ParsePeerCursor reads what String has written.
func ParsePeerCursor(s string) (PeerCursor, error) {
	const allowed = "it must be 12, 16 or 36 hexadecimal digits, or empty"
	if len(s) > 2*size6 {
		return PeerCursor{}, fmt.Errorf("cursor of %d characters: %s", len(s), allowed)
	}
	var b [size6 + 2]byte // keyAt reads two bytes behind an IPv4 one
	n, err := hex.Decode(b[:], []byte(s))
	if err != nil {
		return PeerCursor{}, fmt.Errorf("cursor %q: %s", s, allowed)
	}
	switch n {
	case 0:
		return PeerCursor{}, nil
	case size4, size6, sizeLink:
		return PeerCursor{size: uint8(n), key: keyAt(b[:], 0, n)}, nil
	}
	return PeerCursor{}, fmt.Errorf("cursor %q: %s", s, allowed)
}

// place is where a cursor stands in the order of a Store.
type place struct {
	kind  int
	hash  uint64
	key   key
	first bool // before everybody
}

func (c PeerCursor) place(s *Store) place {
	for kind, size := range sizes {
		if size == int(c.size) {
			return place{kind: kind, hash: c.key.hash(&s.keySeed), key: c.key}
		}
	}
	return place{first: true}
}

// before reports whether the place stands before a peer of its kind.
func (p *place) before(g *gathered) bool { return p.first || g.compare(p.hash, p.key) > 0 }

// compare gives keys some order, for those whose hashes are the same.
func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.low, other.low), cmp.Compare(k.high, other.high), cmp.Compare(k.tail, other.tail))
}
