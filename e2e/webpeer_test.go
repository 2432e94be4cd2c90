//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// webpeerClient is the program in the directory webpeer. It says what its peers
// hold on its output, a line at a time.
type webpeerClient struct{ proc *process }

func startWebpeer(t *testing.T, h *host, j job) client {
	t.Helper()
	seeders := 0
	if _, err := os.Stat(filepath.Join(j.dir, payloadName)); err == nil {
		seeders = 1
	}
	return startWebpeers(t, h, j, payloadSize, 1, seeders)
}

func startWebpeers(t *testing.T, h *host, j job, size, peers, seeders int) webpeerClient {
	t.Helper()
	var environment []string
	if j.trusted != "" {
		environment = append(environment, "SSL_CERT_FILE="+j.trusted)
	}
	return webpeerClient{h.startWith(t, environment, webpeerBinary,
		"-tracker", j.announce, "-info-hash", fmt.Sprintf("%x", j.infoHash), "-dir", j.dir,
		fmt.Sprintf("-size=%d", size), fmt.Sprintf("-peers=%d", peers), fmt.Sprintf("-seeders=%d", seeders))}
}

func (c webpeerClient) process() *process { return c.proc }

func (c webpeerClient) progress() (progress, error) {
	p, _, err := c.report()
	return p, err
}

// report is the last whole line of four numbers; log lines stand between them.
func (c webpeerClient) report() (p progress, channels int, err error) {
	output, err := os.ReadFile(c.proc.log)
	if err != nil {
		return p, 0, err
	}
	lines := bytes.Split(output, []byte{'\n'})
	for i := len(lines) - 2; i >= 0; i-- {
		var refused int
		if n, err := fmt.Sscanf(string(lines[i]), "%d %d %d %d", &p.complete, &p.total, &channels, &refused); n == 4 && err == nil {
			if refused != 0 {
				err = fmt.Errorf("%d messages of the tracker were not as they should be", refused)
			}
			return p, channels, err
		}
	}
	return p, 0, errNoTorrent
}

const (
	crowdPeers = 25 // on each of two hosts
	crowdSize  = 1_000_000
)

// TestCrowd has fifty peers in one swarm at once, one of which has the data.
// They are on two hosts, and one speaks to Shoal by TLS. All of them get it, each
// from whoever has it by then.
func TestCrowd(t *testing.T) {
	t.Parallel()
	transfersRun.Add(1)
	net := newNetwork(t)
	hosts := []*host{net.host(t, "plain"), net.host(t, "secure")}
	tracker := net.host(t, "shoal")
	issuer := newAuthority(t, "Authority")
	dir := t.TempDir()
	issuer.issue(t, tracker.v4, tracker.v6).write(t, dir)
	s := startShoalWith(t, tracker, quickly, tlsKey(dir))
	data := make([]byte, crowdSize)
	rand.Read(data)
	want := sha256.Sum256(data)

	// start fills both hosts with peers.
	type place struct {
		crowd   webpeerClient
		dir     string
		seeders int
	}
	start := func(infoHash [20]byte) []place {
		var places []place
		for i, by := range []transport{ws4, wss4} {
			j := job{announce: s.announceURL(by), infoHash: infoHash, dir: dataDir(t), trusted: issuer.file(t)}
			seeders := 0
			if i == 0 {
				seeders = 1
				put(t, filepath.Join(j.dir, payloadName), data)
			}
			places = append(places, place{startWebpeers(t, hosts[i], j, crowdSize, crowdPeers, seeders), j.dir, seeders})
		}
		return places
	}
	var infoHash [20]byte
	rand.Read(infoHash[:])
	began := time.Now()
	places := start(infoHash)
	for _, p := range places {
		await(t, 3*time.Minute, func() error {
			held, channels, err := p.crowd.report()
			if err == nil && (held.complete != held.total || held.total != crowdPeers*crowdSize) {
				counts, _ := scrapeWeb(tracker, s.listener(ws4), infoHash)
				err = fmt.Errorf("%d of %d bytes after %d channels; Shoal counts %+v", held.complete, held.total, channels, counts)
			}
			return err
		}, s.proc, p.crowd.proc)
	}
	took := time.Since(began)
	awaitCounts := func(what string, want swarmCounts) {
		t.Helper()
		await(t, time.Minute, func() error {
			counts, err := scrapeWeb(tracker, s.listener(ws4), infoHash)
			if err == nil && counts != want {
				err = fmt.Errorf("%s: Shoal counts %+v, want %+v", what, counts, want)
			}
			return err
		}, s.proc)
	}
	awaitCounts("when all have everything", swarmCounts{complete: 2 * crowdPeers, downloaded: 2*crowdPeers - 1})
	channels, checked := 0, 0
	for _, p := range places {
		_, n, err := p.crowd.report()
		if err != nil {
			t.Error(err)
		}
		channels += n
		p.crowd.proc.stop()
		for i := p.seeders; i < crowdPeers; i++ {
			got, err := os.ReadFile(filepath.Join(p.dir, fmt.Sprintf("peer-%d.bin", i)))
			if err != nil {
				t.Error(err)
			} else if sha256.Sum256(got) != want {
				t.Errorf("peer %d has other data, %d bytes of it", i, len(got))
			}
			checked++
		}
	}
	// They did not say goodbye: their sockets are closed, and that is enough.
	await(t, time.Minute, func() error {
		counts, err := scrapeWeb(tracker, s.listener(ws4), infoHash)
		if err == nil && (counts.complete != 0 || counts.incomplete != 0) {
			err = fmt.Errorf("when all are gone Shoal counts %+v", counts)
		}
		return err
	}, s.proc)

	s.stop(t)
	rand.Read(infoHash[:])
	places = start(infoHash)
	patience := min(max(15*time.Second, 2*took), time.Minute)
	for end := time.Now().Add(patience); time.Now().Before(end) && !t.Failed(); time.Sleep(500 * time.Millisecond) {
		for _, p := range places {
			held, n, err := p.crowd.report()
			if err == nil && (held.complete != int64(p.seeders*crowdSize) || n != 0) {
				t.Errorf("without Shoal %d bytes are held after %d channels", held.complete, n)
			}
		}
	}
	t.Logf("%d peers have %d bytes each, checked %d times, after %v and over %d channels; nothing in %v without Shoal",
		2*crowdPeers, crowdSize, checked, took.Round(100*time.Millisecond), channels, patience.Round(time.Second))
}
