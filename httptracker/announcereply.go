package httptracker

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
)

// AnnounceReply is what a tracker answered to an announce. What it left out is
// zero, and so is what it gave as a negative number. Its texts are as they came
// and may hold any bytes, so they need quoting before a terminal shows them.
type AnnounceReply struct {
	Interval    uint32 // seconds until the next regular announce
	MinInterval uint32 // seconds before which no announce is wanted
	Complete    uint32 // seeders
	Incomplete  uint32 // leechers

	// Peers holds the peers of every form, IPv4-mapped addresses unmapped and
	// zones left out.
	Peers []netip.AddrPort

	ExternalIP netip.Addr // the address the tracker saw (BEP 24)
	TrackerID  string     // to be sent back as trackerid

	Failure string // why the announce was refused; empty: it was not
	Warning string // to be shown to the user although it was not
	RetryIn string // minutes after which to try again, or "never" (BEP 31)
}

// ParseAnnounceReply reads the body of an answer to an announce. Unknown keys
// are passed over; a known key with the wrong type of value is an error. A
// refusal is a reply like any other, with its Failure set.
//
// The memory it takes is proportional to body, which the caller should bound.
func ParseAnnounceReply(body []byte) (*AnnounceReply, error) {
	var reply AnnounceReply
	r := bencode.NewReader(body)
	err := readDict(&r, func(key []byte) (err error) {
		switch string(key) {
		case "interval":
			reply.Interval, err = readCount(&r)
		case "min interval":
			reply.MinInterval, err = readCount(&r)
		case "complete":
			reply.Complete, err = readCount(&r)
		case "incomplete":
			reply.Incomplete, err = readCount(&r)
		case "peers":
			reply.Peers, err = readPeers(&r, shoal.CompactSize4, reply.Peers)
		case "peers6":
			reply.Peers, err = readPeers(&r, shoal.CompactSize6, reply.Peers)
		case "external ip":
			reply.ExternalIP, err = readExternalIP(&r)
		case "tracker id":
			reply.TrackerID, err = readString(&r)
		case "failure reason":
			reply.Failure, err = readString(&r)
		case "warning message":
			reply.Warning, err = readString(&r)
		case "retry in":
			reply.RetryIn, err = readRetryIn(&r)
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil {
		err = r.Done()
	}
	if err != nil {
		return nil, fmt.Errorf("reading an announce reply: %w", err)
	}
	return &reply, nil
}

// readPeers appends the peers of a compact list whose entries take size bytes,
// or those of a list of dictionaries.
func readPeers(r *bencode.Reader, size int, peers []netip.AddrPort) ([]netip.AddrPort, error) {
	t, err := r.Next()
	switch {
	case err != nil:
		return peers, err
	case t.Kind == bencode.List:
		return readPeerDicts(r, peers)
	case t.Kind != bencode.String:
		return peers, fmt.Errorf("want string or list, got %v", t.Kind)
	case len(t.Bytes)%size != 0:
		return peers, fmt.Errorf("compact peers have %d bytes, not a multiple of %d", len(t.Bytes), size)
	}
	for b := t.Bytes; len(b) > 0; b = b[size:] {
		addr, _ := netip.AddrFromSlice(b[:size-2])
		port := binary.BigEndian.Uint16(b[size-2:])
		peers = append(peers, netip.AddrPortFrom(addr.Unmap(), port))
	}
	return peers, nil
}

// readPeerDicts appends the peers of a list that has just begun. Those without
// an address and a port are passed over: BEP 3 allows names, and looking up a
// name that a stranger chose is a favour to the stranger.
func readPeerDicts(r *bencode.Reader, peers []netip.AddrPort) ([]netip.AddrPort, error) {
	for {
		t, err := r.Next()
		switch {
		case err != nil:
			return peers, err
		case t.Kind == bencode.End:
			return peers, nil
		case t.Kind != bencode.Dict:
			return peers, fmt.Errorf("peer: want dictionary, got %v", t.Kind)
		}
		var addr netip.Addr
		port := int64(-1)
		err = readEntries(r, func(key []byte) error {
			switch string(key) {
			case "ip":
				ip, err := readString(r)
				if err != nil {
					return err
				}
				addr, _ = netip.ParseAddr(ip)
			case "port":
				t, err := readKind(r, bencode.Int)
				if err != nil {
					return err
				}
				port = t.Int
			default:
				return r.Skip()
			}
			return nil
		})
		if err != nil {
			return peers, err
		}
		if addr.IsValid() && port >= 0 && port <= math.MaxUint16 {
			peers = append(peers, netip.AddrPortFrom(addr.WithZone("").Unmap(), uint16(port)))
		}
	}
}

// readExternalIP reads 4 or 16 bytes; any other number of them is no address,
// which is no reason to throw the peers away.
func readExternalIP(r *bencode.Reader) (netip.Addr, error) {
	t, err := readKind(r, bencode.String)
	if err != nil {
		return netip.Addr{}, err
	}
	addr, _ := netip.AddrFromSlice(t.Bytes)
	return addr.Unmap(), nil
}

// readRetryIn reads a number of minutes or the word never.
func readRetryIn(r *bencode.Reader) (string, error) {
	t, err := r.Next()
	switch {
	case err != nil:
		return "", err
	case t.Kind == bencode.Int:
		return fmt.Sprint(t.Int), nil
	case t.Kind == bencode.String:
		return string(t.Bytes), nil
	}
	return "", fmt.Errorf("want integer or string, got %v", t.Kind)
}
