package httptracker

import (
	"net/netip"
	"strconv"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
)

// The keys of an announce reply in the order BEP 3 wants them, each with what
// comes before it.
const (
	keyComplete    = "d8:complete"
	keyExternalIP  = "11:external ip"
	keyIncomplete  = "10:incomplete"
	keyInterval    = "8:interval"
	keyMinInterval = "12:min interval"
	keyPeers       = "5:peers"
	keyPeers6      = "6:peers6"
)

// Headroom is how many bytes an announce reply has at most before its IPv4
// peers.
const Headroom = len(keyComplete) + len(keyExternalIP) + len("16:") + 16 +
	len(keyIncomplete) + len(keyInterval) + len(keyMinInterval) +
	4*len("i4294967295e") + len(keyPeers) + len("9223372036854775807:")

// PrependAnnounce writes the beginning of an announce reply into buf, such
// that it ends at buf[end], where the peers of res.Peers4 stand already, and
// returns where it starts. A transport that lets the swarm write peers into
// its buffer so puts the dictionary around them without moving them. What
// comes after the peers is AppendAnnounceTail's. end must be at least
// Headroom. External is as in AppendAnnounce.
func PrependAnnounce(buf []byte, end int, res *shoal.AnnounceResponse, external netip.Addr) (start int) {
	var room [Headroom]byte
	head := appendAnnounceHead(room[:0], res, external)
	start = end - len(head)
	copy(buf[start:end], head)
	return start
}

// AppendAnnounceTail appends what follows the IPv4 peers of an announce reply:
// the IPv6 peers (BEP 7), if there are any, and the end.
func AppendAnnounceTail(dst []byte, res *shoal.AnnounceResponse) []byte {
	if len(res.Peers6) > 0 {
		dst = append(dst, keyPeers6...)
		dst = bencode.AppendBytes(dst, res.Peers6)
	}
	return append(dst, 'e')
}

// AppendAnnounce appends the reply to an announce, with compact peers (BEP 23
// and BEP 7). External is the address the client was seen with (BEP 24); an
// invalid one is left out.
func AppendAnnounce(dst []byte, res *shoal.AnnounceResponse, external netip.Addr) []byte {
	dst = appendAnnounceHead(dst, res, external)
	dst = append(dst, res.Peers4...)
	return AppendAnnounceTail(dst, res)
}

// appendAnnounceHead appends a compact reply up to its IPv4 peers, their
// length included. The key is there even without peers: some clients take a
// reply without it for a failure.
func appendAnnounceHead(dst []byte, res *shoal.AnnounceResponse, external netip.Addr) []byte {
	dst = appendCounts(dst, res, external)
	dst = append(dst, keyPeers...)
	dst = strconv.AppendUint(dst, uint64(len(res.Peers4)), 10)
	return append(dst, ':')
}

// appendCounts appends what both forms of a reply have before their peers.
func appendCounts(dst []byte, res *shoal.AnnounceResponse, external netip.Addr) []byte {
	dst = append(dst, keyComplete...)
	dst = bencode.AppendUint(dst, uint64(res.Complete))
	if external = external.Unmap(); external.Is4() {
		a := external.As4()
		dst = append(dst, keyExternalIP+"4:"...)
		dst = append(dst, a[:]...)
	} else if external.Is6() {
		a := external.As16()
		dst = append(dst, keyExternalIP+"16:"...)
		dst = append(dst, a[:]...)
	}
	dst = append(dst, keyIncomplete...)
	dst = bencode.AppendUint(dst, uint64(res.Incomplete))
	dst = append(dst, keyInterval...)
	dst = bencode.AppendUint(dst, uint64(res.Interval))
	dst = append(dst, keyMinInterval...)
	return bencode.AppendUint(dst, uint64(res.MinInterval))
}
