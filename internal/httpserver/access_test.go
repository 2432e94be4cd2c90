package httpserver

import (
	"fmt"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/internal/policy"
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

func refused(text string) string {
	retry := retries[text]
	return fmt.Sprintf("d14:failure reason%d:%s8:retry in%d:%se", len(text), text, len(retry), retry)
}

var accessTorrents = [3]shoal.InfoHash{
	shoal.InfoHash([]byte("registered-torrent..")), shoal.InfoHash([]byte("unregistered-torrent")), shoal.InfoHash([]byte("denied-torrent......")),
}

// targets are the ways to carry a key; word is announce or scrape.
func targets(word, key, query string) []string {
	if key == noKey {
		return []string{"/" + word + "?" + query, "/" + word + "/?" + query, "/" + word + "?passkey=&" + query}
	}
	return []string{
		"/" + word + "/" + key + "?" + query,
		"/" + word + "/" + key + "/?" + query,
		"/" + key + "/" + word + "?" + query,
		"/" + key + "/" + word + "/?" + query,
		"/" + word + "?passkey=" + key + "&" + query,
		"/" + word + "?" + query + "&passkey=" + key,
		"/" + word + "?passkey=" + key + "?" + query,
		"/" + word + "/" + key + "?passkey=" + badKey + "&" + query,
	}
}

// TestAccess has all kinds of trackers, keys and torrents.
func TestAccess(t *testing.T) {
	now := shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for _, tt := range access {
		t.Run(tt.name+" "+tt.key, func(t *testing.T) {
			chain, _ := chainOf(tt.private, tt.listed, now, accessTorrents)
			s, store, _ := newServerOf(DefaultConfig(), "never", false, Options{}, chain)
			var asked []string
			for i, hash := range accessTorrents {
				// Somebody was there before the rules were.
				req := shoal.AnnounceRequest{InfoHash: hash, Addr: netip.MustParseAddrPort("198.51.100.1:6881")}
				store.Announce(&req, &shoal.AnnounceResponse{}, now)
				query := "info_hash=" + url.QueryEscape(string(hash[:]))
				asked = append(asked, query)

				for _, target := range targets("announce", tt.key, query+"&peer_id=-qB5000-bbbbbbbbbbbb&port=6881&left=1&compact=1") {
					want := "d8:completei1e11:external ip4:\xc0\x00\x02\x0110:incompletei1e8:intervali1800e12:min intervali1800e5:peers6:\xc6\x33\x64\x01\x1a\xe1e"
					if tt.want[i] != welcome {
						want = refused(tt.want[i])
					}
					if got := visit(s, "192.0.2.1:5000").send("GET " + target + " HTTP/1.1\r\n\r\n"); got != response("200 OK", want) {
						t.Errorf("%s: got\n%q\nwant\n%q", target, got, response("200 OK", want))
					}
				}
			}

			// A key that is missing or wrong is told of. A torrent that may not be
			// announced has zeroes.
			body := ""
			switch tt.want[0] {
			case welcome:
				counts := []shoal.ScrapeCounts{{Complete: 1, Incomplete: 1}, {}, {}}
				if tt.want[1] == welcome {
					counts[1] = counts[0]
				}
				body = string(httptracker.AppendScrape(nil, accessTorrents[:], counts, 1800))
			default:
				body = refused(tt.want[0])
			}
			for _, target := range targets("scrape", tt.key, asked[0]+"&"+asked[1]+"&"+asked[2]) {
				if got := visit(s, "192.0.2.1:5000").send("GET " + target + " HTTP/1.1\r\n\r\n"); got != response("200 OK", body) {
					t.Errorf("%s: got\n%q\nwant\n%q", target, got, response("200 OK", body))
				}
			}
		})
	}
}

// Keys come, expire and go while the tracker serves, also over one connection.
func TestKeysChange(t *testing.T) {
	now := shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	chain, keys := chainOf(true, false, now, accessTorrents)
	s, _, clock := newServerOf(DefaultConfig(), "never", false, Options{}, chain)
	v := visit(s, "192.0.2.1:5000")
	step := func(what, key, want string) {
		t.Helper()
		body := alone
		if want != welcome {
			body = refused(want)
		}
		if got := v.send("GET /announce/" + key + "?" + leecher + " HTTP/1.1\r\n\r\n"); got != response("200 OK", body) {
			t.Errorf("%s: got\n%q\nwant\n%q", what, got, response("200 OK", body))
		}
	}
	step("before it is granted", strangeKey, toldUnknown)
	keys.Add(policy.Key{Hash: shoal.ParseAuthKey([]byte(strangeKey))})
	step("granted", strangeKey, welcome)
	keys.Remove(shoal.ParseAuthKey([]byte(strangeKey)))
	step("taken back", strangeKey, toldUnknown)
	step("before the hour is over", endingKey, welcome)
	clock.Set(now.Add(time.Hour))
	step("after it", endingKey, toldExpired)
	step("another", goodKey, welcome)
}

// Of two keys that of the path counts, unless only the other can be one.
func TestTwoKeys(t *testing.T) {
	now := shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	chain, _ := chainOf(true, false, now, accessTorrents)
	s, _, _ := newServerOf(DefaultConfig(), "never", false, Options{}, chain)
	for _, tt := range []struct{ path, query, want string }{
		{"/announce/" + goodKey, strangeKey, welcome},
		{"/announce/" + strangeKey, goodKey, toldUnknown},
		{"/announce/" + badKey, goodKey, welcome},
		{"/tracker/announce", goodKey, welcome},
		{"/announce/" + badKey, badKey, toldInvalid},
		{"/announce/" + badKey, "", toldInvalid},
		{"/announce", "%47oodGoodGoodGoodGoodGoodGoodGood", welcome},
		{"/announce/%47oodGoodGoodGoodGoodGoodGoodGood", "", toldInvalid},
	} {
		want := alone
		if tt.want != welcome {
			want = refused(tt.want)
		}
		if got := visit(s, "192.0.2.1:5000").send("GET " + tt.path + "?" + leecher + "&passkey=" + tt.query + " HTTP/1.1\r\n\r\n"); got != response("200 OK", want) {
			t.Errorf("%s and %s: got\n%q\nwant\n%q", tt.path, tt.query, got, response("200 OK", want))
		}
	}
}
