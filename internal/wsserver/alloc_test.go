//go:build !race

package wsserver

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// instant makes the posts of a world arrive at once, so that no memory of the
// test's own is measured.
func (w *world) instant() {
	w.server.post = func(to shoal.Link, message []byte) bool {
		v := w.find(to)
		if v == nil {
			return false
		}
		v.protocol.(*connection).Received(v.Conn, message)
		v.queued = v.queued[:0]
		return true
	}
}

// repeat returns a function that hands v the same bytes again and again.
func (v *visitor) repeat(in []byte) func() {
	room, out := make([]byte, len(in)), make([]byte, 0, 64<<10)
	return func() {
		for rest := room[:copy(room, in)]; len(rest) > 0; {
			used, reply, _ := v.protocol.Bytes(v.Conn, rest, out)
			if used == 0 {
				panic(string(reply))
			}
			rest, v.said = rest[used:], reply
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	w := newWorld(t)
	w.instant()
	for range 50 {
		w.visit().say(announce('h', 'b', ""))
	}
	sdp := strings.Repeat("x", 1500)
	offers := announce('h', 'a', "12345")
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		offers = strings.Replace(offers, "sdp "+id, sdp+id, 1)
	}
	v := w.visit()
	v.say(announce('h', 'a', ""))
	if got := testing.AllocsPerRun(200, func() {
		w.pass(silence)
		v.protocol.Tick(v.Conn, v.Now())
		v.queued = v.queued[:0]
		v.protocol.(*connection).phase = heard
	}); got != 0 || v.IsClosed() {
		t.Errorf("alarm: %v allocations", got)
	}
	for name, tt := range map[string]struct {
		in   []byte
		want string // is said
	}{
		"announce":              {clientFrame(text, true, announce('h', 'a', "")), `"complete"`},
		"announce with offers":  {clientFrame(text, true, offers), `"complete"`},
		"stopped, and back":     {frames(clientFrame(text, true, announceWith('h', 'a', "", `"event":"stopped"`)), clientFrame(text, true, announce('h', 'a', ""))), `"complete"`},
		"unsolicited answer":    {frames(clientFrame(text, true, announce('h', 'a', "")), clientFrame(text, true, answer('h', 'a', 'b', '1', sdp))), `"failure reason"`},
		"nonsense":              {frames(clientFrame(text, true, announce('h', 'a', "")), clientFrame(text, true, "nonsense")), `"failure reason"`},
		"scrape":                {clientFrame(text, true, `{"action":"scrape","info_hash":["`+strings.Repeat("h", 20)+`","`+strings.Repeat("i", 20)+`"]}`), `"files"`},
		"ping":                  {clientFrame(ping, true, "payload"), "payload"},
		"announce in fragments": {frames(clientFrame(text, false, offers[:3000]), clientFrame(continuation, false, offers[3000:6000]), clientFrame(continuation, true, offers[6000:])), `"complete"`},
		"pong":                  {clientFrame(pong, true, ""), ""},
	} {
		v := w.visit()
		again := v.repeat(tt.in)
		for range 500 {
			w.pass(20 * time.Millisecond)
			again() // until the others hold as many offers as they may
		}
		if got := testing.AllocsPerRun(200, func() { w.pass(20 * time.Millisecond); again() }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
		if !strings.Contains(string(v.said), tt.want) {
			t.Errorf("%s: measured the wrong thing: %q", name, v.said)
		}
	}
	w.leave()
}

func TestNothingIsAllocatedByKeys(t *testing.T) {
	for key, want := range map[string]string{goodKey: toldUnregistered, noKey: toldMissing, oldKey: toldExpired, strangeKey: toldUnknown} {
		chain, _ := chainOf(true, true, began, accessTorrents)
		w := newWorldOf(t, chain)
		w.instant()
		v := w.visitAt("/announce/" + key)
		again := v.repeat(frames(
			clientFrame(text, true, announce('r', 'a', "")), clientFrame(text, true, announce('u', 'a', "")),
			clientFrame(text, true, `{"action":"scrape","info_hash":"`+strings.Repeat("r", 20)+`"}`),
			clientFrame(text, true, answer('r', 'a', 'b', '1', "x")),
			clientFrame(text, true, announce('u', 'a', "")),
		))
		again()
		if got := testing.AllocsPerRun(200, func() { v.protocol.(*connection).strikes = 0; again() }); got != 0 {
			t.Errorf("%s: %v allocations", key, got)
		}
		if !strings.Contains(string(v.said), want) {
			t.Errorf("%s: measured the wrong thing: %q", key, v.said)
		}
		w.leave()
	}
}

func TestNothingIsAllocatedByAnswers(t *testing.T) {
	w := newWorld(t)
	w.instant()
	a, b := w.visit(), w.visit()
	b.say(announce('h', 'b', ""))
	sdp := strings.Repeat("x", 1500)
	offer := a.repeat(clientFrame(text, true, strings.Replace(announce('h', 'a', "1"), "sdp 1", sdp, 1)))
	reply := b.repeat(clientFrame(text, true, answer('h', 'b', 'a', '1', sdp)))
	if got := testing.AllocsPerRun(200, func() { offer(); reply() }); got != 0 {
		t.Errorf("%v allocations", got)
	}
	if open := b.protocol.(*connection).offers; open != nil {
		t.Errorf("%d offers are held, in the memory of %d, all answered", len(open), cap(open))
	}
	if sum := w.server.Counters(); sum.AnswersRelayed != 201 || sum.AnswersRefused != 0 {
		t.Errorf("measured the wrong thing: %+v", sum)
	}
	w.leave()
}

// What an idle connection holds here is one small struct, and what it has
// joined and was offered.
func TestIdleConnectionIsSmall(t *testing.T) {
	w := newWorld(t)
	v, out := w.visit(), make([]byte, 0, 1024)
	if got := testing.AllocsPerRun(100, func() {
		_, next := w.server.Upgrade(v.Conn, v.Remote().Addr(), nil, twoHeaders, out)
		kept = next.(*connection)
	}); got != 1 {
		t.Errorf("%v allocations of a connection, want 1", got)
	}
	// A key is 16 bytes more, where there is one.
	for target, want := range map[string]float64{"/": 1, "/announce": 1, "/announce/" + goodKey: 2, "/" + goodKey: 2, "/?passkey=short": 2} {
		in := []byte(target)
		if got := testing.AllocsPerRun(100, func() {
			_, next := w.server.Upgrade(v.Conn, v.Remote().Addr(), in, twoHeaders, out)
			kept = next.(*connection)
		}); got != want {
			t.Errorf("%s: %v allocations of a connection, want %v", target, got, want)
		}
	}
	if size := reflect.TypeFor[connection]().Size(); size > 112 {
		t.Errorf("a connection has %d bytes, want 112 at most", size)
	}
	if size := reflect.TypeFor[openOffer]().Size(); size > 24 {
		t.Errorf("an open offer has %d bytes, want 24 at most", size)
	}
	w.leave()
}

var (
	kept       *connection
	twoHeaders = func(name string) []byte {
		switch name {
		case "sec-websocket-key":
			return webSocketKey
		case "sec-websocket-version":
			return goodVersion
		}
		return nil
	}
	webSocketKey, goodVersion = []byte("dGhlIHNhbXBsZSBub25jZQ=="), []byte("13")
)

// BenchmarkAnnounce is an announce of 5 offers, 8 kB, which are relayed.
func BenchmarkAnnounce(b *testing.B) {
	w := newWorld(b)
	w.instant()
	for range 200 {
		w.visit().say(announce('h', 'b', ""))
	}
	offers := announce('h', 'a', "12345")
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		offers = strings.Replace(offers, "sdp "+id, strings.Repeat("x", 1500), 1)
	}
	again := w.visit().repeat(clientFrame(text, true, offers))
	for b.Loop() {
		again()
	}
}

// BenchmarkOfferAndAnswer is an offer and its answer, 1.5 kB each, and both
// relayed.
func BenchmarkOfferAndAnswer(b *testing.B) {
	w := newWorld(b)
	w.instant()
	one, two := w.visit(), w.visit()
	two.say(announce('h', 'b', ""))
	sdp := strings.Repeat("x", 1500)
	offer := one.repeat(clientFrame(text, true, strings.Replace(announce('h', 'a', "1"), "sdp 1", sdp, 1)))
	reply := two.repeat(clientFrame(text, true, answer('h', 'b', 'a', '1', sdp)))
	for b.Loop() {
		offer()
		reply()
	}
	if sum := w.server.Counters(); sum.AnswersRefused > 0 {
		b.Errorf("counted %+v", sum)
	}
}

func BenchmarkReadFrame(b *testing.B) {
	in := clientFrame(text, true, strings.Repeat("x", 8<<10))
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, size, _ := readFrame(in); size != len(in) {
			b.Fatal("not read")
		}
	}
}
