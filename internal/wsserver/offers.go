package wsserver

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/webtorrent"
)

const (
	// maxOpen is how many offers a connection may have been told of that it has
	// not answered. The oldest makes room.
	maxOpen = 32

	// maxOpenOfOne is how many of them may be of one sender: his own oldest
	// makes room then, so that nobody can have the offers of all others
	// forgotten from one connection.
	maxOpenOfOne = 8

	// offerTime is how long an offer can be answered.
	offerTime = 2 * time.Minute
)

// openOffer is an offer that a connection was told of, for which it may send an
// answer, once.
type openOffer struct {
	key  uint64
	from shoal.Link // who gets the answer
	at   shoal.Tick
}

// offerName is what an answer says of the offer it is for.
type offerName [len(shoal.InfoHash{}) + len(webtorrent.OfferID{}) + len(shoal.PeerID{})]byte

// set names an offer by its torrent, itself, and the label of its sender.
func (n *offerName) set(hash *shoal.InfoHash, id *webtorrent.OfferID, peer *shoal.PeerID) {
	at := copy(n[:], hash[:])
	at += copy(n[at:], id[:])
	copy(n[at:], peer[:])
}

// keyOf returns the 8 bytes that stand for a name of 60 where offers are held:
// there are many of them in idle connections. Nobody can make two names of one
// key without the seed. Should two meet, an answer of the one who was told of
// both offers goes to the first of the senders: a connection that does not come
// about.
func (s *Server) keyOf(n *offerName) uint64 { return maphash.Bytes(s.seed, n[:]) }

// openOffers are those of one connection, the oldest first. Their memory is
// pooled: who has answered them all holds none.
type openOffers []openOffer

const fewOffers = 8

var (
	fewPool  = sync.Pool{New: func() any { return new([fewOffers]openOffer) }}
	mostPool = sync.Pool{New: func() any { return new([maxOpen]openOffer) }}
)

// add takes an offer in, and returns how many were forgotten over it.
func (o *openOffers) add(offer openOffer) (forgotten int) {
	forgotten = o.expire(offer.at)
	ofSender, first := 0, 0
	for i := len(*o) - 1; i >= 0; i-- {
		if (*o)[i].from == offer.from {
			ofSender++
			first = i
		}
	}
	switch {
	case ofSender >= maxOpenOfOne:
		o.remove(first)
		forgotten++
	case len(*o) >= maxOpen:
		o.remove(0)
		forgotten++
	}
	o.makeRoom()
	*o = append(*o, offer)
	return forgotten
}

// take strikes off the offer of a key, the oldest if there are more, and returns
// whose it is.
func (o *openOffers) take(key uint64) (from shoal.Link, ok bool) {
	for i := range *o {
		if offer := (*o)[i]; offer.key == key {
			o.remove(i)
			o.trim()
			return offer.from, true
		}
	}
	return 0, false
}

// expire forgets those whose time is up, and returns how many there were.
func (o *openOffers) expire(now shoal.Tick) (forgotten int) {
	for forgotten < len(*o) && now.Sub((*o)[forgotten].at) >= offerTime {
		forgotten++
	}
	if forgotten > 0 {
		*o = slices.Delete(*o, 0, forgotten)
		o.trim()
	}
	return forgotten
}

// makeRoom provides for one more, of which there are not maxOpen.
func (o *openOffers) makeRoom() {
	switch {
	case *o == nil:
		*o = fewPool.Get().(*[fewOffers]openOffer)[:0]
	case len(*o) == cap(*o):
		more := append(mostPool.Get().(*[maxOpen]openOffer)[:0], *o...)
		o.drop()
		*o = more
	}
}

// trim gives memory back that is not in use.
func (o *openOffers) trim() {
	if len(*o) == 0 {
		o.drop()
	}
}

// drop forgets all of them, and gives their memory back.
func (o *openOffers) drop() {
	switch cap(*o) {
	case fewOffers:
		fewPool.Put((*[fewOffers]openOffer)((*o)[:fewOffers]))
	case maxOpen:
		mostPool.Put((*[maxOpen]openOffer)((*o)[:maxOpen]))
	}
	*o = nil
}

func (o *openOffers) remove(i int) { *o = slices.Delete(*o, i, i+1) }
