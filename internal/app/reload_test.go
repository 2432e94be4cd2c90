package app

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/config"
)

// liveKeys has a row for every live key: a change of it, and what an announcer
// sees of a torrent that nobody announced before, without the change and with
// it.
var liveKeys = map[string]struct {
	change        func(*config.Config)
	sees          func(t *testing.T, a *App, torrent byte) string
	before, after string
}{
	"tracker.interval": {
		func(c *config.Config) { c.Tracker.Interval = 10 * time.Minute },
		func(t *testing.T, a *App, torrent byte) string {
			res := replyOverHTTP(t, a.HTTPAddrs()[0], loopback4, asker(torrent))
			return fmt.Sprintf("up to %d0 minutes", (res.Interval+599)/600) // 90 to 100 % of it
		},
		"up to 30 minutes", "up to 10 minutes",
	},
	"tracker.min_interval": {
		func(c *config.Config) { c.Tracker.MinInterval = time.Minute },
		func(t *testing.T, a *App, torrent byte) string {
			return fmt.Sprint(replyOverHTTP(t, a.HTTPAddrs()[0], loopback4, asker(torrent)).MinInterval)
		},
		"300", "60",
	},
	"tracker.default_numwant":  {func(c *config.Config) { c.Tracker.DefaultNumWant = 0 }, handedOut, "1001 1002", ""},
	"limits.torrents":          {func(c *config.Config) { c.Limits.Torrents = 1 }, handedOut, "1001 1002", ""},
	"limits.peers":             {func(c *config.Config) { c.Limits.Peers = 3 }, handedOut, "1001 1002", "1001"},
	"limits.peers_per_torrent": {func(c *config.Config) { c.Limits.PeersPerTorrent = 1 }, handedOut, "1001 1002", "1001"},
	"limits.peers_per_network": {func(c *config.Config) { c.Limits.PeersPerNetwork = 1 }, handedOut, "1001 1002", "1001"},
	"limits.connections":       {func(c *config.Config) { c.Limits.Connections = 1 }, answeredOfTwo, "true true", "true false"},
	"tracker.external_ip": {
		func(c *config.Config) { c.Tracker.ExternalIP = []netip.Addr{netip.MustParseAddr("203.0.113.9")} }, placed,
		"127.0.0.1", "203.0.113.9",
	},
	"tracker.use_ip_param": {func(c *config.Config) { c.Tracker.UseIPParam = "private" }, placed, "127.0.0.1", "198.51.100.7"},
	"http.trusted_proxies": {func(c *config.Config) { trustLoopback(c, "X-Forwarded-For") }, placed, "127.0.0.1", "192.0.2.1"},
	"http.forwarded":       {func(c *config.Config) { trustLoopback(c, "Forwarded") }, placed, "127.0.0.1", "192.0.2.2"},
	"webtorrent.interval": {
		func(c *config.Config) { c.WebTorrent.Interval = 10 * time.Minute },
		func(t *testing.T, a *App, torrent byte) string {
			b := dialBrowser(t, a.HTTPAddrs()[0], "/", 1)
			interval := b.announce(shoal.InfoHash{torrent}, shoal.EventNone).Interval
			return fmt.Sprintf("up to %d minutes", (interval+119)/120*2) // 90 to 100 % of it
		},
		"up to 2 minutes", "up to 10 minutes",
	},
	"webtorrent.max_offers":     {func(c *config.Config) { c.WebTorrent.MaxOffers = 1 }, offered, "2 offers", "1 offers"},
	"webtorrent.answer_replies": {func(c *config.Config) { c.WebTorrent.AnswerReplies = false }, replied, "reply", "none"},
	"webtorrent.allow_origins": {
		func(c *config.Config) { c.WebTorrent.AllowOrigins = []string{"https://example.org"} }, upgraded,
		"101", "403",
	},
	"access.clients_denied": {
		func(c *config.Config) { c.Access.ClientsDenied = []string{"-XL"} }, refused,
		"", shoal.ClientDenied.Error(),
	},
	"access.private": {func(c *config.Config) { c.Access.Private = true }, refused, "", shoal.KeyMissing.Error()},
	"access.listed":  {func(c *config.Config) { c.Access.Listed = true }, refused, "", shoal.TorrentUnlisted.Error()},
	"access.allow_file": {
		func(c *config.Config) { c.Access.Listed, c.Access.AllowFile = true, "testdata/torrent2.txt" },
		func(t *testing.T, a *App, torrent byte) string {
			return refused(t, a, torrent) + ", of others " + refused(t, a, torrent+10)
		},
		", of others ", ", of others " + shoal.TorrentUnlisted.Error(),
	},
	"access.deny_file": {
		func(c *config.Config) { c.Access.DenyFile = "testdata/torrent2.txt" }, refused,
		"", shoal.TorrentDenied.Error(),
	},
	"access.addresses_denied": {
		func(c *config.Config) {
			c.Access.AddressesDenied = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		},
		refused, "", shoal.AddressDenied.Error(),
	},
	"access.private_addresses": {func(c *config.Config) { c.Access.PrivateAddresses = "drop" }, handedOut, "1001 1002", ""},
	"access.ports_denied": {
		func(c *config.Config) { c.Access.PortsDenied = []int{1001} }, refused,
		"", shoal.PortDenied.Error(),
	},
	"api.tokens": {
		func(c *config.Config) { c.API.Tokens = map[string]api.Token{"new": {Token: "a-new-token"}} },
		func(t *testing.T, a *App, _ byte) string { return asked(t, a, "Authorization", "Bearer a-new-token") },
		"401", "200",
	},
	"api.torrust_compatible": {
		func(c *config.Config) { c.API.TorrustCompatible = true },
		func(t *testing.T, a *App, _ byte) string { return asked(t, a, "Accept", "*/*") },
		"401", "500",
	},
	"api.trusted_proxies": {
		func(c *config.Config) { c.API.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} },
		func(t *testing.T, a *App, torrent byte) string {
			for i := range 20 { // wrong tokens, by two clients of the proxy
				asked(t, a, "Authorization", "Bearer a-wrong-token", "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i%2+2*int(torrent)))
			}
			return asked(t, a, "Authorization", "Bearer a-wrong-token", "X-Forwarded-For", "198.51.100.1")
		},
		"429", "401",
	},
}

// asked returns the status that the API answers with to a request with headers.
func asked(t *testing.T, a *App, headers ...string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.APIAddrs()[0].String()+"/api/v1/stats", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return strconv.Itoa(res.StatusCode)
}

// notHere has the live keys that are not of the rooms, or that no announce
// shows at once.
var notHere = map[string]bool{"log.level": true, "accounting.enabled": true, "accounting.max_rate": true}

func TestReload(t *testing.T) {
	for key, row := range liveKeys {
		t.Run(key, func(t *testing.T) {
			cfg := testConfig(t, "auto")
			a := serve(t, cfg)
			if got := row.sees(t, a, 1); got != row.before {
				t.Fatalf("got %q before the reload, want %q", got, row.before)
			}
			next := *cfg
			row.change(&next)
			if err := a.Reload(&next); err != nil {
				t.Fatal(err)
			}
			if got := row.sees(t, a, 2); got != row.after {
				t.Errorf("got %q after the reload, want %q", got, row.after)
			}
			if got := a.Totals(); got.Peers < 2 && row.before == "1001 1002" {
				t.Errorf("the reload lost peers: %+v", got)
			}
			if err := a.Reload(cfg); err != nil {
				t.Fatal(err)
			}
			if got := row.sees(t, a, 3); got != row.before {
				t.Errorf("got %q after a reload of what was first, want %q", got, row.before)
			}
		})
	}
	for _, s := range config.Sections() {
		for _, k := range s.Keys {
			if _, ok := liveKeys[k.Path]; k.Live() && !ok && !notHere[k.Path] {
				t.Errorf("%s is live and needs a row", k.Path)
			}
		}
	}
}

// leecher is a peer of a client that a row denies.
func leecher(torrent byte, port uint16) *shoal.AnnounceRequest {
	return &shoal.AnnounceRequest{
		InfoHash: shoal.InfoHash{torrent}, PeerID: shoal.PeerID{'-', 'X', 'L', byte(port)},
		Addr: netip.AddrPortFrom(loopback4, port), Left: 5, NumWant: shoal.NumWantDefault,
	}
}

// asker is answered and not stored, because it has no port.
func asker(torrent byte) *shoal.AnnounceRequest { return leecher(torrent, 0) }

// handedOut has two peers announce over UDP, and returns which of them a third
// is given.
func handedOut(t *testing.T, a *App, torrent byte) (ports string) {
	t.Helper()
	udp := overUDP(a.UDPAddrs()[0])
	udp(t, loopback4, leecher(torrent, 1001))
	udp(t, loopback4, leecher(torrent, 1002))
	given := map[uint16]bool{}
	for _, peer := range udp(t, loopback4, asker(torrent)) {
		given[peer.Port()] = true
	}
	for _, port := range []uint16{1001, 1002} {
		if given[port] && ports != "" {
			ports += " "
		}
		if given[port] {
			ports += fmt.Sprint(port)
		}
	}
	return ports
}

// trustLoopback has a header of loopback senders believed.
func trustLoopback(c *config.Config, header string) {
	c.HTTP = slices.Clone(c.HTTP)
	c.HTTP[0].TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.HTTP[0].Forwarded = header
}

// placed returns the address that a peer is stored with whose announce over
// HTTP names another one in every way there is.
func placed(t *testing.T, a *App, torrent byte) string {
	t.Helper()
	query := string(httptracker.AppendAnnounceQuery(nil, leecher(torrent, 1001)))
	r, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/announce?%s&ip=198.51.100.7", a.HTTPAddrs()[0], query), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	r.Header.Set("Forwarded", "for=192.0.2.2")
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	for _, peer := range overUDP(a.UDPAddrs()[0])(t, loopback4, asker(torrent)) {
		if peer.Port() == 1001 {
			return peer.Addr().String()
		}
	}
	return "nowhere"
}

// refused returns why a peer is, or nothing.
func refused(t *testing.T, a *App, torrent byte) string {
	t.Helper()
	return replyOverHTTP(t, a.HTTPAddrs()[0], loopback4, leecher(torrent, 1001)).Failure
}

// answeredOfTwo says which of two connections open at once, one to each
// listener, is answered.
func answeredOfTwo(t *testing.T, a *App, torrent byte) string {
	t.Helper()
	first := open(t, a.HTTPAddrs()[0], torrent)
	second := open(t, a.HTTPAddrs()[1], torrent)
	got := fmt.Sprint(first != nil, second != nil)
	for _, c := range []closer{first, second} {
		if c != nil {
			c()
		}
	}
	eventually(t, "both connections are gone", func() bool { return a.connections.Open() == 0 })
	return got
}
