package wsserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// pair are two leechers of torrent h. b was told of the offers 1 of a.
func pair(w *world) (a, b *visitor) {
	w.t.Helper()
	a, b = w.visit(), w.visit()
	b.say(announce('h', 'b', ""))
	b.hears("h: 0/1")
	a.say(announce('h', 'a', "1"))
	a.hears("h: 0/2")
	w.deliver()
	b.hears("h: offer 1 of a: sdp 1")
	return a, b
}

// Somebody calls himself by the peer ID of another, and even makes the same
// offer: both stay, and each gets what is his.
func TestAttackSamePeerID(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w)
	mallory := w.visit()
	mallory.say(announceWith('h', 'a', "", `"left":0`))
	mallory.hears("h: 1/2")
	b.say(answer('h', 'b', 'a', '1', "for a"))
	w.deliver()
	b.hears("h: 1/2")
	a.hears("h: answer to 1 of b: for a")
	mallory.hears()

	// The same offer from both: the first to come is answered first. b is the
	// only leecher beside a, who must not get it.
	a.say(announceWith('h', 'a', "2", `"left":0`))
	mallory.say(announceWith('h', 'a', "2", `"left":0`))
	w.deliver()
	b.hears("h: offer 2 of a: sdp 2", "h: offer 2 of a: sdp 2")
	b.say(answer('h', 'b', 'a', '2', "first"))
	b.say(answer('h', 'b', 'a', '2', "second"))
	b.say(answer('h', 'b', 'a', '2', "third"))
	w.deliver()
	b.hears("h: 2/1", "h: 2/1", failure(shoal.OfferGone))
	a.hears("h: 2/1", "h: answer to 2 of b: first")
	mallory.hears("h: 2/1", "h: answer to 2 of b: second")

	// Nor can he make the other leave.
	mallory.say(announceWith('h', 'a', "", `"left":0,"event":"stopped"`))
	w.swarm('h', 1, 1)
	mallory.hangUp()
	w.swarm('h', 1, 1)
	w.connections(2)
	w.leave()
	w.swarm('h', 0, 0)
}

func TestAttackUnsolicitedAnswer(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w)
	mallory := w.visit()
	for _, message := range []string{
		answer('h', 'm', 'a', '9', "never offered"),
		answer('h', 'm', 'b', '1', "to one who offered nothing"),
	} {
		mallory.say(message)
		mallory.hears(failure(shoal.OfferGone))
	}
	// Being in the torrent changes nothing.
	mallory.say(announce('h', 'm', ""))
	mallory.hears("h: 0/3")
	mallory.say(answer('h', 'm', 'a', '9', "never offered"))
	mallory.hears(failure(shoal.OfferGone))
	w.deliver()
	a.hears()
	b.hears()
	if got := w.server.Counters(); got.AnswersRefused != 3 || got.AnswersRelayed != 0 {
		t.Errorf("%d answers refused, %d relayed; want 3 and none", got.AnswersRefused, got.AnswersRelayed)
	}
	w.swarm('h', 0, 3)
	w.connections(3)
	w.leave()
	w.swarm('h', 0, 0)
}

// An answer comes when its time is up, when who made the offer has gone, or when
// his place is another's.
func TestAttackLateAnswer(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w)
	w.pass(offerTime - 1*time.Millisecond)
	b.say(answer('h', 'b', 'a', '1', "just in time"))
	w.deliver()
	a.hears("h: answer to 1 of b: just in time")
	b.hears("h: 0/2")

	a.say(announce('h', 'a', "2"))
	w.deliver()
	b.hears("h: offer 2 of a: sdp 2")
	a.hears("h: 0/2")
	w.pass(offerTime)
	b.say(answer('h', 'b', 'a', '2', "too late"))
	w.deliver()
	b.hears(failure(shoal.OfferGone))
	a.hears()

	a.say(announce('h', 'a', "3"))
	w.deliver()
	b.hears("h: offer 3 of a: sdp 3")
	gone := a.Link()
	a.hangUp()
	w.swarm('h', 0, 1)
	next := w.visit()
	if next.Link().Slot() != gone.Slot() || next.Link() == gone {
		t.Fatalf("link %x after %x, want the same slot and another generation", next.Link(), gone)
	}
	next.say(announce('h', 'a', ""))
	next.hears("h: 0/2")
	b.say(answer('h', 'b', 'a', '3', "for one who is gone"))
	w.deliver()
	b.hears("h: 0/2")
	next.hears()
	if got := w.server.Counters(); got.AnswersUndelivered != 1 || got.AnswersRelayed != 1 || got.AnswersRefused != 1 || got.OffersForgotten != 1 {
		t.Errorf("counted %+v", got)
	}

	// The offer itself is late: it must not reach who has the place now.
	next.say(announce('h', 'a', "4"))
	gone = b.Link()
	b.hangUp()
	again := w.visit()
	if again.Link().Slot() != gone.Slot() {
		t.Fatal("another slot")
	}
	w.deliver()
	again.hears()
	w.swarm('h', 0, 1)
	w.connections(2)
	w.leave()
	w.swarm('h', 0, 0)
}

func TestAttackDoubledAnswer(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w)
	for i := range 5 {
		b.say(answer('h', 'b', 'a', '1', fmt.Sprint("answer ", i)))
	}
	w.deliver()
	a.hears("h: answer to 1 of b: answer 0")
	gone := failure(shoal.OfferGone)
	b.hears("h: 0/2", gone, gone, gone, gone)
	w.swarm('h', 0, 2)
	w.connections(2)
	w.leave()
	w.swarm('h', 0, 0)
}

// Somebody answers an offer that another was told of, or answers his own offer
// under the name of another torrent or another peer.
func TestAttackForeignAnswer(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w)
	mallory := w.visit()
	mallory.say(announce('h', 'm', ""))
	mallory.hears("h: 0/3")
	mallory.say(answer('h', 'b', 'a', '1', "by another"))
	mallory.hears(failure(shoal.OfferGone))
	a.say(answer('h', 'b', 'a', '1', "by the one who made it"))
	a.hears(failure(shoal.OfferGone))
	for _, message := range []string{
		answer('i', 'b', 'a', '1', "another torrent"),
		answer('h', 'b', 'm', '1', "another peer"),
		answer('h', 'b', 'a', '2', "another offer"),
	} {
		b.say(message)
		b.hears(failure(shoal.OfferGone))
	}
	w.deliver()
	a.hears()
	mallory.hears()
	// The true answer is as good as before. What its sender calls himself is a
	// label.
	b.say(answer('h', 'm', 'a', '1', "by the one"))
	w.deliver()
	a.hears("h: answer to 1 of m: by the one")
	b.hears("h: 0/3")
	w.swarm('h', 0, 3)
	w.connections(3)
	w.leave()
	w.swarm('h', 0, 0)
}

// One sender floods: what each receiver holds is bounded, and the offer of an
// honest peer can still be answered. Many senders push it out at most, which is
// counted, and not held against who could not answer it.
func TestAttackOfferFlood(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w) // b holds the offer 1 of a
	mallory := w.visit()
	const all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()" // more than are read
	for range 200 {
		mallory.say(announce('h', 'm', all))
		w.deliver()
		if open := b.protocol.(*connection).offers; len(open) > maxOpenOfOne+1 || cap(open) > maxOpen {
			t.Fatalf("%d offers are open, in the memory of %d", len(open), cap(open))
		}
	}
	mallory.heard()
	b.heard()
	a.heard()
	b.say(answer('h', 'b', 'a', '1', "still there"))
	w.deliver()
	a.hears("h: answer to 1 of b: still there")
	b.hears("h: 0/3")
	got := w.server.Counters()
	// Each announce reaches the two others.
	if got.OffersRelayed != 1+200*2 || got.OffersForgotten != 2*(200-maxOpenOfOne) {
		t.Errorf("%d offers relayed and %d forgotten; want %d and %d", got.OffersRelayed, got.OffersForgotten, 1+200*2, 2*(200-maxOpenOfOne))
	}

	for range 5 {
		more := w.visit()
		for range 20 {
			more.say(announceWith('h', 'm', all[:64], `"numwant":64`))
			w.deliver()
			more.say(announceWith('h', 'm', "", `"event":"stopped"`))
			if n := len(b.protocol.(*connection).offers); n > maxOpen {
				t.Fatalf("%d offers are open", n)
			}
		}
	}
	for range 50 {
		b.say(answer('h', 'b', 'a', 'x', "forgotten"))
		if b.over {
			break
		}
	}
	if b.over {
		t.Error("closed for answers to offers that were forgotten here")
	}
	b.heard()
	w.swarm('h', 0, 3)
	w.connections(3 + 5)
	w.leave()
	w.swarm('h', 0, 0)
}

// Somebody tries IDs until one fits.
func TestAttackIDGuessing(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w)
	mallory := w.visit()
	mallory.say(announce('h', 'm', ""))
	mallory.hears("h: 0/3")
	var want []string
	const most = maxOpen + maxStrikes // as many as one may have had before
	for i := range most + 5 {
		mallory.say(answer('h', 'm', 'a', byte('A'+i%20), "guess"))
		if i < most {
			want = append(want, failure(shoal.OfferGone))
		}
	}
	mallory.closes(append(want, "close 1008")...)
	w.deliver()
	a.hears()
	b.hears()
	w.swarm('h', 0, 2)
	w.connections(2)
	if got := w.server.Counters(); got.Broken != 1 || got.AnswersRefused != most {
		t.Errorf("counted %+v", got)
	}
	w.leave()
	w.swarm('h', 0, 0)
}

// An offer that was forgotten here, or may have been made to the connection that
// this one is in place of, excuses one answer that comes too late, and no more.
func TestLateAnswersAreExcused(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w)
	a.say(announce('h', 'a', "2"))
	a.say(announce('h', 'a', "3"))
	w.deliver()
	b.heard()
	w.pass(offerTime)
	for i := range maxOpen + 3 + maxStrikes - 1 {
		b.say(answer('h', 'b', 'a', '1', "late"))
		b.hears(failure(shoal.OfferGone))
		if b.over {
			t.Fatalf("closed at the answer %d", i+1)
		}
	}
	b.say(answer('h', 'b', 'a', '1', "late"))
	b.closes(failure(shoal.OfferGone), "close 1008")
	w.leave()
}

// A good message in between is enough: it is the nonsense without end that is
// not wanted.
func TestAttackRepeatedFailures(t *testing.T) {
	w := newWorld(t)
	v := w.visit()
	for range 3 {
		for range maxStrikes - 1 {
			v.say("nonsense")
			v.hears(failure(shoal.MessageInvalid))
		}
		v.say(announce('h', 'a', ""))
		v.hears("h: 0/1")
	}
	for range maxStrikes - 1 {
		v.say("nonsense")
		v.hears(failure(shoal.MessageInvalid))
	}
	v.say("nonsense")
	v.closes(failure(shoal.MessageInvalid), "close 1008")
	w.swarm('h', 0, 0)
	w.connections(0)
	w.leave()
}

// A slow reader is told of nothing more, and is not held up for others; what is
// not said is counted, and its sender's business goes on.
func TestAttackSlowReader(t *testing.T) {
	w := newWorld(t)
	a, b := pair(w)
	b.waiting = maxWaiting + 1
	for range 100 {
		a.say(announce('h', 'a', "2"))
		w.deliver()
	}
	b.hears()
	if n := len(b.protocol.(*connection).offers); n != 1 {
		t.Errorf("%d offers are open, want the one that was said", n)
	}
	got := w.server.Counters()
	if got.OffersUndelivered != 100 || got.OffersRelayed != 1 {
		t.Errorf("%d offers undelivered and %d relayed, want 100 and 1", got.OffersUndelivered, got.OffersRelayed)
	}
	a.heard()

	// Answers to him are lost as well.
	b.waiting = 0
	b.say(announce('h', 'b', "3"))
	w.deliver()
	a.hears("h: offer 3 of b: sdp 3")
	b.waiting = maxWaiting + 1
	a.say(answer('h', 'a', 'b', '3', "lost"))
	w.deliver()
	a.hears("h: 0/2")
	b.hears("h: 0/2")

	// With less waiting he hears again.
	b.waiting = maxWaiting
	a.say(announce('h', 'a', "4"))
	w.deliver()
	b.hears("h: offer 4 of a: sdp 4")

	// The engine closes who lets too much wait.
	b.choked = true
	a.say(announce('h', 'a', "5"))
	w.deliver()
	if !b.over {
		t.Error("the connection is open that the engine has closed")
	}
	got = w.server.Counters()
	if got.OffersUndelivered != 101 || got.AnswersUndelivered != 1 || got.OffersRelayed != 3 {
		t.Errorf("counted %+v", got)
	}
	w.swarm('h', 0, 1)
	w.connections(1)
	w.leave()
	w.swarm('h', 0, 0)
}

func TestAttackDeepJSON(t *testing.T) {
	for name, message := range map[string]string{
		"lists":             strings.Repeat("[", 60_000),
		"closed lists":      strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000),
		"objects":           strings.Repeat(`{"a":`, 10_000),
		"in an offer":       strings.Replace(announce('h', 'm', "1"), `"sdp 1"`, strings.Repeat("[", 8_000)+strings.Repeat("]", 8_000), 1),
		"in what is passed": strings.Replace(announce('h', 'm', "1"), `"left":1`, `"left":1,"x":`+strings.Repeat(`{"a":`, 33)+"1"+strings.Repeat("}", 33), 1),
		"in an answer":      strings.Replace(answer('h', 'b', 'a', '1', "x"), `"x"`, strings.Repeat("[", 40)+strings.Repeat("]", 40), 1),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := pair(w)
			mallory := w.visit()
			for i := range maxStrikes {
				mallory.say(message)
				want := []string{failure(shoal.MessageInvalid)}
				if i == maxStrikes-1 {
					want = append(want, "close 1008")
				}
				mallory.hears(want...)
			}
			w.deliver()
			a.hears()
			b.hears()
			w.swarm('h', 0, 2)
			w.connections(2)
			w.leave()
			w.swarm('h', 0, 0)
		})
	}
}

// Text that is not UTF-8 would have the receiver's connection closed, were it
// passed on.
func TestAttackInvalidUTF8(t *testing.T) {
	for name, bad := range map[string]string{
		"byte alone":      "\xff",
		"cut character":   "\xc3",
		"overlong":        "\xc0\x80",
		"surrogate":       "\xed\xa0\x80",
		"beyond U+10FFFF": "\xf4\x90\x80\x80",
		"cut, and longer": "\xe2\x82",
	} {
		t.Run(name, func(t *testing.T) {
			for _, message := range []string{
				strings.Replace(announce('h', 'm', "1"), "sdp 1", bad, 1),
				strings.Replace(answer('h', 'b', 'a', '1', "here"), "here", bad, 1),
				strings.Replace(announce('h', 'm', ""), `"left"`, `"`+bad+`":1,"left"`, 1),
				bad,
			} {
				w := newWorld(t)
				a, b := pair(w)
				mallory := w.visit()
				mallory.say(announce('h', 'm', ""))
				mallory.hears("h: 0/3")
				at := strings.Index(message, bad) + 1
				mallory.send(clientFrame(text, false, message[:at]))
				mallory.send(clientFrame(continuation, true, message[at:]))
				mallory.closes("close 1007")
				b.say(message)
				b.closes("close 1007")
				w.deliver()
				a.hears()
				w.swarm('h', 0, 1)
				w.connections(1)
				if got := w.server.Counters(); got.Broken != 2 {
					t.Errorf("counted %+v", got)
				}
				w.leave()
				w.swarm('h', 0, 0)
			}
		})
	}
}

// One torrent more than may be is refused, and all of them are left.
func TestAttackTooManyTorrents(t *testing.T) {
	w := newWorld(t)
	v := w.visit()
	message := func(i int, fields string) string {
		return fmt.Sprintf(`{"action":"announce","info_hash":"%040x","peer_id":"%s",%s}`, i+1, name('a'), fields)
	}
	for i := range maxTorrents {
		v.say(message(i, `"left":1`))
	}
	if got := v.heard(); len(got) != maxTorrents || strings.HasPrefix(strings.Join(got, ""), "failure") {
		t.Fatalf("%d replies: %.200q", len(got), got)
	}
	// Trying on is not a reason to be closed: the client would come back with
	// all of them.
	for range 2 * maxStrikes {
		v.say(message(maxTorrents, `"left":1`))
		v.hears(failure(shoal.TorrentsTooMany))
	}
	if sum := w.store.Totals(); sum.Browsers != maxTorrents {
		t.Errorf("%d browsers, want %d", sum.Browsers, maxTorrents)
	}
	// Those that it is in go on, and one that is left makes room.
	v.say(message(7, `"left":0`))
	v.say(message(maxTorrents+5, `"left":1,"event":"stopped"`))
	v.say(message(7, `"left":0,"event":"stopped"`))
	v.say(message(maxTorrents, `"left":1`))
	if got := strings.Join(v.heard(), " "); strings.Contains(got, "failure") {
		t.Errorf("heard %q", got)
	}
	if sum := w.store.Totals(); sum.Browsers != maxTorrents {
		t.Errorf("%d browsers, want %d", sum.Browsers, maxTorrents)
	}
	v.hangUp()
	if sum := w.store.Totals(); sum.Browsers != 0 || sum.Peers != 0 {
		t.Errorf("%d browsers of %d peers are left", sum.Browsers, sum.Peers)
	}
	w.leave()

	// Leaving one by one gives the memory back.
	v = w.visit()
	for i := range maxTorrents {
		v.say(message(i, `"left":1`))
	}
	for i := range maxTorrents - 10 {
		v.say(message((i*7)%maxTorrents, `"event":"stopped"`))
	}
	if n, room := len(v.protocol.(*connection).torrents), cap(v.protocol.(*connection).torrents); n != 10 || room > 64 {
		t.Errorf("%d torrents in the memory of %d", n, room)
	}
	if sum := w.store.Totals(); sum.Browsers != 10 {
		t.Errorf("%d browsers, want 10", sum.Browsers)
	}
	v.said = nil
	w.leave()
}
