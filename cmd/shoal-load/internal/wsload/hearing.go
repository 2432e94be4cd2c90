package wsload

import (
	"errors"
	"fmt"
	"math"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// feed is told by the engine of all that a connection has heard and not yet
// understood. It returns how much of that is done with; ok is false when the
// connection has been closed over it.
func (w *worker) feed(c *connection, b []byte, now int64) (used int, ok bool) {
	w.status.heard.Store(now)
	if c.state == upgrading {
		n, err := readUpgrade(b, c.key[:])
		switch {
		case errors.Is(err, errStatus):
			w.broken(c, report.WrongStatus, err, b)
		case err != nil:
			w.broken(c, report.WrongHTTP, err, b)
		case n > 0:
			used = n
			w.join(c, now)
		}
		if n == 0 {
			return 0, err == nil
		}
	}
	for {
		f, n, err := readFrame(b[used:])
		if err != nil {
			w.broken(c, report.WrongFrame, err, b[used:])
			return used, false
		}
		if n == 0 {
			break
		}
		used += n
		if !w.hear(c, &f, now) {
			return used, false
		}
	}
	w.tally.In += uint64(used)
	return used, true
}

// hear takes one frame. It reports whether the connection is still open.
func (w *worker) hear(c *connection, f *frame, now int64) bool {
	switch f.opcode {
	case opPing:
		w.tally.Relay.Pings++
		if c.unsent() <= mostUnsent {
			w.say(c, opPong, f.payload)
		}
		return true
	case opPong:
		return true
	case opClose:
		w.tally.Refused++
		if len(f.payload) > 2 { // why
			w.tally.Text(f.payload[2:])
		}
		w.leave(c)
		return false
	}
	switch {
	case (f.opcode == opContinuation) != c.inParts:
		w.broken(c, report.WrongFrame, errParts, f.payload)
		return false
	case len(c.message)+len(f.payload) > maxFrame:
		w.broken(c, report.WrongFrame, errLong, f.payload)
		return false
	case f.final && !c.inParts:
		w.listen(c, f.payload, now)
	case f.final:
		w.listen(c, append(c.message, f.payload...), now)
		c.message, c.inParts = nil, false
	default:
		c.message, c.inParts = append(c.message, f.payload...), true
	}
	return c.state != away
}

// listen takes one message.
func (w *worker) listen(c *connection, b []byte, now int64) {
	r := &w.reply
	if err := webtorrent.ParseReply(b, r); err != nil {
		w.tally.WrongStray(report.WrongJSON, err.Error(), b)
		return
	}
	switch r.Kind {
	case webtorrent.KindAnnounce:
		w.hearReply(c, r, b, now)
	case webtorrent.KindOffer:
		w.hearOffer(c, r, b, now)
	case webtorrent.KindAnswer:
		w.hearAnswer(c, r, b, now)
	case webtorrent.KindFailure:
		w.hearFailure(c, r, now)
	default:
		w.tally.WrongStray(report.WrongAction, "a message that nobody asked for", b)
	}
}

// mine reports whether the next reply is that to the announce that a connection
// waits for. Some trackers drop replies under load, and all that follow would be
// taken for others: that to an answer is waited for half as long as one to an
// announce.
func (w *worker) mine(c *connection, now int64) bool {
	return c.waits() && (c.before == 0 || now-c.answered > int64(w.plan.Timeout)/2)
}

// hearReply takes the reply to an announce or to an answer.
func (w *worker) hearReply(c *connection, r *webtorrent.Reply, b []byte, now int64) {
	w.tally.Last = now
	if c.owed == 0 {
		what := "a reply to nothing that was sent"
		if !w.plan.AnswerReplies {
			what += ", perhaps to an answer: see --answer-replies"
		}
		w.tally.WrongStray(report.WrongTransaction, what, b)
		return
	}
	c.owed--
	if !w.mine(c, now) {
		switch {
		case c.before > 0:
			c.before--
		case c.after > 0:
			c.after--
		case c.givenUp > 0:
			c.givenUp--
			w.tally.Late++
			return
		}
		w.tally.Relay.AnswerReplies++
		if kind, what := w.misjudge(c, r); what != "" {
			w.tally.WrongStray(kind, what, b)
		}
		return
	}
	kind, what := w.misjudge(c, r)
	switch {
	case !c.counted && what != "":
		w.tally.WrongStray(kind, what, b)
	case !c.counted:
	case what != "":
		w.tally.Latency(now - c.due)
		w.tally.Wrong(kind, what, b)
	default:
		w.tally.Latency(now - c.due)
		w.tally.Answered[plan.Announce]++
		if r.Complete == 0 && r.Incomplete == 0 {
			w.tally.Bare++
		}
	}
	w.concluded(c, now)
}

// concluded goes on after the announce that a connection waited for is answered.
func (w *worker) concluded(c *connection, now int64) {
	if c.state == joining {
		w.opening--
		w.open++
		if c.anew {
			w.tally.Relay.Reopened++
		}
		w.try(c)
	}
	w.busy--
	c.before, c.after, c.counted, c.answered = c.after, 0, false, now
	w.rejoin(c, now)
}

// misjudge returns what is wrong with a reply.
func (w *worker) misjudge(c *connection, r *webtorrent.Reply) (report.Wrong, string) {
	counted := uint64(r.Complete) + uint64(r.Incomplete)
	switch {
	case r.InfoHash != c.torrent.hash:
		return report.WrongTransaction, "a reply for another torrent"
	case r.Interval == 0 || r.Interval > math.MaxInt32:
		return report.WrongInterval, fmt.Sprintf("an interval of %d seconds", r.Interval)
	case w.plan.Alone && w.plan.Churn == 0 && counted > c.torrent.members:
		return report.WrongCounts, fmt.Sprintf("%d counted, where %d may be", counted, c.torrent.members)
	}
	return 0, ""
}

// hearFailure takes a refusal, of an announce or of an answer.
func (w *worker) hearFailure(c *connection, r *webtorrent.Reply, now int64) {
	w.tally.Last = now
	text := []byte(r.Reason)
	switch {
	case !w.mine(c, now):
		w.tally.Relay.AnswersRefused++
		w.tally.Text(text)
		if c.before > 0 {
			c.before--
		} else if c.after > 0 {
			c.after--
		}
		return
	case c.counted:
		w.tally.Latency(now - c.due)
		w.tally.Error(text)
		c.counted = false
	default:
		w.tally.Text(text)
	}
	if c.state == joining { // it is in no swarm
		w.tally.Refused++
		w.leave(c)
		return
	}
	w.concluded(c, now)
}

// told says what is wrong with an answer.
var told = map[fate]string{
	unmade:   "to an offer that nobody made",
	repeated: "that came before",
	misled:   "by somebody else than was handed the offer",
}

// hearOffer takes an offer of another connection, and answers it.
func (w *worker) hearOffer(c *connection, r *webtorrent.Reply, b []byte, now int64) {
	w.tally.Last = now
	w.tally.Relay.OffersReceived++
	n, ok := nameOf(&r.OfferID)
	if !ok || int(n.slot) >= len(w.crowd.all) {
		w.tally.WrongStray(report.WrongOffer, "an offer that nobody made", b)
		return
	}
	from := w.crowd.all[n.slot]
	switch {
	case from == c:
		w.tally.WrongStray(report.WrongOffer, "an offer of one's own", b)
		return
	case r.InfoHash != c.torrent.hash || from.torrent != c.torrent:
		w.tally.WrongStray(report.WrongOffer, "an offer for another torrent", b)
		return
	case r.PeerID != peerIDOf(n.slot, n.generation):
		w.tally.WrongStray(report.WrongOffer, "an offer with another's peer ID", b)
		return
	case !w.offer.is(r.SDP, &r.OfferID, &r.PeerID):
		w.tally.WrongStray(report.WrongOffer, "an offer that is not what was sent", b)
		return
	}
	at, fate := from.hand(n, c)
	switch fate {
	case right:
		w.tally.RelayLatency(now - at)
	case forgotten:
		w.tally.Relay.Forgotten++
	case repeated:
		w.tally.WrongStray(report.WrongOffer, "an offer that came before", b)
		return
	default:
		w.tally.WrongStray(report.WrongOffer, "an offer that nobody made", b)
		return
	}
	w.respond(c, &r.OfferID, &r.PeerID, now)
}

// hearAnswer takes the answer to an offer.
func (w *worker) hearAnswer(c *connection, r *webtorrent.Reply, b []byte, now int64) {
	w.tally.Last = now
	w.tally.Relay.AnswersReceived++
	n, ok := nameOf(&r.OfferID)
	slot, generation, known := connectionOf(&r.PeerID)
	what := ""
	switch {
	case !ok || !known:
		what = told[unmade]
	case n.slot != c.slot || n.generation != c.generation:
		what = "to somebody else's offer"
	case r.InfoHash != c.torrent.hash:
		what = "for another torrent"
	case !w.answer.is(r.SDP, &r.OfferID, &r.PeerID):
		what = "that is not what was sent"
	default:
		fate := c.conclude(n, slot, generation)
		if fate == forgotten {
			w.tally.Relay.Forgotten++
		}
		what = told[fate]
	}
	if what != "" {
		w.tally.WrongStray(report.WrongAnswer, "an answer "+what, b)
	}
}
