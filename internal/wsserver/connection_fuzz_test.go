package wsserver

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// FuzzConnection sends anything, at once and in pieces: the same comes of it,
// everything said is well-formed, and nothing is left of it. Messages that the
// input has between lines of its own are sent as such.
func FuzzConnection(f *testing.F) {
	f.Add([]byte(announce('h', 'a', "12")+"\n"+answer('h', 'a', 'b', '1', "x")), false, 5)
	f.Add([]byte(`{"action":"scrape","info_hash":"hhhhhhhhhhhhhhhhhhhh"}`+"\n\xff"), false, 1)
	f.Add(frames(clientFrame(text, false, announce('h', 'a', "1")), clientFrame(ping, true, "x"), clientFrame(continuation, true, ""), clientFrame(closing, true, "")), true, 3)
	f.Add(bytes.Repeat(clientFrame(pong, true, ""), 101), true, 50)
	f.Add(bytes.Repeat([]byte("{}\n"), 11), false, 100)
	w := newWorld(f) // one for all: swarms do not give their memory back
	f.Fuzz(func(t *testing.T, in []byte, raw bool, piece int) {
		if !raw {
			var wire []byte
			for _, line := range bytes.Split(in, []byte("\n")) {
				wire = append(wire, clientFrame(text, true, string(line))...)
			}
			in = wire
		}
		if piece < 1 || len(in) > 1<<15 || len(in)/piece > 1000 {
			t.Skip()
		}
		talk := func(piece int) (said, relayed []string, over bool, totals Counters) {
			w.t, w.server = t, New(DefaultConfig(), w.tracker, w.post)
			w.server.settings.Load().jitter = 0
			other, v := w.visit(), w.visit()
			other.say(announce('h', 'b', ""))
			other.heard()
			for rest := in; len(rest) > 0 && !v.over; {
				n := min(piece, len(rest))
				v.send(rest[:n])
				rest = rest[n:]
			}
			w.deliver()
			for _, spoken := range []*visitor{v, other} {
				all, rest, err := readServer(spoken.said)
				if err != nil || len(rest) > 0 {
					t.Fatalf("%d bytes are no frame: %v", len(rest), err)
				}
				for _, one := range all {
					if one.opcode == text && !json.Valid(one.payload) {
						t.Fatalf("said %q", one.payload)
					}
				}
			}
			over = v.over
			said, relayed, totals = v.heard(), other.heard(), w.server.Counters()
			w.leave()
			w.swarm('h', 0, 0)
			return said, relayed, over, totals
		}
		said, relayed, over, totals := talk(len(in) + 1)
		again, relayedAgain, overAgain, totalsAgain := talk(piece)
		if !same(said, again) || !same(relayed, relayedAgain) || over != overAgain || totals != totalsAgain {
			t.Fatalf("at once %q, %q, closed %v, %+v; in pieces %q, %q, %v, %+v", said, relayed, over, totals, again, relayedAgain, overAgain, totalsAgain)
		}
		if over && totals.Broken+totals.Silent == 0 && (len(said) == 0 || len(said[len(said)-1]) < len("close") || said[len(said)-1][:5] != "close") {
			t.Fatalf("closed without a word: %q", said)
		}
	})
}

// A message that was refused leaves no more behind than one that never came.
func TestPooledMemoryHoldsNothing(t *testing.T) {
	w := newWorld(t)
	v := w.visit()
	v.say(announce('h', 'a', "123"))
	m := w.server.borrow()
	for _, o := range m.message.Offers[:cap(m.message.Offers)] {
		if o.SDP != nil || o.IDText != nil {
			t.Errorf("an offer of an earlier message is held: %s", o.SDP)
		}
	}
	if m.message.InfoHashText != nil || m.message.PeerIDText != nil || m.message.Kind != 0 {
		t.Errorf("an earlier message is held: %+v", m.message)
	}
	w.server.giveBack(m)
	if got := w.server.keyOf(new(offerName)); got == 0 {
		t.Error("a key of 0")
	}
	var one, two offerName
	hash, peer, id := shoal.InfoHash{1}, shoal.PeerID{2}, webtorrent.OfferID{3}
	one.set(&hash, &id, &peer)
	two.set(&hash, (*webtorrent.OfferID)(&peer), (*shoal.PeerID)(&id))
	if w.server.keyOf(&one) == w.server.keyOf(&two) {
		t.Error("an offer ID and a peer ID that change places are one name")
	}
	w.leave()
}
