//go:build linux

package e2e

import (
	"fmt"
	"testing"
	"time"
)

// webTransfers go over WebRTC. Browsers, pion, the library of the JavaScript
// tracker and that of anacrolix meet in one swarm, over ws and wss, IPv4 and
// IPv6. Of one kind alone are those that speak the peer protocol: gotorrent.
var webTransfers = []transfer{
	{gotorrent, ws4, gotorrent, ws4},
	{gotorrent, ws6, gotorrent, wss6},

	{chromium, ws4, chromium, ws4},
	{chromium, wss6, chromium, wss6},
	{chromium, ws6, chromium, wss4},

	{webpeer, wss4, chromium, ws4},
	{npmClient, ws4, npmClient, wss4},
	{chromium, wss4, npmClient, ws4},
}

func TestWebTorrent(t *testing.T) {
	for _, x := range webTransfers {
		t.Run(x.String(), func(t *testing.T) {
			t.Parallel()
			transfersRun.Add(1)
			x.runWeb(t)
		})
	}
}

// runWeb moves the file; then tries with nothing changed but that the leecher
// trusts another authority, if it asks by TLS, and then with nothing but that
// Shoal is stopped.
func (x transfer) runWeb(t *testing.T) {
	if x.seeder.name == npmClient.name || x.leecher.name == npmClient.name {
		if _, err := npmProgram(); err != nil { // not while it is timed
			t.Fatal(err)
		}
	}
	net := newNetwork(t)
	right, wrong := newAuthority(t, "Right"), newAuthority(t, "Wrong")
	s := &scene{
		transfer: x,
		payload:  newPayload(),
		seeding:  net.host(t, "seeder"),
		leeching: net.host(t, "leecher"),
	}
	if x.seederAsks.scheme == "wss" {
		s.seederTrusts = right.file(t)
	}
	if x.leecherAsks.scheme == "wss" {
		s.leecherTrusts = right.file(t)
	}
	tracker := net.host(t, "shoal")
	dir := t.TempDir()
	pair := right.issue(t, tracker.v4, tracker.v6)
	pair.cert = append(pair.cert, right.pem...) // Chromium takes a key that it is shown
	pair.write(t, dir)
	s.shoal = startShoalWith(t, tracker, quickly, tlsKey(dir))

	took := s.moves(t)
	if t.Failed() {
		return
	}
	s.isDeserted(t)
	patience := min(max(15*time.Second, 2*took), time.Minute)
	if s.leecherTrusts != "" {
		untrusting := *s
		untrusting.payload = newPayload()
		untrusting.leecherTrusts = wrong.file(t)
		untrusting.isRefused(t, patience)
		if t.Failed() {
			return
		}
	}
	s.shoal.stop(t)
	s.staysPut(t, patience)
	t.Logf("took %v with Shoal; nothing in %v without", took.Round(100*time.Millisecond), patience.Round(100*time.Millisecond))
}

// isDeserted waits until both have left: their sockets are closed, whatever they
// said before.
func (s *scene) isDeserted(t *testing.T) {
	t.Helper()
	await(t, 30*time.Second, func() error {
		got, err := s.scrape()
		if err == nil && (got.complete != 0 || got.incomplete != 0) {
			err = fmt.Errorf("both are gone, and Shoal counts %+v", got)
		}
		return err
	}, s.shoal.proc)
}

// TestOrigins lets pages of one site in. That of the leecher is another.
func TestOrigins(t *testing.T) {
	t.Parallel()
	transfersRun.Add(1)
	net := newNetwork(t)
	s := &scene{
		transfer: transfer{chromium, ws4, chromium, ws4},
		payload:  newPayload(),
		seeding:  net.host(t, "seeder"),
		leeching: net.host(t, "leecher"),
	}
	origins := fmt.Sprintf("allow_origins = [%q, %q]\n", "https://elsewhere.example", s.seeding.site(t))
	s.shoal = startShoal(t, net.host(t, "shoal"), quickly+origins)
	from := s.startSeeder(t)
	await(t, time.Minute, func() error {
		page, err := from.(*chromiumClient).state()
		if err == nil && page.Replies == 0 {
			err = fmt.Errorf("the allowed page has no reply: %+v", page)
		}
		return err
	}, s.shoal.proc, from.process())
	to, _ := s.startLeecher(t)
	await(t, time.Minute, func() error {
		page, err := to.(*chromiumClient).state()
		if err == nil && page.Lost < 3 {
			err = fmt.Errorf("the other page is at %+v", page)
		}
		return err
	}, s.shoal.proc, to.process())
	for c, connected := range map[client]bool{from: true, to: false} {
		page, err := c.(*chromiumClient).state()
		if err != nil {
			t.Fatal(err)
		}
		if (page.Connected > 0) != connected || page.Offers+page.Channels != 0 || !connected && page.Replies != 0 {
			t.Errorf("allowed: %t, the page saw %+v", connected, page)
		}
	}
	s.shoal.stop(t)
}
