package udptracker

import (
	"encoding/binary"
	"math"
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// ParseAnnounce reads an announce request into req: all of it but the address
// in req.Addr, which is where the packet came from, and what no packet says
// (Link, FromProxy, Hidden). The IP field, if it is not 0, becomes req.Claimed; to
// believe it from everyone would let a client have others dial a victim. The key
// is ignored: peers are known by their address. The key of a private tracker is
// another one; it is looked for in the first 1,024 bytes of the path and query
// that options behind the request carry (BEP 41). Only PacketShort can be wrong.
//
// Counters with the top bit set come from subtractions gone wrong in clients:
// as uploaded and downloaded they count as 0, as left they are a leecher's.
func ParseAnnounce(p []byte, req *shoal.AnnounceRequest) shoal.Failure {
	if len(p) < AnnounceSize {
		return shoal.PacketShort
	}
	req.AuthKey = shoal.AuthKey{}
	if len(p) > AnnounceSize {
		req.AuthKey = authKey(p[AnnounceSize:])
	}
	p = p[:AnnounceSize]
	req.InfoHash = shoal.InfoHash(p[16:36])
	req.PeerID = shoal.PeerID(p[36:56])
	req.Downloaded = count(binary.BigEndian.Uint64(p[56:]))
	req.Left = binary.BigEndian.Uint64(p[64:])
	req.Uploaded = count(binary.BigEndian.Uint64(p[72:]))
	req.Event = event(binary.BigEndian.Uint32(p[80:]))
	req.Claimed = netip.Addr{}
	if ip := [4]byte(p[84:88]); ip != [4]byte{} {
		req.Claimed = netip.AddrFrom4(ip)
	}
	req.NumWant = int(int32(binary.BigEndian.Uint32(p[92:])))
	if req.NumWant < 0 {
		req.NumWant = shoal.NumWantDefault
	}
	req.Addr = netip.AddrPortFrom(req.Addr.Addr(), binary.BigEndian.Uint16(p[96:]))
	return shoal.OK
}

func count(v uint64) uint64 {
	if v > math.MaxInt64 {
		return 0
	}
	return v
}

// event takes every unknown number as a regular announce: clients have shipped
// with odd ones, and refusing them would keep their users out.
func event(v uint32) shoal.Event {
	if v > uint32(shoal.EventPaused) {
		return shoal.EventNone
	}
	return shoal.Event(v)
}

// AppendAnnounce appends an announce request. The address of req.Addr is not
// sent; the key is a number that stays the same while the client's address may
// change; urlData is the path and query of the tracker's URL (BEP 41), or
// empty.
func AppendAnnounce(dst []byte, connectionID uint64, transaction uint32, req *shoal.AnnounceRequest, key uint32, urlData string) []byte {
	dst = appendHeader(dst, connectionID, ActionAnnounce, transaction)
	dst = append(dst, req.InfoHash[:]...)
	dst = append(dst, req.PeerID[:]...)
	dst = binary.BigEndian.AppendUint64(dst, req.Downloaded)
	dst = binary.BigEndian.AppendUint64(dst, req.Left)
	dst = binary.BigEndian.AppendUint64(dst, req.Uploaded)
	dst = binary.BigEndian.AppendUint32(dst, uint32(req.Event))
	dst = append(dst, 0, 0, 0, 0) // the address is the packet's own
	dst = binary.BigEndian.AppendUint32(dst, key)
	numWant := min(max(req.NumWant, shoal.NumWantDefault), math.MaxInt32)
	dst = binary.BigEndian.AppendUint32(dst, uint32(int32(numWant)))
	dst = binary.BigEndian.AppendUint16(dst, req.Addr.Port())
	return appendURLOptions(dst, urlData)
}

// PutAnnounceHeader writes the AnnounceHeader bytes that stand before the
// peers of an announce reply. The peers are already in their place behind it:
// res.Peers4 over IPv4, res.Peers6 over IPv6.
func PutAnnounceHeader(dst []byte, transaction uint32, res *shoal.AnnounceResponse) {
	_ = dst[AnnounceHeader-1]
	binary.BigEndian.PutUint32(dst[0:], ActionAnnounce)
	binary.BigEndian.PutUint32(dst[4:], transaction)
	binary.BigEndian.PutUint32(dst[8:], res.Interval)
	binary.BigEndian.PutUint32(dst[12:], res.Incomplete)
	binary.BigEndian.PutUint32(dst[16:], res.Complete)
}

// ParseAnnounceReply reads the reply to an announce request. Its peers are a
// part of p: Peers6 when the request went over IPv6, Peers4 otherwise.
// MinInterval is not said over UDP and stays 0.
func ParseAnnounceReply(p []byte, transaction uint32, ipv6 bool) (shoal.AnnounceResponse, error) {
	if err := parseReplyHeader(p, ActionAnnounce, transaction); err != nil {
		return shoal.AnnounceResponse{}, err
	}
	if len(p) < AnnounceHeader {
		return shoal.AnnounceResponse{}, ErrReplyShort
	}
	res := shoal.AnnounceResponse{
		Interval:   binary.BigEndian.Uint32(p[8:]),
		Incomplete: binary.BigEndian.Uint32(p[12:]),
		Complete:   binary.BigEndian.Uint32(p[16:]),
	}
	peers := p[AnnounceHeader:len(p):len(p)]
	size := shoal.CompactSize4
	if ipv6 {
		size = shoal.CompactSize6
		res.Peers6 = peers
	} else {
		res.Peers4 = peers
	}
	if len(peers)%size != 0 {
		return shoal.AnnounceResponse{}, ErrReplyLength
	}
	return res, nil
}
