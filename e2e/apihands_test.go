//go:build linux

package e2e

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	handsChanges = 60 // of each hand
	handsShared  = 40 // keys, and torrents, that both change
)

// lists are the keys and torrents that a tracker has been told of: what is in
// force, what its API lists, what its database holds.
type lists struct{ keys, allowed, denied map[string]bool }

func newLists() lists {
	return lists{map[string]bool{}, map[string]bool{}, map[string]bool{}}
}

func (l lists) equal(o lists) bool {
	return maps.Equal(l.keys, o.keys) && maps.Equal(l.allowed, o.allowed) && maps.Equal(l.denied, o.denied)
}

func (l lists) String() string {
	return fmt.Sprintf("%d keys, %d on the whitelist, %d denied", len(l.keys), len(l.allowed), len(l.denied))
}

// hand is one of those who change lists by the API, and ask the tracker after
// each change whether it is in force.
type hand struct {
	manager  *manager
	visitors []*visitor
	random   *mathrand.Rand
	rounds   int
	proved   int // announces that were told what they must be
	left     lists
	pass     string   // a key that is always good, and
	open     [20]byte // a torrent that always is
}

// told announces by a transport at random.
func (h *hand) told(key string, torrent [20]byte, want string) error {
	v := h.visitors[h.random.IntN(len(h.visitors))]
	err := v.announce(visit{infoHash: torrent, peerID: randomID(), port: uint16(1024 + h.random.IntN(60000)), left: 1, key: key})
	if reasonOf(err) != want || (err == nil) != (want == "") {
		return fmt.Errorf("with key %q, UDP %t: an announce of %x is told %w, want %q", key, v.udp, torrent, err, want)
	}
	h.proved++
	return nil
}

// change makes one of the changes that are there to make, and proves it.
func (h *hand) change() error {
	h.rounds++
	torrent := randomID()
	hash := fmt.Sprintf("%x", torrent)
	step := func(method, path string, body any, key string, torrent [20]byte, want string) error {
		if _, err := h.manager.do(method, path, body); err != nil {
			return err
		}
		return h.told(key, torrent, want)
	}
	switch h.random.IntN(5) {
	case 0: // a key comes, and maybe goes
		text, err := h.manager.do(http.MethodPost, "/keys", map[string]any{"key": nil, "label": "one of many"})
		if err != nil {
			return err
		}
		var drawn struct{ Key string }
		if err := json.Unmarshal(text, &drawn); err != nil {
			return err
		}
		if err := h.told(drawn.Key, h.open, ""); err != nil {
			return err
		}
		if h.random.IntN(2) == 0 {
			h.left.keys[drawn.Key] = true
			return nil
		}
		return step(http.MethodDelete, "/key/"+drawn.Key, nil, drawn.Key, h.open, keyUnknown)
	case 1: // many keys at once
		keys := newKeys(1 + h.random.IntN(200))
		entries := make([]map[string]any, len(keys))
		for i, key := range keys {
			entries[i] = map[string]any{"key": key, "seconds_valid": 3600}
			h.left.keys[key] = true
		}
		return step(http.MethodPost, "/keys/bulk", map[string]any{"keys": entries}, keys[len(keys)-1], h.open, "")
	case 2: // a torrent is listed, and maybe no longer
		if err := step(http.MethodPut, "/whitelist/"+hash, nil, h.pass, torrent, ""); err != nil {
			return err
		}
		if h.random.IntN(2) == 0 {
			h.left.allowed[hash] = true
			return nil
		}
		return step(http.MethodDelete, "/whitelist/"+hash, nil, h.pass, torrent, torrentUnlisted)
	case 3: // it is listed, denied, and maybe no longer
		if err := step(http.MethodPost, "/whitelist/"+hash, nil, h.pass, torrent, ""); err != nil {
			return err
		}
		h.left.allowed[hash] = true
		if err := step(http.MethodPut, "/deny/"+hash, map[string]any{"reason": "a notice"}, h.pass, torrent, torrentDenied); err != nil {
			return err
		}
		if h.random.IntN(2) == 0 {
			h.left.denied[hash] = true
			return nil
		}
		return step(http.MethodDelete, "/deny/"+hash, nil, h.pass, torrent, "")
	default: // the lists are read again, beside everything
		_, err := h.manager.do(http.MethodGet, []string{"/keys/reload", "/whitelist/reload"}[h.random.IntN(2)], nil)
		return err
	}
}

// meddle changes one of those keys and torrents that others change as well:
// nobody knows what comes of it, but that it is one of both.
func (h *hand) meddle(keys []string, torrents [][20]byte) error {
	key, torrent := keys[h.random.IntN(len(keys))], torrents[h.random.IntN(len(torrents))]
	method := []string{http.MethodPut, http.MethodDelete}[h.random.IntN(2)]
	path := []string{"/key/" + key, fmt.Sprintf("/whitelist/%x", torrent), fmt.Sprintf("/deny/%x", torrent)}[h.random.IntN(3)]
	_, err := h.manager.do(method, path, nil)
	return err
}

// TestManyHands has two clients of the API grant and take back keys and torrents
// at once, disjoint ones and the same ones, while the tracker is told again and
// again to read its lists, and others announce. Each change is in force at the
// next announce, and in the end all agree on what there is.
func TestManyHands(t *testing.T) {
	for _, e := range databaseEngines {
		t.Run(e.driver, func(t *testing.T) {
			t.Parallel()
			manyHands(t, e)
		})
	}
}

func manyHands(t *testing.T, e databaseEngine) {
	net := newNetwork(t)
	_, database := storing(t, net, e)
	h := net.host(t, "shoal")
	s := newShoal(t, h, "[access]\nprivate = true\nlisted = true\n"+database+apiSettings(h, ""), "")
	s.start(t)

	askers := []*host{net.host(t, "left"), net.host(t, "right")}
	visitors := func(asker *host) (all []*visitor) {
		for _, by := range []transport{udp4, udp6, http4, http6} {
			v, err := newVisitor(asker, s.listener(by), by.scheme == "udp")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { v.conn.Close() })
			all = append(all, v)
		}
		return all
	}
	pass, open := newKeys(1)[0], randomID()
	first := newManager(t, askers[0], s, adminToken)
	await(t, 30*time.Second, func() error { // the database may come later than the tracker
		_, err := first.do(http.MethodPut, "/key/"+pass, nil)
		return err
	}, s.proc)
	if _, err := first.do(http.MethodPut, fmt.Sprintf("/whitelist/%x", open), nil); err != nil {
		t.Fatal(err)
	}
	shared, torrents := newKeys(handsShared), make([][20]byte, handsShared)
	for i := range torrents {
		torrents[i] = randomID()
	}

	var working, beside sync.WaitGroup
	var done atomic.Bool // the hands have made their changes
	// begin has work done so many times, or, if times is 0, until all others have.
	begin := func(name string, times int, work func() error) {
		group := &working
		if times == 0 {
			group = &beside
		}
		group.Go(func() {
			for n := 0; n < times || times == 0 && !done.Load(); n++ {
				if err := work(); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	hands := make([]*hand, len(askers))
	for i, asker := range askers {
		hands[i] = &hand{
			manager: newManager(t, asker, s, adminToken), visitors: visitors(asker), left: newLists(),
			random: mathrand.New(mathrand.NewPCG(uint64(i), 1)), pass: pass, open: open,
		}
		begin("hand "+asker.namespace, handsChanges, hands[i].change)
		meddler := &hand{manager: newManager(t, asker, s, adminToken), random: mathrand.New(mathrand.NewPCG(uint64(i), 2))}
		begin("meddler "+asker.namespace, 0, func() error { return meddler.meddle(shared, torrents) })
	}
	// Those who were let in stay so, and those who are not stay out.
	var announces, hangUps atomic.Int64
	constant := &hand{visitors: visitors(askers[0]), random: mathrand.New(mathrand.NewPCG(3, 3))}
	stranger, unlisted := newKeys(1)[0], randomID()
	begin("constant", 0, func() error {
		announces.Add(3)
		return errors.Join(constant.told(pass, open, ""), constant.told(stranger, open, keyUnknown), constant.told(pass, unlisted, torrentUnlisted))
	})
	begin("signals", 0, func() error {
		hangUp(t, s)
		hangUps.Add(1)
		time.Sleep(50 * time.Millisecond)
		return nil
	})
	working.Wait()
	done.Store(true)
	beside.Wait()
	if t.Failed() {
		return
	}

	want := newLists()
	for _, hand := range hands {
		maps.Copy(want.keys, hand.left.keys)
		maps.Copy(want.allowed, hand.left.allowed)
		maps.Copy(want.denied, hand.left.denied)
		t.Logf("%s: %d changes and reloads of one hand; %d announces of its own were told at once what they must be", e.name, hand.rounds, hand.proved)
		if hand.proved < handsChanges/2 {
			t.Errorf("only %d changes were proved", hand.proved)
		}
	}
	want.keys[pass], want.allowed[fmt.Sprintf("%x", open)] = true, true

	listed := s.listed(t, first)
	// Of what both changed it is one of both, and so it is not asked for.
	for i := range shared {
		hash := fmt.Sprintf("%x", torrents[i])
		for _, pair := range []struct{ got, want map[string]bool }{{listed.keys, want.keys}, {listed.allowed, want.allowed}, {listed.denied, want.denied}} {
			for _, one := range []string{shared[i], hash} {
				if pair.got[one] {
					pair.want[one] = true
				}
			}
		}
	}
	if !listed.equal(want) {
		t.Errorf("the API lists %v, want %v", listed, want)
	}
	inForce := func(when string) {
		t.Helper()
		proved := 0
		probe := &hand{visitors: visitors(askers[1]), random: mathrand.New(mathrand.NewPCG(4, 4))}
		check := func(key string, torrent [20]byte, wanted string) {
			if err := probe.told(key, torrent, wanted); err != nil {
				t.Errorf("%s: %v", when, err)
			}
			proved++
		}
		for i := range shared {
			wanted := keyUnknown
			if listed.keys[shared[i]] {
				wanted = ""
			}
			check(shared[i], open, wanted)
		}
		for i := range torrents {
			hash := fmt.Sprintf("%x", torrents[i])
			wanted := torrentUnlisted
			switch {
			case listed.denied[hash]:
				wanted = torrentDenied
			case listed.allowed[hash]:
				wanted = ""
			}
			check(pass, torrents[i], wanted)
		}
		for _, key := range some(want.keys, 200) {
			check(key, open, "")
		}
		for _, hash := range some(want.allowed, 200) {
			wanted := ""
			if want.denied[hash] {
				wanted = torrentDenied
			}
			check(pass, hashOfText(t, hash), wanted)
		}
		check(stranger, open, keyUnknown)
		check(pass, unlisted, torrentUnlisted)
		t.Logf("%s: %s: %d announces are told what the API lists", e.name, when, proved)
	}
	inForce("at the end")
	if held := s.held(t); !held.equal(listed) {
		t.Errorf("the database holds %v, and the API lists %v", held, listed)
	}
	s.stop(t)
	if held := s.held(t); !held.equal(listed) {
		t.Errorf("without the tracker the database holds %v, want %v", held, listed)
	}
	s.start(t)
	await(t, 30*time.Second, func() error {
		_, err := first.do(http.MethodGet, "/key/"+pass, nil)
		return err
	}, s.proc)
	if again := s.listed(t, first); !again.equal(listed) {
		t.Errorf("after a restart the API lists %v, want %v", again, listed)
	}
	inForce("after a restart")
	t.Logf("%s: %v; %d announces of others meanwhile, %d signals to read again", e.name, listed, announces.Load(), hangUps.Load())

	// Were something amiss, it would be seen.
	one := some(want.keys, 1)[0]
	s.offline(t, "key", "remove", one)
	if held := s.held(t); held.equal(listed) || held.keys[one] {
		t.Error("a key was taken out of the database, and nobody notices")
	}
	if err := hands[0].told(one, open, keyUnknown); err == nil {
		t.Error("a key is refused that nobody told the tracker of")
	}
	s.stop(t)
}

// listed is what the API lists.
func (s *shoal) listed(t *testing.T, m *manager) lists {
	t.Helper()
	l := newLists()
	for _, entry := range m.all(t, "/keys", "keys") {
		var k struct{ Key string }
		if err := json.Unmarshal(entry, &k); err != nil || l.keys[k.Key] {
			t.Errorf("%s is listed twice, or %v", entry, err)
		}
		l.keys[k.Key] = true
	}
	for _, entry := range m.all(t, "/whitelist", "torrents") {
		l.allowed[strings.Trim(string(entry), `"`)] = true
	}
	for _, entry := range m.all(t, "/deny", "torrents") {
		var d struct {
			InfoHash string `json:"info_hash"`
		}
		if err := json.Unmarshal(entry, &d); err != nil {
			t.Error(err)
		}
		l.denied[d.InfoHash] = true
	}
	return l
}

// held is what the database holds, as the commands see it without the API.
func (s *shoal) held(t *testing.T) lists {
	t.Helper()
	l := newLists()
	for _, k := range decode[struct{ Key string }](t, s.offline(t, "key", "list", "--json")) {
		l.keys[k.Key] = true
	}
	for noun, into := range map[string]map[string]bool{"whitelist": l.allowed, "deny": l.denied} {
		for _, torrent := range decode[struct {
			InfoHash string `json:"info_hash"`
		}](t, s.offline(t, noun, "list", "--json")) {
			into[torrent.InfoHash] = true
		}
	}
	return l
}

// decode reads what a command lists, a line each.
func decode[T any](t *testing.T, text string) (all []T) {
	t.Helper()
	for line := range strings.Lines(text) {
		var one T
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, one)
	}
	return all
}

// some are up to n of them.
func some(all map[string]bool, n int) []string {
	names := slices.Sorted(maps.Keys(all))
	mathrand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(n, len(names))]
}

func hashOfText(t *testing.T, text string) (hash [20]byte) {
	t.Helper()
	if n, err := hex.Decode(hash[:], []byte(text)); err != nil || n != len(hash) {
		t.Fatalf("%q is no info hash", text)
	}
	return hash
}
