package wsserver

import (
	"net/netip"
	"strings"
	"testing"
	"unsafe"
)

func checkCounters(t *testing.T, s *Server, v4, v6 Family) {
	t.Helper()
	got := s.Counters()
	if got.V4 != v4 {
		t.Errorf("IPv4: got\n%+v\nwant\n%+v", got.V4, v4)
	}
	if got.V6 != v6 {
		t.Errorf("IPv6: got\n%+v\nwant\n%+v", got.V6, v6)
	}
}

func TestCountersOfFamilies(t *testing.T) {
	const rounds = countSets + 3
	w := newWorld(t)
	for range rounds {
		for _, from := range []string{"192.0.2.9", "::ffff:192.0.2.9", "2001:db8::9"} {
			w.server.Upgrade(nil, netip.MustParseAddr(from), []byte("/"), headers(sampleKey), nil)
		}
		a := w.visitFrom("203.0.113.9:1", "/")
		b := w.visitFrom("[2001:db8::9]:1", "/")
		c := w.visitFrom("[::ffff:203.0.113.9]:1", "/")
		a.say(announce('h', 'a', ""))
		b.say(announce('h', 'b', "12")) // one for a, one for nobody
		w.deliver()
		a.say(answer('h', 'a', 'b', '1', "yes"))
		a.say(answer('h', 'a', 'b', '1', "again"))
		b.say(`{"action":"scrape","info_hash":"` + name('h') + `"}`)
		b.say(strings.Replace(announce('h', 'b', ""), name('b'), "XXXX"+name('b')[4:], 1))
		c.say(`{"action":"scrape","info_hash":"` + name('h') + `"}`)
		c.say("nonsense")
		b.say("nonsense")
		w.deliver()
		c.hangUp()
		a.say(announceWith('h', 'a', "", `"left":0,"event":"stopped"`))
		b.hangUp()
		a.hangUp()
	}
	checkCounters(t, w.server, Family{
		Opened: 2 * rounds, NotUpgraded: 2 * rounds,
		Messages: 6 * rounds, Announces: 2 * rounds, Answers: rounds, Scrapes: rounds,
		Refused: 2 * rounds, AnswersRefused: rounds, OffersRelayed: rounds,
	}, Family{
		Opened: rounds, NotUpgraded: rounds,
		Messages: 4 * rounds, Announces: rounds, Scrapes: rounds,
		Refused: 2 * rounds, AnnouncesRefused: rounds, OffersUnmatched: rounds, AnswersRelayed: rounds,
	})
	sum := w.server.Counters()
	if sum.Opened != 3*rounds || sum.Messages != 10*rounds || sum.Refused != 4*rounds || sum.NotUpgraded != 3*rounds {
		t.Errorf("together %+v", sum.Family)
	}
	w.leave()
}

// On a private tracker each kind may be refused.
func TestCountersOfRefusals(t *testing.T) {
	chain, _ := chainOf(true, false, began, accessTorrents)
	w := newWorldOf(t, chain)
	v := w.visitFrom("[2001:db8::9]:1", "/")
	v.say(announce('r', 'a', "1"))
	v.say(announce('r', 'a', "1"))
	v.say(`{"action":"scrape","info_hash":"` + name('r') + `"}`)
	v.say(answer('r', 'a', 'b', '1', "yes"))
	checkCounters(t, w.server, Family{}, Family{
		Connections: 1, Opened: 1, Messages: 4,
		Refused: 4, AnnouncesRefused: 2, AnswersRefused: 1, ScrapesRefused: 1,
	})
	w.leave()
}

// TestCountersAreAlone checks that two sets share no pair of cache lines.
func TestCountersAreAlone(t *testing.T) {
	if n := unsafe.Sizeof(counts{}); n%128 != 0 {
		t.Errorf("a set has %d bytes, want a multiple of 128", n)
	}
}
