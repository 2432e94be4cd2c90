package httptracker

import (
	"math"
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// Form is how a client wants its announce answered.
type Form struct {
	Dictionary bool // compact=0: peers as dictionaries, not as a compact list
	NoPeerID   bool // no_peer_id=1: those dictionaries may leave peer IDs out
}

// Parameters that have been seen. Of a parameter given twice the first counts.
const (
	seenInfoHash = 1 << iota
	seenPeerID
	seenPort
	seenUploaded
	seenDownloaded
	seenLeft
	seenNumWant
	seenEvent
	seenCompact
	seenNoPeerID
	seenIP
	seenIPv4
	seenIPv6
	seenPasskey
)

// ParseAnnounce reads the query of an announce, without its '?', into req and
// form. It sets every field but the address in req.Addr and req.FromProxy, which
// the connection knows, and Passkey's answer becomes req.AuthKey. The first of ip, ipv4 and ipv6 (BEP 7) that names an
// address of the family of req.Addr becomes req.Claimed; to believe it from
// everyone would let anyone send a swarm's peers to a victim.
//
// Only info_hash, peer_id and port are needed. A value that makes no sense
// counts as not given, except in these three: clients differ too much in the
// others for refusing to help anyone. A 32-byte info hash (BEP 52) is cut to 20.
func ParseAnnounce(query []byte, req *shoal.AnnounceRequest, form *Form) shoal.Failure {
	*req = shoal.AnnounceRequest{
		Addr:      req.Addr,
		FromProxy: req.FromProxy,
		Left:      shoal.LeftUnknown,
		NumWant:   shoal.NumWantDefault,
	}
	*form = Form{}
	hashFailure := shoal.InfoHashMissing
	idFailure := shoal.PeerIDMissing
	portFailure := shoal.PortMissing
	var port uint16

	seen := uint(0)
	p := newParameters(query)
	for {
		name, value, ok := p.next()
		if !ok {
			break
		}
		bit := parameterBit(name)
		if bit == 0 || seen&bit != 0 {
			continue
		}
		seen |= bit
		switch bit {
		case seenInfoHash:
			hashFailure = parseInfoHash(value, &req.InfoHash)
		case seenPeerID:
			idFailure = shoal.PeerIDInvalid
			if unescape(req.PeerID[:], value) == len(req.PeerID) {
				idFailure = shoal.OK
			}
		case seenPort:
			portFailure = shoal.PortInvalid
			if v, ok := parseNumber(value); ok && v <= math.MaxUint16 {
				port, portFailure = uint16(v), shoal.OK
			}
		case seenUploaded:
			req.Uploaded, _ = parseNumber(value)
		case seenDownloaded:
			req.Downloaded, _ = parseNumber(value)
		case seenLeft:
			if v, ok := parseNumber(value); ok {
				req.Left = v
			}
		case seenNumWant:
			if v, ok := parseNumber(value); ok {
				req.NumWant = int(min(v, math.MaxInt32))
			}
		case seenEvent:
			req.Event = parseEvent(value)
		case seenCompact:
			form.Dictionary = string(value) == "0"
		case seenNoPeerID:
			form.NoPeerID = string(value) != "0"
		case seenIP, seenIPv4, seenIPv6:
			claim(req, value)
		case seenPasskey:
			req.AuthKey = parsePasskey(value)
		}
	}

	req.Addr = netip.AddrPortFrom(req.Addr.Addr(), port)
	switch {
	case hashFailure != shoal.OK:
		return hashFailure
	case idFailure != shoal.OK:
		return idFailure
	}
	return portFailure
}

// parameterBit returns the bit of a parameter that means something to an
// announce, and 0 for the others: key, trackerid, supportcrypto and the rest
// may hold any bytes.
func parameterBit(name []byte) uint {
	switch string(name) {
	case "info_hash":
		return seenInfoHash
	case "peer_id":
		return seenPeerID
	case "port":
		return seenPort
	case "uploaded":
		return seenUploaded
	case "downloaded":
		return seenDownloaded
	case "left":
		return seenLeft
	case "numwant":
		return seenNumWant
	case "event":
		return seenEvent
	case "compact":
		return seenCompact
	case "no_peer_id":
		return seenNoPeerID
	case "ip":
		return seenIP
	case "ipv4":
		return seenIPv4
	case "ipv6":
		return seenIPv6
	case "passkey":
		return seenPasskey
	}
	return 0
}

// claim takes the address in value if it is the first of its family. A host
// name, which BEP 3 allows, is none: nothing on this road waits for an answer
// of DNS.
func claim(req *shoal.AnnounceRequest, value []byte) {
	var room [maxAddr]byte
	n := unescape(room[:], value)
	if n < 0 || req.Claimed.IsValid() {
		return
	}
	if addr, ok := ParseAddr(room[:n]); ok && addr.Is4() == req.Addr.Addr().Is4() {
		req.Claimed = addr
	}
}

// parseInfoHash reads the value of an info_hash parameter.
func parseInfoHash(value []byte, hash *shoal.InfoHash) shoal.Failure {
	var long [32]byte // the SHA-256 of a version 2 torrent
	switch unescape(long[:], value) {
	case len(hash), len(long):
		copy(hash[:], long[:])
		return shoal.OK
	}
	return shoal.InfoHashInvalid
}

// parseEvent reads the value of an event parameter. An event that it doesn't
// know is a regular announce: clients invent some, and break when refused.
func parseEvent(value []byte) shoal.Event {
	switch string(value) {
	case "started":
		return shoal.EventStarted
	case "stopped":
		return shoal.EventStopped
	case "completed":
		return shoal.EventCompleted
	case "paused":
		return shoal.EventPaused
	}
	return shoal.EventNone
}
