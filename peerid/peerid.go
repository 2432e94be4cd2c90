// Package peerid tells which client wrote a peer ID, and of which version.
//
// Clients mark the first bytes of the 20 they call themselves by, each in the
// manner of its family: -qB4650- (BEP 20, after Azureus), M7-2-3-- (mainline),
// T03I----- (Shadow's), and some in a manner of their own. A mark is a claim:
// anyone can write any, so it serves statistics, and trust never.
package peerid

import "github.com/shoal-tracker/shoal"

// Client is what a peer ID says of the program that wrote it. The zero Client
// is an unknown one.
type Client struct {
	// Name is one of a fixed set of names, in the client's own spelling
	// (µTorrent has a µ, U+00B5), or empty. A code that is not in the tables
	// gives no name: otherwise an attacker could make up thousands of them.
	Name string

	// Version is at most 16 bytes of printable ASCII, as the client's users
	// know it where its convention is known: 4.6.5, 3.00, 2.2.1 beta. It is
	// empty where the peer ID has none, or not one in that convention.
	Version string
}

// String returns the name and the version, or "unknown".
func (c Client) String() string {
	switch {
	case c.Name == "":
		return "unknown"
	case c.Version == "":
		return c.Name
	}
	return c.Name + " " + c.Version
}

// Parse returns the client that id claims.
func Parse(id shoal.PeerID) Client {
	m := identify(&id)
	var room [versionRoom]byte
	return Client{Name: names[m.client], Version: string(appendVersion(room[:0], &id, m))}
}

// Index returns the number of the client that id claims, from 1 to MaxIndex,
// or 0 if it is unknown or so long dead that it has no number. A number stands
// for the same client in every release. Index does not allocate.
func Index(id shoal.PeerID) uint8 {
	if m := identify(&id); m.client <= MaxIndex {
		return uint8(m.client)
	}
	return 0
}

// Name returns the name of the client with this index, as Parse gives it, or
// an empty string if no client has it.
func Name(index uint8) string {
	if index > MaxIndex {
		return ""
	}
	return names[index]
}

// A match is a client and where its version stands.
type match struct {
	client  client
	version convention
	at      uint8 // of the version's first byte
}

// identify asks the families in the order of how sure their marks are: the
// shapes of the later ones may turn up in earlier ones by chance.
func identify(id *shoal.PeerID) match {
	if id[0] == '-' {
		return dashed(id)
	}
	if m := mainline(id); m.client != unknown {
		return m
	}
	if m := odd(id); m.client != unknown {
		return m
	}
	return shadow(id)
}

func digit(b byte) bool { return b-'0' < 10 }

// digits reports whether all of s are digits.
func digits(s []byte) bool {
	for _, b := range s {
		if !digit(b) {
			return false
		}
	}
	return true
}
