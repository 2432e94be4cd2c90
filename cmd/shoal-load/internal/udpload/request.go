package udpload

import (
	"encoding/binary"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/udptracker"
)

// template is an announce in which only what differs has to be filled in.
type template [udptracker.AnnounceSize]byte

func newTemplate(p *plan.Plan) (t template) {
	binary.BigEndian.PutUint32(t[8:], udptracker.ActionAnnounce)
	if p.Fill {
		binary.BigEndian.PutUint32(t[80:], 2) // started
	}
	binary.BigEndian.PutUint32(t[92:], uint32(int32(p.NumWant)))
	return t
}

// putAnnounce writes the announce of a peer and returns its length.
func (t *template) putAnnounce(dst []byte, connection uint64, transaction uint32, pop *population.Population, peer *population.Peer) int {
	p := (*template)(dst)
	*p = *t
	binary.BigEndian.PutUint64(p[0:], connection)
	binary.BigEndian.PutUint32(p[12:], transaction)
	*(*[20]byte)(p[16:]) = pop.Hash(peer.Torrent)
	*(*[20]byte)(p[36:]) = peer.ID
	binary.BigEndian.PutUint64(p[64:], peer.Left)
	copy(p[88:92], peer.ID[16:]) // the key: stays with the peer
	binary.BigEndian.PutUint16(p[96:], peer.Port)
	return len(p)
}

// putConnect writes a connect request and returns its length.
func putConnect(dst []byte, transaction uint32) int {
	binary.BigEndian.PutUint64(dst[0:], udptracker.ProtocolID)
	binary.BigEndian.PutUint32(dst[8:], udptracker.ActionConnect)
	binary.BigEndian.PutUint32(dst[12:], transaction)
	return udptracker.ConnectSize
}

// putScrape writes a scrape of the torrents of as many peers as draw is called
// for, so that it asks for torrents as often as they are announced.
func putScrape(dst []byte, connection uint64, transaction uint32, pop *population.Population, hashes int, random *population.Random) int {
	binary.BigEndian.PutUint64(dst[0:], connection)
	binary.BigEndian.PutUint32(dst[8:], udptracker.ActionScrape)
	binary.BigEndian.PutUint32(dst[12:], transaction)
	n := udptracker.ScrapeSize
	for range hashes {
		hash := pop.Hash(pop.Torrent(random.Below(pop.Peers())))
		n += copy(dst[n:], hash[:])
	}
	return n
}

// requestRoom is the longest request of a plan.
func requestRoom(p *plan.Plan) int {
	return max(udptracker.AnnounceSize, udptracker.ScrapeSize+p.Hashes*udptracker.HashSize)
}

// answerRoom is the longest answer to any, and one entry more, so that one too
// many is seen: what is longer than the room is cut, and would pass for whole.
func answerRoom(p *plan.Plan) int {
	return max(udptracker.AnnounceHeader+(p.NumWant+1)*p.Population.EntrySize(),
		udptracker.ReplyHeader+(p.Hashes+1)*udptracker.CountsSize, 256)
}
