package udpserver

import (
	"errors"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/udptracker"
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

var accessTorrents = [3]shoal.InfoHash{{1}, {2}, {3}}

// urls are the ways to carry a key in the URL of a UDP tracker (BEP 41).
func urls(key string) []string {
	if key == noKey {
		return []string{"", "/announce", "/announce?a=b", "/announce?passkey="}
	}
	return []string{"/announce/" + key, "/" + key + "/announce", "/announce?passkey=" + key, "/" + key + "/announce/?a=b"}
}

// refusal announces with a URL, and returns the text of the error packet.
func (c *client) refusal(id uint64, req shoal.AnnounceRequest, url string) string {
	c.t.Helper()
	transaction := c.next()
	b := c.ask(udptracker.AppendAnnounce(nil, id, transaction, &req, 0, url))
	_, err := udptracker.ParseAnnounceReply(b, transaction, c.addr().Addr().Unmap().Is6())
	if remote, ok := errors.AsType[*udptracker.RemoteError](err); ok {
		return remote.Text
	}
	if err != nil {
		c.t.Fatalf("announce with %q: %v: % x", url, err, b)
	}
	return welcome
}

// TestAccess has all kinds of trackers, keys and torrents. No scrape of UDP can
// carry a key: it gets zeroes from a private tracker, whoever asks.
func TestAccess(t *testing.T) {
	now := shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for _, tt := range access {
		t.Run(tt.name+" "+tt.key, func(t *testing.T) {
			chain, _ := chainOf(tt.private, tt.listed, now, accessTorrents)
			h := serveWith(t, "auto", chain, loopback4)
			c := dial(t, h.server.Addrs()[0])
			id := c.connect()

			// Somebody was there before the rules were.
			for _, hash := range accessTorrents {
				req := seeder(7001)
				req.InfoHash, req.Addr = hash, h.server.Addrs()[0]
				h.store.Announce(&req, &shoal.AnnounceResponse{}, now)
			}
			want := make([]shoal.ScrapeCounts, 3)
			for i := range want {
				shown := !tt.private && i != 2 && !(tt.listed && i == 1)
				if shown {
					want[i].Complete = 1
				}
			}
			expect(t, "scrape", c.scrape(id, accessTorrents[:]...), want)

			refused := uint64(0)
			for i, hash := range accessTorrents {
				for _, url := range urls(tt.key) {
					req := leecher(7002)
					req.InfoHash = hash
					if got := c.refusal(id, req, url); got != tt.want[i] {
						t.Errorf("torrent %d, %s: got %q, want %q", i, url, got, tt.want[i])
					}
					if tt.want[i] != welcome {
						refused++
					}
				}
				if tt.want[i] == welcome && want[i].Complete > 0 {
					want[i].Incomplete = 1
				}
			}
			expect(t, "scrape afterwards", c.scrape(id, accessTorrents[:]...), want)
			if got := h.server.Snapshot()[0]; got.Errors != refused {
				t.Errorf("%d errors are counted, want %d", got.Errors, refused)
			}
		})
	}
}

// Keys come, expire and go while the tracker serves.
func TestKeysChange(t *testing.T) {
	now := shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	chain, keys := chainOf(true, false, now, accessTorrents)
	h := serveWith(t, "auto", chain, loopback4)
	c := dial(t, h.server.Addrs()[0])
	id := c.connect()
	step := func(what, key, want string) {
		t.Helper()
		req := leecher(7001)
		req.InfoHash = accessTorrents[0]
		if got := c.refusal(id, req, "/announce/"+key); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	step("before it is granted", strangeKey, toldUnknown)
	keys.Add(policy.Key{Hash: shoal.ParseAuthKey([]byte(strangeKey))})
	step("granted", strangeKey, welcome)
	keys.Remove(shoal.ParseAuthKey([]byte(strangeKey)))
	step("taken back", strangeKey, toldUnknown)
	step("before the hour is over", endingKey, welcome)
	h.clock.Set(now.Add(time.Hour))
	id = c.connect()
	step("after it", endingKey, toldExpired)
	step("another", goodKey, welcome)
}
