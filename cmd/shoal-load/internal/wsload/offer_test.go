package wsload

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/webtorrent"
)

func TestNames(t *testing.T) {
	for _, n := range []name{{}, {1, 2, 3, 4}, {1<<24 - 1, 1<<24 - 1, 1<<24 - 1, 63}} {
		id := n.id()
		if got, ok := nameOf(&id); !ok || got != n {
			t.Errorf("%+v is read as %+v", n, got)
		}
		peer := peerIDOf(n.slot, n.generation)
		if slot, generation, ok := connectionOf(&peer); !ok || slot != n.slot || generation != n.generation {
			t.Errorf("%s: %d, %d", peer[:], slot, generation)
		}
	}
	id := webtorrent.OfferID([]byte("0000000000000000000A"))
	if _, ok := nameOf(&id); ok {
		t.Errorf("%s is a name", id[:])
	}
	for _, text := range []string{"-SL0001-00000000000g", "-XX0001-000000000000"} {
		peer := shoal.PeerID([]byte(text))
		if _, _, ok := connectionOf(&peer); ok {
			t.Errorf("%s is a peer of ours", text)
		}
	}
}

// TestForms: an offer is as long as asked for, valid JSON, and known again
// however it is spelled.
func TestForms(t *testing.T) {
	n := name{1, 2, 3, 4}
	id, peer := n.id(), peerIDOf(1, 2)
	for _, size := range []int{MinSDP, 201, 1500, MaxSDP} {
		f := newForm("offer", size)
		b := f.write(nil, &id, &peer)
		if len(b) != size || !json.Valid(b) || !f.is(b, &id, &peer) {
			t.Errorf("%d bytes of %d: %s", len(b), size, b)
		}
		for i := range b {
			changed := append([]byte(nil), b...)
			changed[i] ^= 1
			if f.is(changed, &id, &peer) {
				t.Errorf("with byte %d changed it is the same: %s", i, changed)
			}
		}
		if f.is(b[:size-1], &id, &peer) || f.is(nil, &id, &peer) {
			t.Error("a part of it is the same")
		}
		var description struct {
			SDP  string `json:"sdp"`
			Type string `json:"type"`
		}
		if err := json.Unmarshal(b, &description); err != nil || description.Type != "offer" {
			t.Fatal(description.Type, err)
		}
		other, err := json.MarshalIndent(description, "", " ")
		if err != nil || !f.is(other, &id, &peer) {
			t.Errorf("spelled otherwise it is another: %s, %v", other, err)
		}
		if more := strings.Replace(string(b), "{", `{"x":1,`, 1); f.is([]byte(more), &id, &peer) {
			t.Errorf("with something added it is the same: %s", more)
		}
		next := name{1, 2, 3, 5}.id()
		if f.is(b, &next, &peer) {
			t.Error("it is also another offer's")
		}
	}
	if n := AnnounceSize(40, 1500); n != 512+40*1564 {
		t.Errorf("%d bytes", n)
	}
}

func TestHistory(t *testing.T) {
	sender, receiver := &connection{slot: 3}, &connection{slot: 5}
	sender.renew()
	receiver.renew()
	for range remembered + 10 {
		sender.remember(7, 2)
	}
	last := sender.round
	of := func(round uint32, index int) name { return name{3, sender.generation, round, index} }
	if at, f := sender.hand(of(last, 1), receiver); f != right || at != 7 {
		t.Errorf("the first time: %d, %d", f, at)
	}
	for _, test := range []struct {
		name string
		n    name
		want fate
	}{
		{"again", of(last, 1), repeated},
		{"the oldest there is", of(last-remembered+1, 0), right},
		{"an older one", of(last-remembered, 0), forgotten},
		{"one to come", of(last+1, 0), unmade},
		{"round 0", of(0, 0), unmade},
		{"one too many", of(last, 2), unmade},
		{"another generation", name{3, sender.generation + 1, last, 0}, unmade},
	} {
		if _, f := sender.hand(test.n, receiver); f != test.want {
			t.Errorf("%s: %d, want %d", test.name, f, test.want)
		}
	}
	for _, test := range []struct {
		name             string
		n                name
		slot, generation uint32
		want             fate
	}{
		{"never handed out", of(last, 0), 5, receiver.generation, misled},
		{"another peer", of(last, 1), 6, receiver.generation, misled},
		{"another generation", of(last, 1), 5, receiver.generation + 1, misled},
		{"right", of(last, 1), 5, receiver.generation, right},
		{"again", of(last, 1), 5, receiver.generation, repeated},
	} {
		if f := sender.conclude(test.n, test.slot, test.generation); f != test.want {
			t.Errorf("an answer, %s: %d, want %d", test.name, f, test.want)
		}
	}
	old := of(last, 0)
	sender.renew()
	if _, f := sender.hand(old, receiver); f != forgotten {
		t.Errorf("of the generation before: %d", f)
	}
	sender.remember(8, 1)
	if _, f := sender.hand(of(2, 0), receiver); f != unmade {
		t.Errorf("a round that this generation has not come to: %d", f)
	}
}
