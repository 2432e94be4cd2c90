//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// httpsTransfers are by HTTPS alone, with a certificate that only the clients
// trust that are told to.
var httpsTransfers = []transfer{
	{qbittorrent, https4, aria2, https4},
	{aria2, https4, qbittorrent, https4},
	{qbittorrent, https6, aria2, https6},
	{aria2, https6, qbittorrent, https6},
}

func TestHTTPS(t *testing.T) {
	for _, x := range httpsTransfers {
		t.Run(x.String(), func(t *testing.T) {
			t.Parallel()
			transfersRun.Add(1)
			x.runTLS(t)
		})
	}
}

// runTLS moves the file; then tries with nothing changed but that the leecher
// trusts another authority, and then with nothing but that Shoal is stopped.
func (x transfer) runTLS(t *testing.T) {
	net := newNetwork(t)
	right, wrong := newAuthority(t, "Right"), newAuthority(t, "Wrong")
	s := &scene{
		transfer:      x,
		payload:       newPayload(),
		seeding:       net.host(t, "seeder"),
		leeching:      net.host(t, "leecher"),
		seederTrusts:  right.file(t),
		leecherTrusts: right.file(t),
	}
	tracker := net.host(t, "shoal")
	dir := t.TempDir()
	right.issue(t, tracker.v4, tracker.v6).write(t, dir)
	s.shoal = startShoalWith(t, tracker, quickly, tlsKey(dir))
	took := s.moves(t)
	if t.Failed() {
		return
	}
	patience := min(max(15*time.Second, 2*took), time.Minute)

	untrusting := *s
	untrusting.payload = newPayload()
	untrusting.leecherTrusts = wrong.file(t)
	untrusting.isRefused(t, patience)
	if t.Failed() {
		return
	}

	s.shoal.stop(t)
	s.staysPut(t, patience)
	t.Logf("took %v with Shoal; nothing in %v with the wrong authority, nor without Shoal",
		took.Round(100*time.Millisecond), patience.Round(100*time.Millisecond))
}

// isRefused fails if the leecher, who does not trust the certificate, learns
// anything, or does not say why.
func (s *scene) isRefused(t *testing.T, patience time.Duration) {
	t.Helper()
	from := s.startSeeder(t)
	s.awaitSwarm(t, "the seeder's announce", swarmCounts{complete: 1}, from)
	to, _ := s.startLeecher(t)
	await(t, time.Minute, func() error { return s.distrust(to) }, from.process(), to.process())
	s.nothingMoves(t, "with the wrong authority", from, to, patience)
	s.awaitSwarm(t, "the seeder alone", swarmCounts{complete: 1}, from, to)
	to.process().stop()
	from.process().stop()
}

// The last is what the JavaScript client says, whatever the reason.
var distrustWords = regexp.MustCompile(`(?i)certificate|not signed by known authorities|handshake fail|error connecting to wss:`)

// distrust returns nil once the client has tried and says that it takes
// exception to the certificate. qBittorrent hides the reason behind that of the
// addresses it could not ask from, so it is enough that it gives up: nothing
// else differs from when it did not.
func (s *scene) distrust(c client) error {
	q, ok := c.(*qbittorrentClient)
	if !ok {
		output, err := os.ReadFile(c.process().log)
		if err == nil && !distrustWords.Match(output) {
			err = fmt.Errorf("%s says nothing of a certificate", c.process().name)
		}
		return err
	}
	var trackers []struct {
		URL, Msg string
		Status   int
	}
	url := fmt.Sprintf("%storrents/trackers?hash=%x", qbittorrentURL, s.payload.infoHash)
	if err := call(q.http, http.MethodGet, url, nil, nil, &trackers); err != nil {
		return err
	}
	const failed = 4 // "has been contacted, but it is not working"
	for _, tracker := range trackers {
		if strings.HasPrefix(tracker.URL, "https://") && tracker.Status == failed {
			return nil
		}
	}
	return fmt.Errorf("qBittorrent does not say that its tracker fails: %+v", trackers)
}
