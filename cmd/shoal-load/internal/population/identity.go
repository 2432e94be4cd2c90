package population

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/shoal-tracker/shoal"
)

// IDPrefix is how the load tester names itself, in the form of most clients.
const IDPrefix = "-SL0001-"

// LeechersLeft is how many bytes a leecher says it still needs.
const LeechersLeft = 1 << 30

// Peer is all there is to know about one peer.
type Peer struct {
	Number  uint64
	Torrent uint64
	Port    uint16
	Left    uint64 // 0: a seeder
	ID      shoal.PeerID
}

// Describe fills in the peer of a number.
func (p *Population) Describe(number uint64, peer *Peer) {
	draw := p.draw(number)
	second := mix(draw)
	peer.Number = number
	peer.Torrent = p.torrentOf(draw)
	peer.Port = p.Port(number)
	peer.Left = LeechersLeft
	if second>>32 < p.seeders {
		peer.Left = 0
	}
	copy(peer.ID[:], IDPrefix)
	var low [8]byte
	binary.BigEndian.PutUint64(low[:], second)
	hex.Encode(peer.ID[len(IDPrefix):], low[2:])
}

// Hash returns the info hash of a torrent.
func (p *Population) Hash(torrent uint64) (hash shoal.InfoHash) {
	first := mix(p.torrentSeed + torrent*golden)
	second := mix(first)
	binary.BigEndian.PutUint64(hash[0:], first)
	binary.BigEndian.PutUint64(hash[8:], second)
	binary.BigEndian.PutUint32(hash[16:], uint32(mix(second)))
	return hash
}
