//go:build !race

package wsload

import (
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// mute is an engine without sockets.
type mute struct{}

func (mute) run() error          { return nil }
func (mute) dial(*connection)    {}
func (mute) shut(*connection)    {}
func (mute) close()              {}
func (mute) flush(c *connection) { c.outAt = len(c.out) }

// talk is an announce, the offers handed to somebody else, the answers, and all
// replies, each message fed to whom it is for.
func talk(tb testing.TB) func() {
	p := newPlan(tb, nowhere, 4)
	p.Offers, p.SDP = 5, 1500
	crowd, err := newCrowd(p, report.NewLive(1))
	if err != nil {
		tb.Fatal(err)
	}
	w := crowd.workers[0]
	w.engine = mute{}
	a, b := w.conns[0], w.conns[2]
	for _, c := range []*connection{a, b} {
		c.renew()
		c.state = ready
	}
	infoHash := webtorrent.AppendText(nil, a.torrent.hash[:])
	from, to := webtorrent.AppendText(nil, a.peerID[:]), webtorrent.AppendText(nil, b.peerID[:])
	reply := serverFrame(true, opText, webtorrent.AppendAnnounceReply(nil, infoHash, &shoal.AnnounceResponse{Interval: 9, Incomplete: 2}))
	var offers, answers [5][]byte
	var id, message, sdp []byte
	var offer webtorrent.OfferID
	now := int64(0)
	relay := func(c *connection, appendTo func([]byte, *shoal.InfoHash, webtorrent.Text, webtorrent.Text, webtorrent.Raw) []byte, peerID []byte, sdp []byte, frame []byte) []byte {
		message = appendTo(message[:0], &c.torrent.hash, peerID, id, sdp)
		frame = append(frame[:0], 0x80|opText, 126, byte(len(message)>>8), byte(len(message)))
		frame = append(frame, message...)
		if used, ok := w.feed(c, frame, now); !ok || used != len(frame) {
			tb.Fatal("not heard")
		}
		return frame
	}
	return func() {
		now++
		for _, c := range []*connection{a, b} {
			c.outAt = 0
			w.release(c)
		}
		w.announce(a, now, now, p.Offers, shoal.EventNone)
		a.counted = true
		for i := range p.Offers {
			offer = name{a.slot, a.generation, a.round, i}.id()
			id = webtorrent.AppendText(id[:0], offer[:])
			sdp = w.offer.write(sdp[:0], &offer, &a.peerID)
			offers[i] = relay(b, webtorrent.AppendOffer, from, sdp, offers[i])
			sdp = w.answer.write(sdp[:0], &offer, &b.peerID)
			answers[i] = relay(a, webtorrent.AppendAnswer, to, sdp, answers[i])
			w.feed(b, reply, now)
		}
		w.feed(a, reply, now)
		w.free.pop()
		if w.tally.WrongCount() != 0 || a.owed != 0 || b.owed != 0 {
			tb.Fatal(report.Summarize("", p, w.tally, 1, 1).Examples)
		}
	}
}

func TestTalkDoesNotAllocate(t *testing.T) {
	once := talk(t)
	for range 2 * remembered {
		once()
	}
	if n := testing.AllocsPerRun(200, once); n != 0 {
		t.Errorf("%v allocations an announce, its offers and their answers", n)
	}
}

// BenchmarkTalk is 22 messages: an announce, 5 offers, 5 answers said and 5
// heard, 6 replies.
func BenchmarkTalk(b *testing.B) {
	once := talk(b)
	for b.Loop() {
		once()
	}
}
