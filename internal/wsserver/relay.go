package wsserver

import (
	"encoding/binary"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// maxWaiting is how much may wait for a client to accept it, beyond which it is
// told of no more offers and answers. It may be slow without being closed.
const maxWaiting = 64 << 10

// What is posted from connection to connection begins with its kind. Of an offer
// its key and its sender's Link follow. The rest is the frame to be said.
const (
	postedOffer  = 'o'
	postedAnswer = 'a'

	offerHead  = 1 + 8 + 8
	answerHead = 1

	// surroundings is more than an offer or an answer needs beside what its
	// sender wrote: the head, the names, and the longest info hash.
	surroundings = offerHead + frameHead + 256
)

// relayOffer posts an offer to the connection that was drawn for it.
func (c *connection) relayOffer(m *scratch, to shoal.Link, o *webtorrent.Offer) {
	m.key.set(&m.req.InfoHash, &o.ID, &m.req.PeerID)
	b := borrow(surroundings + len(m.message.PeerIDText) + len(o.IDText) + len(o.SDP))
	b = append(b, postedOffer)
	b = binary.LittleEndian.AppendUint64(b, c.server.keyOf(&m.key))
	b = binary.LittleEndian.AppendUint64(b, uint64(m.req.Link))
	b, at := beginFrame(b)
	b = endFrame(webtorrent.AppendOffer(b, &m.req.InfoHash, m.message.PeerIDText, o.IDText, o.SDP), at)
	if !c.server.post(to, b) {
		giveBack(b)
		c.counts.offersUndelivered.Add(1)
	}
}

// relayAnswer posts an answer to the connection whose offer it is for.
func (c *connection) relayAnswer(m *scratch, to shoal.Link) {
	a := &m.message
	b := borrow(surroundings + len(a.PeerIDText) + len(a.OfferIDText) + len(a.Answer))
	b = append(b, postedAnswer)
	b, at := beginFrame(b)
	b = endFrame(webtorrent.AppendAnswer(b, &m.req.InfoHash, a.PeerIDText, a.OfferIDText, a.Answer), at)
	if !c.server.post(to, b) {
		giveBack(b)
		c.counts.answersUndelivered.Add(1)
	}
}

// Received says what another connection has posted.
func (c *connection) Received(conn *streamio.Conn, message []byte) {
	said := conn.Waiting() <= maxWaiting
	switch message[0] {
	case postedOffer:
		if said {
			c.forget(c.offers.add(openOffer{
				key:  binary.LittleEndian.Uint64(message[1:]),
				from: shoal.Link(binary.LittleEndian.Uint64(message[1+8:])),
				at:   conn.Now(),
			}))
			said = conn.Queue(message[offerHead:])
		}
		count(said, &c.counts.offersRelayed, &c.counts.offersUndelivered)
	case postedAnswer:
		said = said && conn.Queue(message[answerHead:])
		count(said, &c.counts.answersRelayed, &c.counts.answersUndelivered)
	}
	giveBack(message)
}
