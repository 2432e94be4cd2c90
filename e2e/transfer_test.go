//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// transfer is a file that goes from one client to another. Either learns of
// the other from Shoal and from nobody else.
type transfer struct {
	seeder      program
	seederAsks  transport
	leecher     program
	leecherAsks transport
}

// transfers has every client at both ends of every transport it can speak.
// Debian's transmission cannot announce by UDP over IPv6, nor can aria2.
//
// The first ones take longest: gotorrent announces once a minute at most, and
// never says that it has completed.
var transfers = []transfer{
	{qbittorrent, udp6, gotorrent, udp6},
	{gotorrent, udp6, qbittorrent, udp6},

	{transmission, http4, aria2, http4},
	{aria2, http4, qbittorrent, http4},
	{qbittorrent, http4, transmission, http4},

	{transmission, http6, aria2, http6},
	{aria2, http6, qbittorrent, http6},
	{qbittorrent, http6, transmission, http6},

	{transmission, udp4, aria2, udp4},
	{aria2, udp4, qbittorrent, udp4},
	{qbittorrent, udp4, transmission, udp4},

	// One swarm: who announces over UDP is handed out over HTTP and the other
	// way round.
	{qbittorrent, udp4, aria2, http4},
	{transmission, http4, qbittorrent, udp4},
}

func (x transfer) String() string {
	return fmt.Sprintf("%s_by_%s_to_%s_by_%s", x.seeder.name, x.seederAsks.name, x.leecher.name, x.leecherAsks.name)
}

func TestTransfers(t *testing.T) {
	for _, x := range transfers {
		t.Run(x.String(), func(t *testing.T) {
			t.Parallel()
			transfersRun.Add(1)
			x.run(t)
		})
	}
}

// run moves the file, then tries the same with nothing changed but that Shoal
// is stopped: if the file still moves, then it was not Shoal's doing.
func (x transfer) run(t *testing.T) {
	net := newNetwork(t)
	s := &scene{
		transfer: x,
		payload:  newPayload(),
		seeding:  net.host(t, "seeder"),
		leeching: net.host(t, "leecher"),
	}
	s.shoal = startShoal(t, net.host(t, "shoal"), quickly)
	took := s.moves(t)
	s.shoal.stop(t)
	if t.Failed() {
		return
	}
	patience := min(max(15*time.Second, 2*took), time.Minute)
	s.staysPut(t, patience)
	t.Logf("took %v with Shoal; nothing in %v without", took.Round(100*time.Millisecond), patience.Round(100*time.Millisecond))
}

// scene is a transfer, cast.
type scene struct {
	transfer
	payload           *payload
	shoal             *shoal
	seeding, leeching *host

	// PEM files of the authorities that each side checks Shoal's certificate
	// against, where it asks by HTTPS.
	seederTrusts, leecherTrusts string

	// Keys in the announce URLs, where Shoal is private.
	seederKey, leecherKey string
}

// moves reports how long after its start the leecher had everything.
func (s *scene) moves(t *testing.T) time.Duration {
	t.Helper()
	from := s.startSeeder(t)
	s.awaitSwarm(t, "the seeder's announce", swarmCounts{complete: 1}, from)
	began := time.Now()
	to, dir := s.startLeecher(t)
	await(t, 2*time.Minute, func() error {
		p, err := to.progress()
		if err == nil && p.complete < payloadSize {
			counts, _ := s.scrape()
			err = fmt.Errorf("the leecher has %d of %d bytes; Shoal counts %+v", p.complete, p.total, counts)
		}
		return err
	}, from.process(), to.process())
	took := time.Since(began)
	if s.leecher.tellsCompletion(s.leecherAsks) {
		s.awaitSwarm(t, "the leecher's completion", swarmCounts{complete: 2, downloaded: 1}, from, to)
	}
	await(t, 30*time.Second, func() error { // some give it its name at the very end
		_, err := os.Stat(filepath.Join(dir, payloadName))
		return err
	}, from.process(), to.process())
	to.process().stop()
	from.process().stop()
	s.payload.verify(t, dir)
	return took
}

// staysPut fails if one byte arrives within the time.
func (s *scene) staysPut(t *testing.T, patience time.Duration) {
	t.Helper()
	from := s.startSeeder(t)
	to, _ := s.startLeecher(t)
	s.nothingMoves(t, "without Shoal", from, to, patience)
	to.process().stop()
	from.process().stop()
}

// nothingMoves fails if one byte arrives within the time.
func (s *scene) nothingMoves(t *testing.T, when string, from, to client, patience time.Duration) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		p, err := to.progress()
		if err != nil {
			t.Fatalf("%s: asking the leecher: %v", when, err)
		}
		if p.complete != 0 || p.total != payloadSize {
			t.Fatalf("%s: the leecher has %d of %d bytes, want 0 of %d", when, p.complete, p.total, payloadSize)
		}
	}
	if p, err := from.progress(); err != nil || p.complete != payloadSize {
		t.Errorf("%s: the seeder has %d of %d bytes (%v), want all", when, p.complete, payloadSize, err)
	}
}

// startSeeder returns when the client has found the data to be whole.
func (s *scene) startSeeder(t *testing.T) client {
	t.Helper()
	dir := dataDir(t)
	s.payload.write(t, dir)
	c := s.start(t, s.seeder, s.seederAsks, s.seeding, s.seederTrusts, s.seederKey, dir)
	s.awaitHolding(t, c, payloadSize)
	return c
}

// startLeecher returns when the client has the torrent, and where its data
// goes.
func (s *scene) startLeecher(t *testing.T) (client, string) {
	t.Helper()
	dir := dataDir(t)
	c := s.start(t, s.leecher, s.leecherAsks, s.leeching, s.leecherTrusts, s.leecherKey, dir)
	s.awaitHolding(t, c, 0)
	return c, dir
}

func (s *scene) start(t *testing.T, p program, by transport, h *host, trusted, key, dir string) client {
	t.Helper()
	url := s.shoal.announceURL(by)
	if key != "" {
		url += "/" + key
	}
	return p.start(t, h, job{
		torrent: s.payload.torrent(url), udp: by.scheme == "udp", web: by.web(), trusted: trusted, dir: dir,
		announce: url, infoHash: s.payload.infoHash,
	})
}

// awaitHolding waits until the client has the torrent and so much of its data.
func (s *scene) awaitHolding(t *testing.T, c client, want int64) {
	t.Helper()
	await(t, time.Minute, func() error {
		p, err := c.progress()
		if err == nil && (p.complete < want || p.total != payloadSize) {
			err = fmt.Errorf("%s holds %d of %d bytes, want %d", c.process().name, p.complete, p.total, want)
		}
		return err
	}, c.process())
}

// awaitSwarm waits until Shoal counts so much, asked the seeder's way.
func (s *scene) awaitSwarm(t *testing.T, what string, want swarmCounts, needed ...client) {
	t.Helper()
	alive := []*process{s.shoal.proc}
	for _, c := range needed {
		alive = append(alive, c.process())
	}
	await(t, 2*time.Minute, func() error {
		got, err := s.scrape()
		if err == nil && got != want {
			err = fmt.Errorf("Shoal counts %+v, want %+v", got, want)
		}
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		return nil
	}, alive...)
}

// scrape asks the seeder's way. Who asks HTTP is not told of browsers, and the
// other way round. A scrape over UDP has no room for a key.
func (s *scene) scrape() (swarmCounts, error) {
	scrape := scrapeHTTP
	switch {
	case s.seederKey != "" && s.seederAsks.web():
		return scrapeWebAt(s.leeching, s.shoal.listener(s.seederAsks), "/announce/"+s.seederKey, s.payload.infoHash)
	case s.seederKey != "":
		return scrapePath(s.leeching, s.shoal.listener(s.seederAsks), "/scrape/"+s.seederKey, s.payload.infoHash)
	case s.seederAsks.scheme == "udp":
		scrape = scrapeUDP
	case s.seederAsks.web():
		scrape = scrapeWeb
	}
	return scrape(s.leeching, s.shoal.listener(s.seederAsks), s.payload.infoHash)
}

// dataDir is a directory that its client, whatever user it turns into, can use.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}
