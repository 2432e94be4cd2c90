//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	outageTorrents = 200
	outageKeys     = 4
	outageTime     = time.Minute
	mutedTime      = 35 * time.Second       // of it, connections stay and are of no use
	leechTime      = 400 * time.Millisecond // from a peer's first announce to its last
)

// trade is peers of a private tracker that come, download, and are done, over
// UDP and HTTP; beside them are some without a key that is known. It knows what
// the tracker must have counted.
type trade struct {
	asker    *host
	tracker  *shoal
	torrents [][20]byte
	keys     []string
	stop     chan struct{}
	once     sync.Once
	all      sync.WaitGroup

	mu        sync.Mutex
	completed map[[20]byte]int64
	accounts  map[string]account
	answers   int
	refusals  int
	slowest   time.Duration
}

// account is bytes.
type account struct{ Uploaded, Downloaded uint64 }

func startTrade(t *testing.T, asker *host, s *shoal, keys []string) *trade {
	t.Helper()
	d := &trade{
		asker: asker, tracker: s, keys: keys, stop: make(chan struct{}),
		completed: map[[20]byte]int64{}, accounts: map[string]account{},
	}
	for range outageTorrents {
		d.torrents = append(d.torrents, randomID())
	}
	for i, by := range []transport{udp4, http4, udp6, http6} {
		v, err := newVisitor(asker, s.listener(by), by.scheme == "udp")
		if err != nil {
			t.Fatal(err)
		}
		d.all.Go(func() {
			defer v.conn.Close()
			if err := d.run(v, i); err != nil {
				t.Errorf("a client by %s is not answered as it should be: %v", by.name, err)
			}
		})
	}
	t.Cleanup(d.end)
	return d
}

func (d *trade) end() {
	d.once.Do(func() { close(d.stop) })
	d.all.Wait()
}

// run has a new peer every now and then.
func (d *trade) run(v *visitor, worker int) error {
	type leecher struct {
		visit
		since time.Time
	}
	var leechers []leecher
	finish := func() error {
		done := leechers[0]
		leechers = leechers[1:]
		time.Sleep(time.Until(done.since.Add(leechTime)))
		done.left, done.event = 0, "completed"
		done.uploaded, done.downloaded = mathrand.Uint64N(1<<20), mathrand.Uint64N(1<<20)
		if err := d.announce(v, done.visit); err != nil {
			return err
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.completed[done.infoHash]++
		sum := d.accounts[done.key]
		sum.Uploaded += done.uploaded
		sum.Downloaded += done.downloaded
		d.accounts[done.key] = sum
		return nil
	}
	for i := 0; ; i++ {
		select {
		case <-d.stop:
			for len(leechers) > 0 {
				if err := finish(); err != nil {
					return err
				}
			}
			return nil
		case <-time.After(20 * time.Millisecond):
		}
		q := visit{
			infoHash: d.torrents[mathrand.IntN(len(d.torrents))], peerID: randomID(),
			port: uint16(1024 + worker*16000 + i%16000), left: 1, event: "started",
			key: d.keys[mathrand.IntN(len(d.keys))],
		}
		if i%20 == 0 {
			stranger := q
			stranger.key = newKeys(1)[0]
			if err := d.isRefused(v, stranger); err != nil {
				return err
			}
		}
		if err := d.announce(v, q); err != nil {
			return err
		}
		leechers = append(leechers, leecher{q, time.Now()})
		if time.Since(leechers[0].since) > leechTime {
			if err := finish(); err != nil {
				return err
			}
		}
	}
}

func (d *trade) announce(v *visitor, q visit) error {
	start := time.Now()
	if err := v.announce(q); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers++
	d.slowest = max(d.slowest, time.Since(start))
	return nil
}

func (d *trade) isRefused(v *visitor, q visit) error {
	err := v.announce(q)
	var refused *refusal
	if !errors.As(err, &refused) || refused.reason != keyUnknown {
		return fmt.Errorf("a stranger is told %v, want %q", err, keyUnknown)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusals++
	return nil
}

// figures are what has been answered so far, and how slowly since the last time.
func (d *trade) figures() (answers, refusals int, slowest time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slowest, d.slowest = d.slowest, 0
	return d.answers, d.refusals, slowest
}

// scrapeMany asks a private Shoal for many torrents over HTTP.
func scrapeMany(h *host, tracker netip.AddrPort, key string, torrents [][20]byte) (map[[20]byte]swarmCounts, error) {
	counts := map[[20]byte]swarmCounts{}
	// Shoal answers in the order asked, and getHTTP wants the keys in order.
	torrents = slices.SortedFunc(slices.Values(torrents), func(a, b [20]byte) int { return bytes.Compare(a[:], b[:]) })
	for some := range slices.Chunk(torrents, 40) {
		target := "/scrape/" + key + "?"
		for _, infoHash := range some {
			target += "&info_hash=" + percent(infoHash)
		}
		dict, err := getHTTP(h, tracker, target)
		if err != nil {
			return nil, err
		}
		files, _ := dict["files"].(map[string]any)
		for name, value := range files {
			file, _ := value.(map[string]any)
			complete, _ := file["complete"].(int64)
			downloaded, _ := file["downloaded"].(int64)
			incomplete, _ := file["incomplete"].(int64)
			counts[[20]byte([]byte(name))] = swarmCounts{complete, downloaded, incomplete}
		}
	}
	return counts, nil
}

// stored fails unless the database has what the trade has. The torrents are
// read by another node, the accounts by the command that lists keys.
func (d *trade) stored(t *testing.T, reader *shoal) error {
	t.Helper()
	reader.start(t)
	got, err := scrapeMany(reader.host, reader.listener(http4), d.keys[0], d.torrents)
	reader.stop(t)
	if err != nil {
		return err
	}
	wrong, counted, want := 0, int64(0), int64(0)
	for _, infoHash := range d.torrents {
		counted += got[infoHash].downloaded
		want += d.completed[infoHash]
		if got[infoHash].downloaded != d.completed[infoHash] {
			wrong++
		}
	}
	if wrong != 0 {
		return fmt.Errorf("the counts of %d torrents differ: the database has %d in all, want %d", wrong, counted, want)
	}
	accounts := map[string]account{}
	for line := range strings.Lines(reader.offline(t, "key", "list", "--json")) {
		var k struct {
			Key string
			account
		}
		if err := json.Unmarshal([]byte(line), &k); err != nil {
			return fmt.Errorf("decoding %q: %w", line, err)
		}
		accounts[k.Key] = k.account
	}
	for _, key := range d.keys {
		if accounts[key] != d.accounts[key] {
			return fmt.Errorf("a key has %+v, want %+v", accounts[key], d.accounts[key])
		}
	}
	return nil
}

// TestDatabaseOutage cuts a private tracker off from its database for a minute
// while clients come and go: first the database does a commit whose outcome it
// cannot tell, then it tells nothing any more, then connections are reset.
// Nobody notices, and in the end everything is counted once.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	for _, e := range databaseServers {
		t.Run(e.driver, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			d := newDatabase(t, net, e)
			c := newCable(t, net, d.address())
			const private = "[access]\nprivate = true\n\n[accounting]\nenabled = true\n\n"
			reader := newShoal(t, net.host(t, "reader"), private+e.settings(d.address()), "")
			keys := newKeys(outageKeys)
			for _, key := range keys {
				reader.offline(t, "key", "add", key)
			}
			s := startShoal(t, net.host(t, "shoal"), private+e.settings(c.at))
			load := startTrade(t, net.host(t, "asker"), s, keys)

			c.set(cableTrapped)
			c.awaitCommit(t, time.Minute)
			answers, refusals, slowest := load.figures()
			t.Logf("before: %d announces answered and %d refused, the slowest after %v", answers, refusals, slowest.Round(time.Millisecond))
			time.Sleep(mutedTime)
			broken := c.set(cableCut)
			time.Sleep(outageTime - mutedTime)
			during, refused, slowest := load.figures()
			t.Logf("%v without %s, %d connections broken: %d announces answered and %d refused, the slowest after %v",
				outageTime, e.name, broken, during-answers, refused-refusals, slowest.Round(time.Millisecond))
			if during == answers || refused == refusals {
				t.Error("there was no load without the database")
			}
			c.set(cableWhole)
			time.Sleep(5 * time.Second)
			load.end()
			after, refused, slowest := load.figures()
			t.Logf("in all: %d announces answered and %d refused, the slowest since then after %v; %d connections were tried while it was away",
				after, refused, slowest.Round(time.Millisecond), c.dials)
			if t.Failed() {
				return
			}
			await(t, time.Minute, func() error {
				err := load.stored(t, reader)
				if err != nil {
					time.Sleep(3 * time.Second) // it is no small question
				}
				return err
			}, s.proc)
			s.toldOfOutage(t)
			s.keepsSecret(t, append(slices.Clone(keys), databasePassword)...)
			if t.Failed() {
				return
			}
			completed := int64(0)
			for _, n := range load.completed {
				completed += n
			}
			t.Logf("%s has all %d completed downloads of %d torrents, and the bytes of %d keys, each once", e.name, completed, outageTorrents, len(keys))

			// Nothing is written twice when it ends.
			s.stop(t)
			if err := load.stored(t, reader); err != nil {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

// toldOfOutage fails unless Shoal warned once, and said once that all is well
// again.
func (s *shoal) toldOfOutage(t *testing.T) {
	t.Helper()
	warnings, recoveries := 0, 0
	for _, line := range s.lines(t) {
		switch {
		case line.level == "WARN":
			warnings++
		case line.level == "INFO" && warnings > 0 && strings.Contains(strings.ToLower(line.text), "database"):
			recoveries++
		case line.level == "INFO":
			continue
		default:
			t.Errorf("unexpected in the log: %s", line.text)
		}
		if warnings > 0 {
			t.Log(line.text)
		}
	}
	if warnings != 1 || recoveries != 1 {
		t.Errorf("%d warnings and %d lines that say that the database is back, want one of each", warnings, recoveries)
	}
}

// TestEndWithoutDatabase ends a tracker whose database is away: it does not
// wait for it, and says what could not be written.
func TestEndWithoutDatabase(t *testing.T) {
	t.Parallel()
	for _, e := range databaseServers {
		t.Run(e.driver, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			d := newDatabase(t, net, e)
			c := newCable(t, net, d.address())
			s := startShoal(t, net.host(t, "shoal"), e.settings(c.at))
			c.set(cableMute)
			if err := complete(s, randomID()); err != nil {
				t.Fatal(err)
			}
			hangUp(t, s) // it waits for the lists
			time.Sleep(time.Second)
			if err := complete(s, randomID()); err != nil {
				t.Fatal(err)
			}
			s.stop(t)
			if lines := s.logged(t, "ERROR", "database"); len(lines) != 1 {
				t.Errorf("%d errors are logged for a count that is lost, want 1", len(lines))
			} else {
				t.Log(lines[0].text)
			}
		})
	}
}

// complete has somebody download a torrent.
func complete(s *shoal, infoHash [20]byte) error {
	v, err := newVisitor(s.host, s.listener(udp4), true)
	if err != nil {
		return err
	}
	defer v.conn.Close()
	q := visit{infoHash: infoHash, port: 6881, left: 1, event: "started"}
	rand.Read(q.peerID[:])
	if err := v.announce(q); err != nil {
		return err
	}
	q.left, q.event = 0, "completed"
	return v.announce(q)
}

// TestDatabaseComesLate starts trackers whose database is not there. One that
// can do without serves at once, and has its counts as soon as it is there; a
// private one waits for it.
func TestDatabaseComesLate(t *testing.T) {
	t.Parallel()
	for _, e := range databaseServers {
		t.Run(e.driver, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			d := newDatabase(t, net, e)
			c := newCable(t, net, d.address())
			busy, quiet := randomID(), randomID()
			key := newKeys(1)[0]
			h := net.host(t, "shoal")
			earlier := newShoal(t, h, e.settings(d.address()), "")
			earlier.offline(t, "key", "add", key)
			earlier.start(t)
			for _, infoHash := range [][20]byte{busy, quiet} {
				if err := complete(earlier, infoHash); err != nil {
					t.Fatal(err)
				}
			}
			earlier.stop(t)

			c.set(cableCut)
			open := newShoal(t, h, e.settings(c.at), "")
			open.start(t)
			if err := complete(open, busy); err != nil {
				t.Fatal(err)
			}
			counts := func(infoHash [20]byte, want int64) error {
				got, err := scrapeHTTP(h, open.listener(http4), infoHash)
				if err == nil && got.downloaded != want {
					err = fmt.Errorf("Shoal counts %+v, want %d downloads", got, want)
				}
				return err
			}
			if err := errors.Join(counts(busy, 1), counts(quiet, 0)); err != nil {
				t.Errorf("without the database: %v", err)
			}
			if got := len(open.logged(t, "WARN", "database")); got != 1 {
				t.Errorf("it warns %d times of the database, want once", got)
			}
			c.set(cableWhole)
			await(t, time.Minute, func() error { return errors.Join(counts(busy, 2), counts(quiet, 1)) }, open.proc)
			open.stop(t)
			open.keepsSecret(t, databasePassword)

			// Nobody is refused a key that is only not known yet.
			c.set(cableCut)
			private := newShoal(t, h, "[access]\nprivate = true\n"+e.settings(c.at), "")
			private.proc = h.start(t, shoalBinary, "serve", "-c", private.file)
			await(t, time.Minute, func() error {
				if len(private.logged(t, "WARN", "database")) == 0 {
					return errors.New("it does not warn of the database")
				}
				return nil
			}, private.proc)
			ask := func() error {
				_, err := scrapePath(h, private.listener(http4), "/scrape/"+key, quiet)
				return err
			}
			var refused *refusal
			if err := ask(); err == nil || errors.As(err, &refused) {
				t.Errorf("a private tracker without its keys answers: %v", err)
			}
			c.set(cableWhole)
			await(t, time.Minute, ask, private.proc)
			private.stop(t)
		})
	}
}

// TestPrivateWithoutDatabase starts a private tracker whose database never
// comes. It gives up, and says why.
func TestPrivateWithoutDatabase(t *testing.T) {
	t.Parallel()
	for _, e := range databaseServers {
		t.Run(e.driver, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			h := net.host(t, "shoal")
			nowhere := netip.AddrPortFrom(h.v4, e.port)
			s := newShoal(t, h, "[access]\nprivate = true\n"+e.settings(nowhere), "")
			s.proc = h.start(t, shoalBinary, "serve", "-c", s.file)
			if code := s.awaitExit(t, 3*time.Minute); code != 1 {
				t.Errorf("it exits with %d, want 1", code)
			}
			lines := s.lines(t)
			last := lines[len(lines)-1].text
			if !containsAll(strings.ToLower(last), []string{"database", "private"}) {
				t.Errorf("it does not say why it gives up: %s", last)
			}
			t.Log(last)
			s.keepsSecret(t, databasePassword)
		})
	}
}
