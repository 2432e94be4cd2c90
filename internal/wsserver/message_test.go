package wsserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

func TestAnnounce(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.visit(), w.visit(), w.visit()
	a.say(announce('h', 'a', "12"))
	a.hears("h: 0/1")
	b.say(announceWith('h', 'b', "", `"left":0,"event":"started"`))
	b.hears("h: 1/1")
	c.say(announce('h', 'c', "345"))
	c.hears("h: 1/2")
	w.deliver()
	both := strings.Join(append(a.heard(), b.heard()...), ", ")
	if both != "h: offer 3 of c: sdp 3, h: offer 4 of c: sdp 4" && both != "h: offer 4 of c: sdp 4, h: offer 3 of c: sdp 3" {
		t.Errorf("the two others heard %q", both)
	}
	c.hears()

	// A seeder has nothing to say to seeders.
	a.say(announceWith('h', 'a', "", `"left":0`))
	a.hears("h: 2/1")
	b.say(announceWith('h', 'b', "67", `"left":0`))
	b.hears("h: 2/1")
	w.deliver()
	a.hears()
	c.hears("h: offer 6 of b: sdp 6")

	// The other torrent is another swarm, and one connection may be in both.
	a.say(announce('i', 'a', "8"))
	a.hears("i: 0/1")
	c.say(announceWith('h', 'c', "9", `"left":1,"event":"stopped"`))
	c.hears("h: 2/0")
	w.swarm('h', 2, 0)
	w.swarm('i', 0, 1)
	a.hangUp()
	w.swarm('h', 1, 0)
	w.swarm('i', 0, 0)
	w.connections(2)
	w.deliver()
	b.hears()
	want := Family{
		Connections: 2, Opened: 3, Messages: 7, Announces: 7,
		OffersRelayed: 3, OffersUnmatched: 2 + 1 + 1 + 1 + 1,
	}
	if got := w.server.Counters().V4; got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	w.leave()
}

func TestHowManyOffers(t *testing.T) {
	const all = "0123456789ABCDEFGHIJ"
	tests := []struct {
		name   string
		max    int
		fields string
		want   int
	}{
		{"numwant not said", 64, `"left":1`, 20},
		{"numwant null", 64, `"left":1,"numwant":null`, 20},
		{"numwant below none", 64, `"left":1,"numwant":-1`, 20},
		{"numwant of less", 64, `"left":1,"numwant":3`, 3},
		{"numwant of none", 64, `"left":1,"numwant":0`, 0},
		{"numwant of more", 64, `"left":1,"numwant":1000000000000`, 20},
		{"max_offers", 7, `"left":1,"numwant":9`, 7},
		{"max_offers of none", 0, `"left":1`, 0},
		{"stopped", 64, `"left":1,"event":"stopped"`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.MaxOffers = tt.max })
			for range 30 {
				w.visit().say(announce('h', 'a', ""))
			}
			v := w.visit()
			v.say(announceWith('h', 'v', all, tt.fields))
			w.deliver()
			if v.heard(); v.over {
				t.Fatal("closed")
			}
			got := 0
			for _, other := range w.visitors {
				// Each is given one offer at most, of the first ones.
				switch offers := other.heard(); {
				case other == v && len(offers) > 0:
					t.Errorf("its own offers came back: %q", offers)
				case len(offers) > 2:
					t.Errorf("one peer heard %q", offers)
				case len(offers) == 2:
					got++
					if at := strings.IndexByte(all, offers[1][len("h: offer ")]); at >= tt.want {
						t.Errorf("%q came, of %d", offers[1], tt.want)
					}
				}
			}
			if got != tt.want {
				t.Errorf("%d offers were passed on, want %d", got, tt.want)
			}
			w.leave()
		})
	}
}

func TestAnswer(t *testing.T) {
	for _, replies := range []bool{true, false} {
		w := newWorld(t, func(c *Config) { c.AnswerReplies = replies })
		a, b := w.visit(), w.visit()
		b.say(announceWith('h', 'b', "", `"left":0`))
		a.say(announce('h', 'a', "12"))
		w.deliver()
		b.hears("h: 1/0", "h: offer 1 of a: sdp 1")
		a.hears("h: 1/1")
		b.say(answer('h', 'b', 'a', '1', "yes"))
		w.deliver()
		a.hears("h: answer to 1 of b: yes")
		if replies {
			b.hears("h: 1/1") // still a seeder
		} else {
			b.hears()
		}
		w.swarm('h', 1, 1)
		want := Family{Connections: 2, Opened: 2, Messages: 3, Announces: 2, Answers: 1, OffersRelayed: 1, OffersUnmatched: 1, AnswersRelayed: 1}
		if got := w.server.Counters().V4; got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
		w.leave()
	}
}

// What a client writes is passed on as it was, where it may be anything.
func TestRelayedAsWritten(t *testing.T) {
	w := newWorld(t)
	a, b := w.visit(), w.visit()
	b.say(announce('h', 'b', ""))
	b.heard()
	const (
		hash  = `\u0068hhhhhhhhhhhhhhhhhhh`
		peer  = `ÿ\u00ff\"\\\/\n\u0000` + "\u00e9aaaaaaaaaaaa"
		id    = `aAbBcCdDeEfFaAbBcCdDeEfFaAbBcCdDeEfF0123`
		sdp   = `{ "type":"offer" , "sdp":"v=0\r\n é 𝄞", "n":[1e5,{"x":null}]}`
		reply = `{"type":"answer","more":{"sdp":1}}`
	)
	a.say(`{"offers":[{"offer":` + sdp + `,"extra":1,"offer_id":"` + id + `"}],"left":1,"peer_id":"` + peer + `","info_hash":"` + hash + `","action":"announce","other":[]}`)
	w.deliver()
	frames, _, err := readServer(b.said)
	if want := `{"action":"announce","info_hash":"` + name('h') + `","peer_id":"` + peer + `","offer_id":"` + id + `","offer":` + sdp + `}`; err != nil || len(frames) != 1 || string(frames[0].payload) != want {
		t.Errorf("%v: passed on %q, want %s", err, frames, want)
	}
	if got := string(a.said); !strings.Contains(got, `"info_hash":"`+hash+`"`) {
		t.Errorf("the reply is %q, which does not name the torrent as it was named", got)
	}
	a.said, b.said = nil, nil

	// The same names written otherwise are the same names.
	b.say(`{"action":"announce","peer_id":"` + name('b') + `","info_hash":"` + strings.Repeat("68", 20) + `","offer_id":"` + strings.ToLower(id) + `","to_peer_id":"ffff225c2f0a00e9616161616161616161616161","answer":` + reply + `}`)
	w.deliver()
	frames, _, err = readServer(a.said)
	if want := `{"action":"announce","info_hash":"` + name('h') + `","peer_id":"` + name('b') + `","offer_id":"` + strings.ToLower(id) + `","answer":` + reply + `}`; err != nil || len(frames) != 1 || string(frames[0].payload) != want {
		t.Errorf("%v: passed on %q, want %s", err, frames, want)
	}
	w.leave()
}

func TestScrape(t *testing.T) {
	w := newWorld(t)
	a, b := w.visit(), w.visit()
	a.say(announceWith('h', 'a', "", `"left":0`))
	b.say(announce('h', 'b', ""))
	b.say(announce('i', 'b', ""))
	a.heard()
	b.heard()
	for message, want := range map[string]string{
		`{"action":"scrape","info_hash":"` + name('h') + `"}`:                                           "scrape: h 1/1/0",
		`{"action":"scrape","info_hash":["` + name('h') + `","` + name('i') + `","` + name('j') + `"]}`: "scrape: h 1/1/0, i 0/1/0, j 0/0/0",
		`{"action":"scrape"}`: failure(shoal.ScrapeAll),
		`{"action":"scrape","info_hash":["` + name('h') + `"` + strings.Repeat(`,"`+name('h')+`"`, 255) + `]}`: failure(shoal.ScrapeTooMany),
	} {
		a.say(message)
		a.hears(want)
	}
	// The longest reply there is.
	var hashes []string
	for i := range 255 {
		hashes = append(hashes, fmt.Sprintf(`"\u0001\u0002%s%s"`, strings.Repeat(`\u0003`, 17), fmt.Sprintf(`\u00%02x`, i)))
	}
	a.say(`{"action":"scrape","info_hash":[` + strings.Join(hashes, ",") + `]}`)
	if got := a.heard(); len(got) != 1 || strings.Count(got[0], "0/0/0") != 255 {
		t.Errorf("heard %.200q", got)
	}
	if got := w.server.Counters(); got.Scrapes != 3 || got.Refused != 2 {
		t.Errorf("%d scrapes and %d refused, want 3 and 2", got.Scrapes, got.Refused)
	}
	w.leave()
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name, message string
		want          shoal.Failure
		is            string // what of the message is said with it
	}{
		{"not JSON", `{"action"`, shoal.MessageInvalid, ``},
		{"empty", ``, shoal.MessageInvalid, ``},
		{"no action", `{"info_hash":"` + name('h') + `","peer_id":"` + name('a') + `"}`, shoal.ActionInvalid, `"info_hash":"` + name('h') + `"`},
		{"no info hash", `{"action":"announce","peer_id":"` + name('a') + `"}`, shoal.InfoHashMissing, `"action":"announce"`},
		{"info hash of numbers", `{"action":"announce","info_hash":12345678901234567890,"peer_id":"` + name('a') + `"}`, shoal.MessageInfoHash, `"action":"announce"`},
		{"no peer ID", `{"action":"announce","info_hash":"` + name('h') + `"}`, shoal.PeerIDMissing, `"info_hash":"` + name('h') + `"`},
		{"offers of nothing", `{"action":"announce","info_hash":"` + name('h') + `","peer_id":"` + name('a') + `","offers":{}}`, shoal.OffersInvalid, `"action":"announce"`},
		{"denied client", announce('h', 'X', ""), shoal.ClientDenied, `"retry in":"never"`},
		{"answer without offer", answer('h', 'a', 'b', '1', "x"), shoal.OfferGone, `"action":"announce"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			v := w.visit()
			v.say(tt.message)
			if !strings.Contains(string(v.said), tt.is) {
				t.Errorf("said %q, want %q in it", v.said, tt.is)
			}
			v.hears(failure(tt.want))
			w.swarm('h', 0, 0)
			// The connection is as good as before.
			v.say(announce('h', 'a', ""))
			v.hears("h: 0/1")
			if got := w.server.Counters(); got.Refused != 1 || got.Messages != 2 || got.Broken != 0 {
				t.Errorf("counted %+v", got)
			}
			w.leave()
		})
	}
}

// A binary message is a message, and is answered with text.
func TestBinary(t *testing.T) {
	w := newWorld(t)
	v := w.visit()
	v.send(clientFrame(binaryData, true, announce('h', 'a', "")))
	v.hears("h: 0/1")
	v.send(clientFrame(binaryData, true, "\xff"))
	v.hears(failure(shoal.MessageInvalid))
	w.leave()
}

func TestConfigure(t *testing.T) {
	w := newWorld(t)
	a, b := w.visit(), w.visit()
	b.say(announce('h', 'b', ""))
	b.heard()
	c := DefaultConfig()
	c.MaxOffers, c.AnswerReplies, c.Interval = 0, false, 10*time.Hour
	w.server.Configure(c)
	a.say(announce('h', 'a', "1"))
	if !strings.Contains(string(a.said), `"interval":3`) {
		t.Errorf("said %q, want an interval of 32,400 to 36,000 seconds", a.said)
	}
	w.deliver()
	b.hears()
	w.leave()
}

func TestStopping(t *testing.T) {
	w := newWorld(t)
	v := w.visit()
	v.say(announce('h', 'a', ""))
	v.heard()
	v.protocol.(streamio.Stopper).Stopping(v.Conn)
	v.after()
	v.hears("close 1001")
	v.hangUp()
	w.leave()
}
