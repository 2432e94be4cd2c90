package wsload

import (
	"encoding/binary"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// mostUnsent bounds what a connection keeps for a tracker that does not read: no
// more is answered on it then.
const mostUnsent = 256 << 10

// say sends a message on a connection.
func (w *worker) say(c *connection, opcode byte, payload []byte) {
	before := w.room(c)
	c.out = appendFrame(c.out, opcode, payload, uint32(w.random.Uint64()))
	w.tally.Out += uint64(len(c.out) - before)
	w.engine.flush(c)
}

// room makes sure of memory for output, and returns how much there is of it.
func (w *worker) room(c *connection) int {
	if c.out == nil {
		c.out = w.lend()
	}
	return len(c.out)
}

// lend returns memory without content, which may be nil.
func (w *worker) lend() (b []byte) {
	if n := len(w.buffers); n > 0 {
		b, w.buffers = w.buffers[n-1], w.buffers[:n-1]
	}
	return b
}

// mostBuffers bounds the memory that is kept for what is to be said or heard.
const mostBuffers = 64

// release takes the memory back from a connection that has nothing to send.
func (w *worker) release(c *connection) {
	w.keep(c.out)
	c.out, c.outAt = nil, 0
}

// keep takes memory back.
func (w *worker) keep(b []byte) {
	if cap(b) > 0 && cap(b) <= mostUnsent && len(w.buffers) < mostBuffers {
		w.buffers = append(w.buffers, b[:0])
	}
}

// opened is told by the engine of a connection that is open: it asks for a
// WebSocket.
func (w *worker) opened(c *connection, now int64) {
	var nonce [16]byte
	binary.LittleEndian.PutUint64(nonce[:], w.random.Uint64())
	binary.LittleEndian.PutUint64(nonce[8:], w.random.Uint64())
	c.key = newKey(nonce)
	c.state, c.since = upgrading, now
	before := w.room(c)
	c.out = append(append(append(c.out, w.head...), c.key[:]...), "\r\n\r\n"...)
	w.tally.Out += uint64(len(c.out) - before)
	w.engine.flush(c)
}

// join announces for the first time. Connections that are to be idle hand out
// their offers now; of the others the load does not begin with this.
func (w *worker) join(c *connection, now int64) {
	offers := 0
	if w.plan.Idle {
		offers = w.plan.Offers
	}
	w.announce(c, now, now, offers, shoal.EventStarted)
	c.state = joining
	if w.plan.Idle {
		c.counted = true
		w.tally.Sent[plan.Announce]++
		w.ended = now
	}
}

// announce announces with n offers. The latency counts from due.
func (w *worker) announce(c *connection, now, due int64, n int, event shoal.Event) {
	if n > 0 {
		round := c.remember(now, n)
		for i := range n {
			o := &w.offers[i]
			o.ID = name{c.slot, c.generation, round, i}.id()
			o.SDP = w.offer.write(o.SDP[:0], &o.ID, &c.peerID)
		}
		w.tally.Relay.OffersSent += uint64(n)
	}
	w.request = c.request(n, event)
	w.text = webtorrent.AppendAnnounce(w.text[:0], &w.request, w.offers[:n])
	w.say(c, opText, w.text)
	c.state, c.since, c.due, c.counted = announcing, now, due, false
	c.before, c.after = c.before+c.after, 0
	c.owed++
	w.busy++
}

// respond answers the offer id of the peer to.
func (w *worker) respond(c *connection, id *webtorrent.OfferID, to *shoal.PeerID, now int64) {
	if c.unsent() > mostUnsent {
		w.tally.Relay.AnswersUnsent++
		return
	}
	w.sdp = w.answer.write(w.sdp[:0], id, &c.peerID)
	w.request = c.request(0, shoal.EventNone)
	w.text = webtorrent.AppendAnswerTo(w.text[:0], &w.request, *to, *id, w.sdp)
	w.say(c, opText, w.text)
	w.tally.Relay.AnswersSent++
	if !w.plan.AnswerReplies {
		return
	}
	c.owed++
	if c.waits() {
		c.after++
		return
	}
	c.before++
	c.answered = now
}
