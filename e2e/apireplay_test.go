//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestIndexReplay has the calls that Torrust Index makes of its tracker made of
// Shoal, with announces between them, and looks at what the Index learns.
func TestIndexReplay(t *testing.T) {
	for name, compatible := range map[string]bool{"ours": false, "to the letter": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			r := &replay{t: t, asker: net.host(t, "asker"), other: net.host(t, "other"), compatible: compatible}
			h := net.host(t, "shoal")
			r.s = newShoal(t, h, "[access]\nprivate = true\nlisted = true\n"+
				apiSettings(h, fmt.Sprintf("torrust_compatible = %t", compatible)), "")
			r.s.start(t)
			r.index = &index{
				host: r.asker, api: r.s.apiAddress(), token: adminToken, keysLast: 7_257_600,
				announces: fmt.Sprintf("http://%s/announce/", r.s.listener(http4)),
			}
			r.run()
		})
	}
}

type replay struct {
	t            *testing.T
	asker, other *host
	s            *shoal
	index        *index
	compatible   bool
}

// note prints what a call came to.
func (r *replay) note(call string, got any) { r.t.Logf("| %s | %v |", call, got) }

// expect fails unless the Index makes that of an answer.
func (r *replay) expect(call string, got, want error) {
	r.t.Helper()
	if !errors.Is(got, want) {
		r.t.Errorf("%s: the Index takes it for %v, want %v", call, got, want)
	}
	if got == nil {
		r.note(call, "done")
		return
	}
	r.note(call, got)
}

// announce runs Shoal's command from a host, and returns what the tracker says
// against it.
func (r *replay) announce(h *host, url, hash string, flags ...string) string {
	r.t.Helper()
	e := h.run(r.t, nil, shoalBinary, append([]string{"announce", url, hash}, flags...)...)
	if e.code == 0 {
		return ""
	}
	_, said, refused := strings.Cut(e.stderr, "tracker refused: ")
	if !refused {
		r.t.Fatalf("announce to %s: %d %s%s", url, e.code, e.stdout, e.stderr)
	}
	said, _, _ = strings.Cut(strings.TrimSpace(said)[1:], `"`)
	return said
}

func (r *replay) isTold(when, got, want string) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s: an announce is told %q, want %q", when, got, want)
	}
	r.note("announce, "+when, orElse(got, "let in"))
}

func (r *replay) run() {
	t, x := r.t, r.index
	infoHash, another := randomID(), randomID()
	hash := fmt.Sprintf("%x", infoHash)

	before := time.Now().Unix()
	url, key, until, err := x.announceURL()
	if err != nil {
		t.Fatalf("drawing a key: %v", err)
	}
	if until < before+x.keysLast || until > time.Now().Unix()+x.keysLast+1 {
		t.Errorf("the key is valid until %d, want %d seconds from now (%d)", until, x.keysLast, before)
	}
	r.note("POST /key/7257600", fmt.Sprintf("valid for %d seconds", until-before))
	unknown := strings.Replace(url, key, newKeys(1)[0], 1)
	onUDP := strings.Replace(url, "http", "udp", 1)

	r.isTold("not on the whitelist", r.announce(r.asker, url, hash), torrentUnlisted)
	_, err = x.torrent(hash)
	r.expect("GET /torrent, nobody there", err, errIndexNoTorrent)
	r.expect("POST /whitelist", x.list(hash), nil)
	r.isTold("on the whitelist", r.announce(r.asker, url, hash), "")
	r.expect("POST /whitelist, once more", x.list(hash), nil)
	r.isTold("with another key", r.announce(r.asker, unknown, hash), keyUnknown)
	r.isTold("another torrent", r.announce(r.asker, url, fmt.Sprintf("%x", another)), torrentUnlisted)

	// One leecher is there. A second comes and completes, a seeder comes by UDP,
	// and a leecher that says of itself what does not fit into the Index.
	finisher := "-e2e-0-finisher-finis"[:20]
	r.isTold("second leecher", r.announce(r.other, url, hash, "--port", "6882", "--peer-id", finisher), "")
	r.isTold("second leecher has everything", r.announce(r.other, url, hash, "--port", "6882", "--peer-id", finisher, "--left", "0", "--event", "completed"), "")
	r.isTold("seeder by UDP", r.announce(r.other, onUDP, hash, "--port", "6883", "--left", "0"), "")
	boaster, err := newVisitor(r.other, r.s.listener(http4), false)
	if err != nil {
		t.Fatal(err)
	}
	defer boaster.conn.Close()
	if err := boaster.announce(visit{infoHash: infoHash, peerID: randomID(), port: 6884, key: key,
		uploaded: math.MaxUint64 - 1, downloaded: math.MaxUint64 - 2, left: math.MaxUint64 - 3}); err != nil {
		t.Fatal(err)
	}
	r.sees(hash, indexCounts{2, 2})

	// A browser is counted as well.
	b, err := openSocketAt(r.asker, r.s.listener(ws4), "/announce/"+key, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.conn.Close()
	if _, err := b.announce(leecherOf(infoHash, randomID())); err != nil {
		t.Fatal(err)
	}
	r.sees(hash, indexCounts{2, 3})

	r.expect("DELETE /whitelist", x.unlist(hash), nil)
	r.isTold("off the whitelist", r.announce(r.asker, url, hash), torrentUnlisted)
	r.isTold("off the whitelist, by UDP", r.announce(r.other, onUDP, hash), torrentUnlisted)
	r.expect("DELETE /whitelist, once more", x.unlist(hash), nil)
	r.expect("POST /whitelist, again", x.list(hash), nil)
	r.isTold("on the whitelist again", r.announce(r.asker, url, hash), "")

	stranger := *x
	stranger.token = "none-of-the-tokens"
	refusal := errIndexStatus // 401
	if r.compatible {
		refusal = errIndexToken
	}
	r.expect("POST /whitelist, wrong token", stranger.list(hash), refusal)
	_, err = stranger.torrent(hash)
	r.expect("GET /torrent, wrong token", err, refusal)
	_, err = stranger.countMany([]string{hash})
	r.expect("GET /torrents, wrong token", err, refusal)
	_, _, _, err = stranger.announceURL()
	r.expect("POST /key, wrong token", err, refusal)

	r.s.stop(t)
	r.s.keepsSecret(t, adminToken, stranger.token, key)
	r.expect("POST /whitelist, no tracker", x.list(hash), errIndexOffline)
	r.expect("DELETE /whitelist, no tracker", x.unlist(hash), errIndexOffline)
	_, err = x.countOne(hash)
	r.expect("GET /torrent, no tracker", err, errIndexOffline)
	_, err = x.countMany([]string{hash})
	r.expect("GET /torrents, no tracker", err, errIndexOffline)
	_, _, _, err = x.announceURL()
	r.expect("POST /key, no tracker", err, errIndexOffline)

	r.s.start(t) // what the Index did was written down
	r.isTold("after a restart", r.announce(r.asker, url, hash), "")
	r.s.stop(t)
}

// sees has the Index look at the torrent alone and among 119 that nobody is in.
func (r *replay) sees(hash string, want indexCounts) {
	r.t.Helper()
	n, err := r.index.torrent(hash)
	if err != nil {
		r.t.Errorf("GET /torrent: %v", err)
		return
	}
	if got := (indexCounts{*n.Seeders, *n.Leechers}); *n.InfoHash != hash || got != want || *n.Completed != 1 {
		r.t.Errorf("the Index reads of torrent %s: %s, %+v, completed %d times; want %+v, once", hash, *n.InfoHash, got, *n.Completed, want)
	}
	addresses := map[netip.Addr]int{}
	for _, p := range *n.Peers {
		if p.PeerAddr == nil {
			addresses[netip.Addr{}]++
			continue
		}
		addr, err := netip.ParseAddrPort(*p.PeerAddr)
		if err != nil || p.Left == nil || p.Event == nil || p.PeerID == nil || p.PeerID.ID == nil || len(*p.PeerID.ID) != len("0x")+40 {
			r.t.Errorf("a peer of the torrent: %+v (%v)", p, err)
		}
		addresses[addr.Addr()]++
	}
	browsers := map[bool]int{false: int(want.seeders + want.leechers - 4)}[r.compatible]
	people := map[netip.Addr]int{r.asker.v4: 1, r.other.v4: 3}
	if browsers > 0 {
		people[netip.Addr{}] = browsers
	}
	if !maps.Equal(addresses, people) {
		r.t.Errorf("the Index reads peers at %v, want %v", addresses, people)
	}
	r.note("GET /torrent", fmt.Sprintf("%d seeders, %d leechers, completed %d times, peers at %v", *n.Seeders, *n.Leechers, *n.Completed, addresses))

	hashes := []string{hash}
	wanted := map[string]indexCounts{hash: want}
	for range 119 {
		nobody := fmt.Sprintf("%x", randomID())
		hashes = append(hashes, nobody)
		wanted[nobody] = indexCounts{}
	}
	got, err := r.index.countMany(hashes)
	if err != nil || !maps.Equal(got, wanted) {
		r.t.Errorf("GET /torrents: %v, the Index keeps %v, want %v", err, got, wanted)
	}
	r.note("GET /torrents, 3 times up to 50 of them", fmt.Sprintf("%+v, and %d with nobody", got[hash], len(got)-1))
}

// TestIndexOnOpenTracker has the Index do on a tracker that lets everything in
// what it always does: it lists each torrent that is uploaded.
func TestIndexOnOpenTracker(t *testing.T) {
	for name, want := range map[string]error{"ours": nil, "to the letter": errIndexStatus} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			asker, h := net.host(t, "asker"), net.host(t, "shoal")
			s := startShoal(t, h, apiSettings(h, fmt.Sprintf("torrust_compatible = %t", want != nil)))
			x := &index{host: asker, api: s.apiAddress(), token: adminToken}
			infoHash := randomID()
			hash := fmt.Sprintf("%x", infoHash)
			r := &replay{t: t}
			r.expect("POST /whitelist on an open tracker", x.list(hash), want)
			for range 2 {
				if _, err := announceUDP(asker, s.listener(udp4), question{infoHash: infoHash, port: 6881, left: 1}); err != nil {
					t.Error(err)
				}
			}
			got, err := x.countOne(hash)
			if err != nil || got != (indexCounts{0, 1}) {
				t.Errorf("GET /torrent on an open tracker: %+v, %v, want one leecher", got, err)
			}
			s.stop(t)
		})
	}
}
