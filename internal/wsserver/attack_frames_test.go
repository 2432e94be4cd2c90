package wsserver

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/webtorrent"
)

// attack has a third connection, which is in the torrent as well, send bytes
// that break the protocol, in several pieces: it is closed with this code, it
// has left, and the others have noticed nothing.
func attack(t *testing.T, in []byte, want ...string) {
	t.Helper()
	for _, piece := range []int{1, 3, 1000, len(in) + 1} {
		if len(in)/piece > 10_000 {
			continue
		}
		w := newWorld(t)
		a, b := pair(w)
		mallory := w.visit()
		mallory.say(announce('h', 'm', ""))
		mallory.hears("h: 0/3")
		for rest := in; len(rest) > 0 && !mallory.over; {
			n := min(piece, len(rest))
			mallory.send(rest[:n])
			rest = rest[n:]
		}
		mallory.closes(want...)
		if len(mallory.unread) == 0 {
			t.Error("everything is used: the engine would not wait until its close frame is read")
		}
		w.deliver()
		a.hears()
		b.hears()
		w.swarm('h', 0, 2)
		w.connections(2)
		if got := w.server.Counters(); got.Broken != 1 || got.Silent != 0 {
			t.Errorf("counted %+v", got)
		}
		b.say(answer('h', 'b', 'a', '1', "as before"))
		w.deliver()
		a.hears("h: answer to 1 of b: as before")
		w.leave()
		w.swarm('h', 0, 0)
	}
}

// unmasked is a frame as only servers may send it.
func unmasked(o opcode, payload string) []byte {
	b, at := beginFrame(nil)
	b = endFrame(append(b, payload...), at)
	b[0] = finalBit | byte(o)
	return b
}

func TestAttackUnmaskedFrames(t *testing.T) {
	for _, o := range []opcode{text, binaryData, ping, pong, closing} {
		attack(t, unmasked(o, ""), "close 1002")
	}
	attack(t, unmasked(text, announce('h', 'm', "2")), "close 1002")
	attack(t, slices.Concat(clientFrame(text, false, "{"), unmasked(continuation, "}")), "close 1002")
}

// Nothing that the server says is masked, and masks of all kinds come off.
func TestAttackMaskedFrames(t *testing.T) {
	w := newWorld(t)
	v := w.visit()
	for _, mask := range []uint32{0, 1, 0xffffffff, 0x80000000, 0x01020304, 0x22222222} {
		v.send(maskedFrame(text, true, announce('h', 'a', "12"), mask))
		v.send(maskedFrame(ping, true, "payload", mask))
		v.hears("h: 0/1", "pong payload") // fails on a masked frame
	}
	w.leave()
}

func TestAttackReservedBits(t *testing.T) {
	for _, bits := range []byte{0x40, 0x20, 0x10, 0x70} {
		for _, o := range []opcode{text, binaryData, ping, pong, closing} {
			in := clientFrame(o, true, "")
			in[0] |= bits
			attack(t, in, "close 1002")
		}
		in := clientFrame(text, false, "{")
		second := clientFrame(continuation, true, "}")
		second[0] |= bits
		attack(t, append(in, second...), "close 1002")
	}
}

func TestAttackReservedOpcodes(t *testing.T) {
	for _, o := range []opcode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		attack(t, clientFrame(o, true, ""), "close 1002")
	}
}

func TestAttackFragments(t *testing.T) {
	attack(t, clientFrame(continuation, true, ""), "close 1002")
	attack(t, clientFrame(continuation, false, ""), "close 1002")
	attack(t, slices.Concat(clientFrame(text, false, "{"), clientFrame(text, true, "}")), "close 1002")
	attack(t, slices.Concat(clientFrame(text, false, "{"), clientFrame(ping, true, "p"), clientFrame(binaryData, false, "}")), "pong p", "close 1002")
	attack(t, clientFrame(ping, false, ""), "close 1002")
	attack(t, clientFrame(closing, false, ""), "close 1002")
}

func TestAttackOversize(t *testing.T) {
	head := func(length uint64) []byte {
		return append(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, length), 1, 2, 3, 4)
	}
	attack(t, head(webtorrent.MaxMessage+1), "close 1009")
	attack(t, head(1<<40), "close 1009")
	attack(t, head(1<<63-1), "close 1009")
	attack(t, head(1<<63), "close 1002")
	attack(t, head(100), "close 1002")
	attack(t, clientFrame(text, true, strings.Repeat("x", webtorrent.MaxMessage+1)), "close 1009")
	half := strings.Repeat(" ", webtorrent.MaxMessage/2+1)
	attack(t, slices.Concat(clientFrame(text, false, half), clientFrame(continuation, false, half)), "close 1009")
	var many []byte
	for range webtorrent.MaxMessage/1000 + 1 {
		many = append(many, clientFrame(continuation, false, half[:1000])...)
	}
	attack(t, slices.Concat(clientFrame(text, false, ""), many), "close 1009")
	attack(t, clientFrame(ping, true, strings.Repeat("x", 126)), "close 1002")

	// The longest there may be is taken, in one piece and in many.
	w := newWorld(t)
	v := w.visit()
	message := announce('h', 'a', "")
	message += strings.Repeat(" ", webtorrent.MaxMessage-len(message))
	v.say(message)
	v.hears("h: 0/1")
	v.send(clientFrame(text, false, message[:1]))
	for i := 1; i < len(message); i += 997 {
		v.send(clientFrame(continuation, false, message[i:min(i+997, len(message))]))
	}
	v.send(clientFrame(continuation, true, ""))
	v.hears("h: 0/1")
	if v.protocol.(*connection).parts.begun != nil {
		t.Error("memory is held between messages")
	}
	w.leave()
}

func TestAttackPingFlood(t *testing.T) {
	for _, o := range []opcode{ping, pong} {
		var in []byte
		var want []string
		for range maxControls {
			in = append(in, clientFrame(o, true, strings.Repeat("p", 125))...)
			if o == ping {
				want = append(want, "pong "+strings.Repeat("p", 125))
			}
		}
		in = append(in, clientFrame(o, true, "")...)
		attack(t, in, append(want, "close 1008")...)
	}

	// So many in each second are no flood.
	w := newWorld(t)
	v := w.visit()
	v.say(announce('h', 'a', ""))
	v.heard()
	for range 5 {
		for range maxControls {
			v.send(clientFrame(ping, true, ""))
		}
		w.pass(time.Second)
	}
	if got := v.heard(); len(got) != 5*maxControls || v.over {
		t.Errorf("%d pongs, closed: %v", len(got), v.over)
	}
	w.leave()
}

func TestAttackCloseFrames(t *testing.T) {
	for payload, want := range map[string]string{"\x03": "close 1002", "\x00\x00": "close 1002", "\x03\xed": "close 1002", "\x03\xe8\xff": "close 1007"} {
		attack(t, clientFrame(closing, true, payload), want)
	}
	// A proper one is answered, and nothing behind it counts.
	for payload, want := range map[string]string{"": "close", "\x03\xe8": "close 1000", "\x0f\xa0bye": "close 4000"} {
		w := newWorld(t)
		a, b := pair(w)
		a.send(slices.Concat(clientFrame(closing, true, payload), clientFrame(text, true, announce('h', 'a', "2"))))
		a.closes(want)
		w.deliver()
		b.hears()
		w.swarm('h', 0, 1)
		w.connections(1)
		if got := w.server.Counters(); got.Broken != 0 {
			t.Errorf("counted %+v", got)
		}
		w.leave()
		w.swarm('h', 0, 0)
	}
}

func TestAttackSilence(t *testing.T) {
	// Nothing, or nothing but pongs, pings and half a message.
	for name, say := range map[string]func(v *visitor){
		"nothing":        func(v *visitor) {},
		"pongs":          func(v *visitor) { v.send(clientFrame(pong, true, "")) },
		"pings":          func(v *visitor) { v.send(clientFrame(ping, true, "")) },
		"half a frame":   func(v *visitor) { v.send([]byte{0x81}[:1-len(v.unread)]) },
		"half a message": func(v *visitor) { v.send(clientFrame(opcodeOf(v), false, "x")) },
	} {
		t.Run("first message, "+name, func(t *testing.T) {
			w := newWorld(t)
			v := w.visit()
			for passed := time.Duration(0); passed < firstTimeout; passed += time.Second {
				if v.over {
					t.Fatalf("closed after %v", passed)
				}
				say(v)
				w.pass(time.Second)
				v.ring()
			}
			if got := v.heard(); !v.over || len(got) == 0 || got[len(got)-1] != "close 1008" {
				t.Errorf("heard %q, closed: %v", got, v.over)
			}
			if got := w.server.Counters(); got.Silent != 1 || got.Connections != 0 {
				t.Errorf("counted %+v", got)
			}
			w.leave()
		})
	}

	t.Run("after a message", func(t *testing.T) {
		w := newWorld(t)
		a, b := pair(w)
		w.pass(silence - time.Second)
		b.send(clientFrame(pong, true, ""))
		w.pass(time.Second)
		a.ring()
		b.ring()
		a.hears("ping")
		b.hears() // was heard of a second ago
		a.send(clientFrame(pong, true, ""))
		w.pass(silence)
		a.ring()
		b.ring()
		a.hears("ping")
		b.hears("ping")
		w.swarm('h', 0, 2)
		a.say(announce('h', 'a', ""))
		a.hears("h: 0/2")
		w.pass(silence)
		a.ring()
		b.ring()
		a.hears("ping")
		b.closes("close 1008")
		w.swarm('h', 0, 1)
		w.connections(1)
		// A frame that comes by the byte is not a sign of life.
		for _, c := range clientFrame(text, true, announce('h', 'a', ""))[:44] {
			w.pass(time.Second)
			a.send([]byte{c})
			a.ring()
		}
		w.pass(time.Second)
		a.ring()
		a.closes("close 1008")
		w.swarm('h', 0, 0)
		w.leave()
	})

	t.Run("message without end", func(t *testing.T) {
		w := newWorld(t)
		a, b := pair(w)
		b.hangUp()
		a.send(clientFrame(text, false, "{"))
		for passed := time.Duration(0); passed < wholeTimeout; passed += time.Second {
			if a.over {
				t.Fatalf("closed after %v", passed)
			}
			a.send(slices.Concat(clientFrame(continuation, false, " "), clientFrame(pong, true, "")))
			w.pass(time.Second)
			a.ring()
		}
		if !a.over {
			t.Error("a message may take for ever")
		}
		w.swarm('h', 0, 0)
		w.leave()
	})

	t.Run("each message has its own time", func(t *testing.T) {
		w := newWorld(t)
		v := w.visit()
		for range 3 {
			message := announce('h', 'a', "")
			v.send(slices.Concat(clientFrame(text, false, message[:9]), clientFrame(pong, true, "")))
			w.pass(silence - 1)
			v.ring()
			v.send(clientFrame(continuation, true, message[9:]))
			v.hears("h: 0/1")
		}
		w.leave()
	})

	t.Run("offers are forgotten while idle", func(t *testing.T) {
		w := newWorld(t)
		_, b := pair(w)
		for range 3 {
			w.pass(silence)
			b.ring()
			b.send(clientFrame(pong, true, ""))
		}
		if open := b.protocol.(*connection).offers; open != nil {
			t.Errorf("%d offers are held after their time", len(open))
		}
		if got := w.server.Counters(); got.OffersForgotten != 1 {
			t.Errorf("counted %+v", got)
		}
		w.leave()
	})
}

// opcodeOf is what the next fragment of v must be.
func opcodeOf(v *visitor) opcode {
	if v.protocol.(*connection).parts.begun != nil {
		return continuation
	}
	return text
}
