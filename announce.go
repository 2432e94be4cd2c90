package shoal

import (
	"math"
	"net/netip"
)

// Event is what a client says it is doing, numbered as in BEP 15.
type Event uint8

// The events of BEP 3 and BEP 15, and paused of BEP 21.
const (
	EventNone      Event = 0 // a regular announce
	EventCompleted Event = 1 // the download has just been finished
	EventStarted   Event = 2
	EventStopped   Event = 3 // the client leaves the swarm
	EventPaused    Event = 4 // a partial seed (BEP 21): counted as a leecher
)

// String returns the event as HTTP announces spell it; EventNone is empty.
func (e Event) String() string {
	switch e {
	case EventCompleted:
		return "completed"
	case EventStarted:
		return "started"
	case EventStopped:
		return "stopped"
	case EventPaused:
		return "paused"
	}
	return ""
}

const (
	// LeftUnknown is the Left of a client that did not say how much it still
	// needs. It counts as a leecher: a seeder always knows that it is one.
	LeftUnknown = math.MaxUint64

	// NumWantDefault is the NumWant of a client that left the number of peers
	// to the tracker.
	NumWantDefault = -1
)

// Bytes a peer takes in a compact list: its address, then its port, both in
// network byte order (BEP 23 for IPv4, BEP 7 for IPv6).
const (
	CompactSize4 = 4 + 2
	CompactSize6 = 16 + 2
)

// AnnounceRequest is one announce, whatever transport it came by. A worker
// owns one and uses it again: decoders overwrite every field but the address
// in Addr, Link, FromProxy and Hidden, which no message says. AuthKey comes with
// each announce of UDP and HTTP, and with the upgrade of a WebTorrent connection.
type AnnounceRequest struct {
	InfoHash InfoHash
	PeerID   PeerID

	// Addr is where others will dial this peer: the address the announce came
	// from, never an IPv4-mapped one and without a zone, and the port the
	// client named. Port 0 is a peer nobody can dial.
	Addr netip.AddrPort

	// Link is the connection of a WebTorrent peer, which is reached over it and
	// nowhere else: the peer is that connection, and its Addr is only what rules
	// look at. 0: a peer of UDP or HTTP.
	Link Link

	// Claimed is the address at which the message says the peer is, unmapped
	// and without a zone; the zero Addr if it says nothing of use. It decides
	// nothing by itself: anyone can claim to be at a victim's address.
	Claimed netip.Addr

	Uploaded   uint64 // bytes since EventStarted
	Downloaded uint64 // bytes since EventStarted
	Left       uint64 // bytes still needed; 0: a seeder; LeftUnknown: not said

	NumWant int // peers wanted of each family; NumWantDefault: not said
	Event   Event

	// AuthKey is the key of a private tracker that the announce carries, in its
	// URL; zero: none.
	AuthKey AuthKey

	// Hidden has the announce answered but the peer neither stored nor handed
	// out. The tracker's rules set it, no decoder does.
	Hidden bool

	// FromProxy says that the address in Addr is that of a trusted proxy which
	// did not say whose announce this is. It is nobody's address then, and must
	// not be stored.
	FromProxy bool
}

// Seeder reports whether the announcing peer has the whole torrent.
func (r *AnnounceRequest) Seeder() bool {
	return r.Left == 0 && r.Event != EventPaused
}

// Dialable reports whether others could reach the announcing peer at Addr.
// Hidden ones, port 0 and unspecified, multicast, broadcast and link-local addresses are
// answered, but handing them out would only waste everybody's time. A WebTorrent
// peer is not dialed and always reached.
func (r *AnnounceRequest) Dialable() bool {
	if r.Link != 0 || r.Hidden {
		return !r.Hidden
	}
	a := r.Addr.Addr()
	return r.Addr.Port() != 0 && a.IsValid() && !a.IsUnspecified() &&
		!a.IsMulticast() && !a.IsLinkLocalUnicast() && a != broadcast
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// AnnounceResponse is the answer to one announce. The transport provides the
// room: peers are appended to the slices, never beyond their capacity, and a
// slice without capacity is a family that was not asked for. WebTorrent peers are
// handed out to each other alone, and counted apart.
type AnnounceResponse struct {
	Interval    uint32 // seconds until the next regular announce
	MinInterval uint32 // seconds before which no announce is wanted

	Complete   uint32 // seeders in the swarm, the asking peer included
	Incomplete uint32 // leechers in the swarm, the asking peer included

	Peers4 []byte // compact IPv4 peers, CompactSize4 bytes each (BEP 23)
	Peers6 []byte // compact IPv6 peers, CompactSize6 bytes each (BEP 7)

	// IDs4 and IDs6 are the peer IDs of Peers4 and Peers6, in their order.
	// They are appended only where they have capacity and the tracker keeps
	// peer details; otherwise they stay empty.
	IDs4 []PeerID
	IDs6 []PeerID

	Links []Link // WebTorrent peers
}
