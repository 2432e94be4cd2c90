package wsserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal"
)

// relayModel is what should happen, worked out in the plainest way: the offers
// that each connection was told of, by their whole names, and who is in which
// torrent.
type relayModel struct {
	*world
	t       *rapid.T
	open    map[*visitor][]modelOffer
	members map[*visitor]map[byte]bool // torrents; true: a seeder
	strikes map[*visitor]int
	excused map[*visitor]int

	offers  []madeOffer // by number, which is the SDP
	answers []madeAnswer
}

type modelOffer struct {
	name string
	from shoal.Link
	at   shoal.Tick
}

type madeOffer struct {
	by      shoal.Link
	name    string
	arrived bool
}

type madeAnswer struct {
	by, to  shoal.Link // to 0: it answers nothing
	id      string
	arrived bool
}

// TestEveryAnswerReachesTheOneItWasFor has connections of several loops come and
// go, take their slots over from each other, call themselves by the same few
// names, make offers of the same few IDs, be slow, and answer what they were
// told of and what they were not, while messages take as long as they like.
func TestEveryAnswerReachesTheOneItWasFor(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		for len(w.visitors) > 0 { // of a run that failed
			w.visitors[0].hangUp()
		}
		w.t, w.server = rt, New(DefaultConfig(), w.tracker, w.post)
		w.posted, w.lost = 0, 0
		m := &relayModel{
			world: w, t: rt,
			open: map[*visitor][]modelOffer{}, members: map[*visitor]map[byte]bool{},
			strikes: map[*visitor]int{}, excused: map[*visitor]int{},
		}
		for range 3 {
			m.comes()
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":         func(rt *rapid.T) { m.check() },
			"visit":    func(rt *rapid.T) { m.comes() },
			"hang up":  func(rt *rapid.T) { m.goes(m.anyone(rt)) },
			"announce": m.announce,
			"offer":    m.announce,
			"more":     m.announce,
			"receive":  m.receive,
			"take in":  m.receive,
			"be told":  m.receive,
			"answer":   m.answer,
			"reply":    m.answer,
			"time":     func(rt *rapid.T) { w.pass(time.Duration(rapid.IntRange(0, 70).Draw(rt, "seconds")) * time.Second) },
			"slow": func(rt *rapid.T) {
				m.anyone(rt).waiting = rapid.SampledFrom([]int{0, maxWaiting + 1}).Draw(rt, "waiting")
			},
		})
		m.end()
	})
}

func (m *relayModel) anyone(t *rapid.T) *visitor {
	if len(m.visitors) == 0 {
		m.comes()
	}
	return m.visitors[rapid.IntRange(0, len(m.visitors)-1).Draw(t, "who")]
}

func (m *relayModel) comes() {
	if len(m.visitors) < 8 {
		v := m.visit()
		m.members[v] = map[byte]bool{}
	}
}

func (m *relayModel) goes(v *visitor) {
	v.hangUp()
	delete(m.members, v)
}

func (m *relayModel) announce(t *rapid.T) {
	v := m.anyone(t)
	hash, peer := rapid.SampledFrom([]byte("hi")).Draw(t, "torrent"), rapid.SampledFrom([]byte("abc")).Draw(t, "peer ID")
	left := rapid.IntRange(0, 1).Draw(t, "left")
	event := rapid.SampledFrom([]string{"", "", "", "started", "stopped"}).Draw(t, "event")
	var offers []string
	for _, id := range rapid.SliceOfN(rapid.SampledFrom([]byte("123")), 0, 4).Draw(t, "offers") {
		offers = append(offers, fmt.Sprintf(`{"offer_id":"%s","offer":{"sdp":%d}}`, name(id), len(m.offers)))
		m.offers = append(m.offers, madeOffer{by: v.Link(), name: string([]byte{hash, id, peer})})
	}
	v.say(fmt.Sprintf(`{"action":"announce","info_hash":"%s","peer_id":"%s","left":%d,"event":"%s","offers":[%s]}`,
		name(hash), name(peer), left, event, strings.Join(offers, ",")))
	if event == "stopped" {
		delete(m.members[v], hash)
	} else {
		m.members[v][hash] = left == 0
	}
	m.strikes[v] = 0
	seeders, leechers := m.count(hash)
	v.hears(fmt.Sprintf("%c: %d/%d", hash, seeders, leechers))
}

func (m *relayModel) count(hash byte) (seeders, leechers int) {
	for _, in := range m.members {
		if seeder, ok := in[hash]; ok && seeder {
			seeders++
		} else if ok {
			leechers++
		}
	}
	return seeders, leechers
}

// receive has somebody be told of what was posted to him first.
func (m *relayModel) receive(t *rapid.T) {
	v := m.anyone(t)
	if len(v.mail) == 0 {
		i := slices.IndexFunc(m.visitors, func(v *visitor) bool { return len(v.mail) > 0 })
		if i < 0 {
			t.Skip("there is no mail")
		}
		v = m.visitors[i]
	}
	slow := v.waiting > 0
	v.receive()
	heard := v.heard()
	if slow != (len(heard) == 0) || len(heard) > 1 {
		t.Fatalf("slow: %v, heard %q", slow, heard)
	}
	for _, words := range heard {
		var hash, id, peer string
		var number int
		if _, err := fmt.Sscanf(words, "%1s: offer %s of %1s: %d", &hash, &id, &peer, &number); err == nil {
			m.told(v, number, hash+id+peer)
			continue
		}
		if _, err := fmt.Sscanf(words, "%1s: answer to %s of %1s: %d", &hash, &id, &peer, &number); err != nil {
			t.Fatalf("heard %q", words)
		}
		a := &m.answers[number]
		if a.to != v.Link() || a.arrived || a.id != id {
			t.Fatalf("connection %x heard %q; that answer is for %x, has come already: %v", v.Link(), words, a.to, a.arrived)
		}
		a.arrived = true
	}
}

// told notes that v was told of an offer.
func (m *relayModel) told(v *visitor, number int, name string) {
	o := &m.offers[number]
	if o.by == v.Link() || o.arrived || o.name != name {
		m.t.Fatalf("connection %x was told of the offer %d, %s, which is %s of %x, and has come already: %v", v.Link(), number, name, o.name, o.by, o.arrived)
	}
	o.arrived = true
	m.expire(v)
	open := m.open[v]
	var ofSender []int
	for i := range open {
		if open[i].from == o.by {
			ofSender = append(ofSender, i)
		}
	}
	switch {
	case len(ofSender) == maxOpenOfOne:
		open = slices.Delete(open, ofSender[0], ofSender[0]+1)
		m.excused[v]++
	case len(open) == maxOpen:
		open = slices.Delete(open, 0, 1)
		m.excused[v]++
	}
	m.open[v] = append(open, modelOffer{name, o.by, v.Now()})
}

func (m *relayModel) expire(v *visitor) {
	before := len(m.open[v])
	m.open[v] = slices.DeleteFunc(m.open[v], func(o modelOffer) bool { return v.Now() >= o.at.Add(offerTime) })
	m.excused[v] += before - len(m.open[v])
}

// answer has somebody answer an offer that he was told of, or that he makes up.
func (m *relayModel) answer(t *rapid.T) {
	v := m.anyone(t)
	offer := string([]byte{
		rapid.SampledFrom([]byte("hi")).Draw(t, "torrent"),
		rapid.SampledFrom([]byte("123")).Draw(t, "ID"),
		rapid.SampledFrom([]byte("abc")).Draw(t, "to"),
	})
	if open := m.open[v]; len(open) > 0 && rapid.IntRange(0, 4).Draw(t, "made up") > 0 {
		offer = open[rapid.IntRange(0, len(open)-1).Draw(t, "which")].name
	}
	number := strconv.Itoa(len(m.answers))
	m.expire(v)
	made := madeAnswer{by: v.Link(), id: offer[1:2]}
	if i := slices.IndexFunc(m.open[v], func(o modelOffer) bool { return o.name == offer }); i >= 0 {
		made.to = m.open[v][i].from
		m.open[v] = slices.Delete(m.open[v], i, i+1)
	}
	m.answers = append(m.answers, made)
	v.say(answer(offer[0], 'z', offer[2], offer[1], number))
	if made.to != 0 {
		m.strikes[v] = 0
		seeders, leechers := m.count(offer[0])
		v.hears(fmt.Sprintf("%c: %d/%d", offer[0], seeders, leechers))
		return
	}
	if m.excused[v] > 0 {
		m.excused[v]--
	} else {
		m.strikes[v]++
	}
	if m.strikes[v] < maxStrikes {
		v.hears(failure(shoal.OfferGone))
		return
	}
	v.closes(failure(shoal.OfferGone), "close 1008")
	m.goes(v)
}

// check holds the swarm and what is counted to the model.
func (m *relayModel) check() {
	for _, hash := range []byte("hi") {
		seeders, leechers := m.count(hash)
		m.swarm(hash, uint32(seeders), uint32(leechers))
	}
	m.connections(uint64(len(m.visitors)))
}

// end delivers everything that is still on its way.
func (m *relayModel) end() {
	for _, v := range m.visitors {
		v.waiting = 0
	}
	for again := true; again; {
		again = false
		for _, v := range m.visitors {
			for len(v.mail) > 0 {
				again = true
				m.receiveAll(v)
			}
		}
	}
	relayed, wanted := 0, 0
	for _, a := range m.answers {
		if a.arrived {
			relayed++
		}
		if a.to != 0 {
			wanted++
		}
	}
	sum := m.server.Counters()
	said := sum.OffersRelayed + sum.AnswersRelayed
	if lost := sum.OffersUndelivered + sum.AnswersUndelivered + uint64(m.lost); said+lost != uint64(m.posted) {
		m.t.Fatalf("%d posted, %d said and %d lost", m.posted, said, lost)
	}
	if sum.AnswersRelayed != uint64(relayed) || sum.Answers != uint64(wanted) {
		m.t.Fatalf("%d answers arrived and %d were for somebody; counted %+v", relayed, wanted, sum)
	}
	m.leave()
	m.members = nil
	m.check()
}

func (m *relayModel) receiveAll(v *visitor) {
	for len(v.mail) > 0 {
		v.receive()
		for _, words := range v.heard() {
			var hash, id, peer string
			var number int
			if _, err := fmt.Sscanf(words, "%1s: answer to %s of %1s: %d", &hash, &id, &peer, &number); err != nil {
				continue
			}
			a := &m.answers[number]
			if a.to != v.Link() || a.arrived || a.id != id {
				m.t.Fatalf("connection %x heard %q at the end", v.Link(), words)
			}
			a.arrived = true
		}
	}
}
