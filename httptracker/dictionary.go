package httptracker

import (
	"encoding/binary"
	"net/netip"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
)

// AppendAnnounceDictionary appends the reply to an announce that asked for
// compact=0: one list of dictionaries as BEP 3 has it, the IPv4 peers before
// the IPv6 ones. Peers whose IDs res doesn't hold, and all of them if noPeerID
// is set, go without. External is as in AppendAnnounce.
func AppendAnnounceDictionary(dst []byte, res *shoal.AnnounceResponse, external netip.Addr, noPeerID bool) []byte {
	ids4, ids6 := res.IDs4, res.IDs6
	if noPeerID {
		ids4, ids6 = nil, nil
	}
	dst = appendCounts(dst, res, external)
	dst = append(dst, keyPeers...)
	dst = append(dst, 'l')
	for i := range len(res.Peers4) / shoal.CompactSize4 {
		peer := [shoal.CompactSize4]byte(res.Peers4[i*shoal.CompactSize4:])
		dst = appendPeer(dst, netip.AddrFrom4([4]byte(peer[:])), peer[4:], ids4, i)
	}
	for i := range len(res.Peers6) / shoal.CompactSize6 {
		peer := [shoal.CompactSize6]byte(res.Peers6[i*shoal.CompactSize6:])
		dst = appendPeer(dst, netip.AddrFrom16([16]byte(peer[:])), peer[16:], ids6, i)
	}
	return append(dst, "ee"...)
}

// appendPeer appends the i-th peer of a family.
func appendPeer(dst []byte, addr netip.Addr, port []byte, ids []shoal.PeerID, i int) []byte {
	var room [len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")]byte
	dst = append(dst, "d2:ip"...)
	dst = bencode.AppendBytes(dst, addr.AppendTo(room[:0]))
	if i < len(ids) {
		dst = append(dst, "7:peer id"...)
		dst = bencode.AppendBytes(dst, ids[i][:])
	}
	dst = append(dst, "4:port"...)
	dst = bencode.AppendUint(dst, uint64(binary.BigEndian.Uint16(port)))
	return append(dst, 'e')
}
