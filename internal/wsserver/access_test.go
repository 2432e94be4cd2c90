package wsserver

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/tracker"
)

// What clients are told. The texts are written out: they are what users see.
const (
	welcome          = ""
	toldMissing      = "this tracker is private: its announce URL must have your key"
	toldInvalid      = "key must have 16 to 64 characters: letters, digits and - . _ ~"
	toldUnknown      = "this key is not known to this tracker"
	toldExpired      = "this key has expired"
	toldDenied       = "this torrent is not allowed on this tracker"
	toldUnregistered = "this torrent is not registered with this tracker"
)

// Keys of a private tracker.
const (
	noKey      = ""
	badKey     = "short"
	strangeKey = "StrangeStrangeStrangeStrange1234"
	oldKey     = "OldOldOldOldOldOldOldOldOldOld12"
	goodKey    = "GoodGoodGoodGoodGoodGoodGoodGood"
	endingKey  = "Ending-Key_16.~." // in an hour
)

// access is what each of the four kinds of trackers says to an announce with a
// key, of a torrent that is registered, of one that is not, and of one that is
// denied.
var access = []struct {
	name            string
	private, listed bool
	key             string
	want            [3]string
}{
	{"open", false, false, noKey, [3]string{welcome, welcome, toldDenied}},
	{"open", false, false, badKey, [3]string{welcome, welcome, toldDenied}},
	{"open", false, false, strangeKey, [3]string{welcome, welcome, toldDenied}},
	{"open", false, false, oldKey, [3]string{welcome, welcome, toldDenied}},
	{"open", false, false, goodKey, [3]string{welcome, welcome, toldDenied}},

	{"listed", false, true, noKey, [3]string{welcome, toldUnregistered, toldDenied}},
	{"listed", false, true, badKey, [3]string{welcome, toldUnregistered, toldDenied}},
	{"listed", false, true, strangeKey, [3]string{welcome, toldUnregistered, toldDenied}},
	{"listed", false, true, oldKey, [3]string{welcome, toldUnregistered, toldDenied}},
	{"listed", false, true, goodKey, [3]string{welcome, toldUnregistered, toldDenied}},

	{"private", true, false, noKey, [3]string{toldMissing, toldMissing, toldDenied}},
	{"private", true, false, badKey, [3]string{toldInvalid, toldInvalid, toldDenied}},
	{"private", true, false, strangeKey, [3]string{toldUnknown, toldUnknown, toldDenied}},
	{"private", true, false, oldKey, [3]string{toldExpired, toldExpired, toldDenied}},
	{"private", true, false, goodKey, [3]string{welcome, welcome, toldDenied}},
	{"private", true, false, endingKey, [3]string{welcome, welcome, toldDenied}},

	{"private and listed", true, true, noKey, [3]string{toldMissing, toldMissing, toldDenied}},
	{"private and listed", true, true, badKey, [3]string{toldInvalid, toldInvalid, toldDenied}},
	{"private and listed", true, true, strangeKey, [3]string{toldUnknown, toldUnknown, toldDenied}},
	{"private and listed", true, true, oldKey, [3]string{toldExpired, toldExpired, toldDenied}},
	{"private and listed", true, true, goodKey, [3]string{welcome, toldUnregistered, toldDenied}},
	{"private and listed", true, true, endingKey, [3]string{welcome, toldUnregistered, toldDenied}},
}

// chainOf is the rules of such a tracker, whose clock says now. Its three torrents
// are those of access.
func chainOf(private, listed bool, now shoal.Tick, torrents [3]shoal.InfoHash) (*policy.Chain, *policy.Keys) {
	keys, allowed, denied := policy.NewKeys(), policy.NewTorrents(), policy.NewTorrents()
	keys.Replace([]policy.Key{
		{Hash: shoal.ParseAuthKey([]byte(goodKey))},
		{Hash: shoal.ParseAuthKey([]byte(endingKey)), Until: now.Add(time.Hour)},
		{Hash: shoal.ParseAuthKey([]byte(oldKey)), Until: now.Add(-time.Second)},
	})
	allowed.ReplaceHashes([]shoal.InfoHash{torrents[0], torrents[2]})
	denied.ReplaceHashes([]shoal.InfoHash{torrents[2]})
	rules := policy.DefaultConfig()
	rules.Private, rules.Listed = private, listed
	return policy.Compile(rules, policy.Lists{
		Keys: keys, Allowed: []*policy.Torrents{allowed}, Denied: []*policy.Torrents{denied},
	}), keys
}

// retries are what BEP 31 has beside these texts.
var retries = map[string]string{
	toldMissing: "never", toldInvalid: "never",
	toldUnknown: "60", toldExpired: "60", toldDenied: "60", toldUnregistered: "60",
}

var accessTorrents = [3]shoal.InfoHash{hashOf('r'), hashOf('u'), hashOf('d')}

// targets are the ways to carry a key in the URL of a WebTorrent tracker.
func targets(key string) []string {
	switch key {
	case noKey:
		return []string{"/", "", "/announce", "/ws?a=b", "/?passkey="}
	case badKey: // alone it is a path as any other
		return []string{"/announce/" + key, "/" + key + "/announce", "/?passkey=" + key}
	}
	return []string{"/announce/" + key, "/" + key + "/announce", "/" + key, "/" + key + "/?a=b", "/?passkey=" + key, "/announce?a=b&passkey=" + key}
}

// refusal returns the text of the only message said since the last time, and
// welcome if it is not a failure. It wants what BEP 31 has beside it.
func (v *visitor) refusal() string {
	v.w.t.Helper()
	frames, rest, err := readServer(v.said)
	if err != nil || len(rest) > 0 || len(frames) != 1 {
		v.w.t.Fatalf("%d frames, %d bytes are none: %v", len(frames), len(rest), err)
	}
	v.said = nil
	var m struct {
		Reason  string  `json:"failure reason"`
		RetryIn *string `json:"retry in"`
	}
	if err := json.Unmarshal(frames[0].payload, &m); err != nil {
		v.w.t.Fatalf("%s: %v", frames[0].payload, err)
	}
	switch want, ok := retries[m.Reason]; {
	case m.Reason != "" && !ok:
		v.w.t.Errorf("refused with %q, which is no text of a rule", m.Reason)
	case ok != (m.RetryIn != nil), ok && *m.RetryIn != want:
		v.w.t.Errorf("retry in of %s: want %q", frames[0].payload, want)
	}
	return m.Reason
}

// TestAccess has all kinds of trackers, keys and torrents. The upgrade is always
// taken: browsers do not tell pages why one is refused.
func TestAccess(t *testing.T) {
	for _, tt := range access {
		t.Run(tt.name+" "+tt.key, func(t *testing.T) {
			for _, target := range targets(tt.key) {
				chain, _ := chainOf(tt.private, tt.listed, began, accessTorrents)
				w := newWorldOf(t, chain)
				v := w.visitAt(target)
				want := ""
				for i, hash := range []byte("rud") {
					// Somebody was there before the rules were.
					req := shoal.AnnounceRequest{InfoHash: hashOf(hash), Link: shoal.NewLink(0, 9, 9, 9)}
					w.store.Announce(&req, &shoal.AnnounceResponse{}, began)
					v.say(announce(hash, 'a', ""))
					if got := v.refusal(); got != tt.want[i] {
						t.Errorf("%s: torrent %c: got %q, want %q", target, hash, got, tt.want[i])
					}
					counts := "0/0"
					if tt.want[i] == welcome {
						counts = "1/1"
					}
					want += fmt.Sprintf(", %c %s/0", hash, counts)
				}
				// A key that is missing or wrong is told of. A torrent that may not be
				// announced has zeroes.
				v.say(`{"action":"scrape","info_hash":["` + name('d') + `","` + name('r') + `","` + name('u') + `"]}`)
				if tt.want[0] != welcome {
					if got := v.refusal(); got != tt.want[0] {
						t.Errorf("%s: scrape: got %q, want %q", target, got, tt.want[0])
					}
				} else {
					v.hears("scrape: " + "d 0/0/0, " + want[2:len(want)-len(", d 0/0/0")])
				}
				w.tracker.Leave(accessTorrents[:], shoal.NewLink(0, 9, 9, 9))
				w.leave()
			}
		})
	}
}

// Keys come, expire and go while connections last, and each message is answered by
// what the key is worth then.
func TestKeysChange(t *testing.T) {
	chain, keys := chainOf(true, false, began, accessTorrents)
	w := newWorldOf(t, chain)
	strange, ending, good := w.visitAt("/"+strangeKey), w.visitAt("/announce/"+endingKey), w.visitAt("/?passkey="+goodKey)
	step := func(what string, v *visitor, want string) {
		t.Helper()
		v.said = nil
		v.say(announce('r', 'a', ""))
		if got := v.refusal(); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	step("before it is granted", strange, toldUnknown)
	keys.Add(policy.Key{Hash: shoal.ParseAuthKey([]byte(strangeKey))})
	step("granted", strange, welcome)
	keys.Remove(shoal.ParseAuthKey([]byte(strangeKey)))
	step("taken back", strange, toldUnknown)
	step("before the hour is over", ending, welcome)
	w.swarmOf(goodKey, 'r', 0, 1)
	w.pass(time.Hour)
	step("after it", ending, toldExpired)
	step("another", good, welcome)
	w.leave()
}

// swarmOf is world.swarm on a private tracker.
func (w *world) swarmOf(key string, hash byte, complete, incomplete uint32) {
	w.t.Helper()
	counts := make([]shoal.ScrapeCounts, 1)
	f := w.tracker.ScrapeBrowsers(shoal.ParseAuthKey([]byte(key)), []shoal.InfoHash{hashOf(hash)}, counts)
	if f != shoal.OK || counts[0].Complete != complete || counts[0].Incomplete != incomplete {
		w.t.Errorf("torrent %c: %v, %+v, want %d seeders and %d leechers", hash, f, counts[0], complete, incomplete)
	}
}

// Whoever was told of an offer may not answer it any more when his key has
// expired. The offer stays open: he may be let in again in time.
func TestAnswersNeedAKey(t *testing.T) {
	chain, keys := chainOf(true, false, began, accessTorrents)
	w := newWorldOf(t, chain)
	a, b := w.visitAt("/"+goodKey), w.visitAt("/"+endingKey)
	b.say(announce('r', 'b', ""))
	b.hears("r: 0/1")
	w.pass(time.Hour - time.Second)
	a.say(announce('r', 'a', "12"))
	a.hears("r: 0/2")
	w.deliver()
	b.hears("r: offer 1 of a: sdp 1")

	w.pass(time.Second)
	b.say(answer('r', 'b', 'a', '1', "late"))
	if got := b.refusal(); got != toldExpired {
		t.Errorf("got %q, want %q", got, toldExpired)
	}
	w.deliver()
	a.hears()
	if got := w.server.Counters(); got.AnswersRefused != 1 || got.AnswersRelayed != 0 || got.Refused != 1 {
		t.Errorf("counted %+v", got)
	}

	keys.Add(policy.Key{Hash: shoal.ParseAuthKey([]byte(endingKey)), Until: began.Add(2 * time.Hour)})
	b.say(answer('r', 'b', 'a', '1', "renewed"))
	b.hears("r: 0/2")
	w.deliver()
	a.hears("r: answer to 1 of b: renewed")

	// Nor is a torrent talked about that has been denied meanwhile.
	stopped, _ := chainOf(false, false, began, [3]shoal.InfoHash{2: hashOf('r')})
	w.tracker.Configure(tracker.DefaultConfig(), stopped)
	b.say(answer('r', 'b', 'a', '1', "denied"))
	if got := b.refusal(); got != toldDenied {
		t.Errorf("got %q, want %q", got, toldDenied)
	}
	w.leave()
}

// Whoever is refused is given no more offers, which he could not answer, and is
// given them again when he is let in.
func TestRefusedLeaves(t *testing.T) {
	chain, keys := chainOf(true, false, began, accessTorrents)
	w := newWorldOf(t, chain)
	a, b := w.visitAt("/"+goodKey), w.visitAt("/"+endingKey)
	b.say(announce('u', 'b', ""))
	b.say(announce('r', 'b', ""))
	b.hears("u: 0/1", "r: 0/1")
	w.pass(time.Hour)
	b.say(announce('r', 'b', ""))
	b.hears(failure(shoal.KeyExpired))
	b.say(announce('r', 'b', ""))
	b.hears(failure(shoal.KeyExpired))
	w.swarmOf(goodKey, 'r', 0, 0)
	if in := b.protocol.(*connection).torrents; len(in) != 1 || in[0] != hashOf('u') {
		t.Errorf("the connection is in %v", in)
	}
	w.swarmOf(goodKey, 'u', 0, 1)
	a.say(announce('r', 'a', "1"))
	a.hears("r: 0/1")
	w.deliver()
	b.hears()

	keys.Add(policy.Key{Hash: shoal.ParseAuthKey([]byte(endingKey))})
	b.say(announce('r', 'b', ""))
	b.hears("r: 0/2")
	a.say(announce('r', 'a', "2"))
	w.deliver()
	b.hears("r: offer 2 of a: sdp 2")
	w.leave()
}

// A refusal that time may mend is not held against the client, who was told when
// to ask again: closed, he would come back at once. One that stays counts.
func TestStrikesOfRules(t *testing.T) {
	for _, tt := range []struct {
		target string
		hash   byte
		want   string
		closed bool
	}{
		{"/" + oldKey, 'r', toldExpired, false},
		{"/" + strangeKey, 'r', toldUnknown, false},
		{"/" + goodKey, 'u', toldUnregistered, false},
		{"/" + goodKey, 'd', toldDenied, false},
		{"/", 'r', toldMissing, true},
		{"/announce/" + badKey, 'r', toldInvalid, true},
	} {
		chain, _ := chainOf(true, true, began, accessTorrents)
		w := newWorldOf(t, chain)
		v := w.visitAt(tt.target)
		for i := range 5 * maxStrikes {
			v.say(announce(tt.hash, 'a', ""))
			if tt.closed && i == maxStrikes-1 {
				v.closes("failure: "+tt.want, "close 1008")
				break
			}
			if got := v.refusal(); got != tt.want || v.over {
				t.Fatalf("%s, message %d: got %q, closed %v", tt.target, i+1, got, v.over)
			}
		}
		if v.over != tt.closed {
			t.Errorf("%s: closed %v, want %v", tt.target, v.over, tt.closed)
		}
		w.leave()
	}
}
