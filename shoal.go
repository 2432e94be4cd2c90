// Package shoal holds the words of the field: what an announce asks, what a
// tracker answers, and why it may refuse. Every transport decodes into these
// types and encodes from them; the package knows no wire format and no I/O.
//
// The wire formats live beside it: udptracker (BEP 15 and 41) and httptracker
// (BEP 3, 7, 23, 24, 31 and 48), with bencode below the latter.
package shoal

import (
	"encoding/hex"
	"fmt"
)

// InfoHash names a torrent: the SHA-1 of its info dictionary (BEP 3), or the
// first 20 bytes of its SHA-256 (BEP 52).
type InfoHash [20]byte

// String returns the info hash as 40 lower-case hexadecimal digits.
func (h InfoHash) String() string { return hex.EncodeToString(h[:]) }

// ParseInfoHash reads 40 hexadecimal digits, or the 64 of a version 2 info
// hash, which is cut to its first 20 bytes as BEP 52 has trackers do.
func ParseInfoHash(s string) (InfoHash, error) {
	var h InfoHash
	if len(s) != 40 && len(s) != 64 {
		return h, fmt.Errorf("info hash %q has %d characters; it must be 40 or 64 hexadecimal digits", s, len(s))
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return h, fmt.Errorf("info hash %q must be 40 or 64 hexadecimal digits: %w", s, err)
	}
	copy(h[:], b)
	return h, nil
}

// PeerID is the 20 bytes a client calls itself by (BEP 20). Anyone can claim
// any, so nothing is looked up by it.
type PeerID [20]byte

// String returns the peer ID as 40 lower-case hexadecimal digits.
func (id PeerID) String() string { return hex.EncodeToString(id[:]) }
