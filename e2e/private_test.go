//go:build linux

package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// privateTransfers are of users of a private tracker, who have their keys in the
// announce URLs. Over UDP it takes clients that tell the tracker their URL
// (BEP 41).
var privateTransfers = []transfer{
	{qbittorrent, udp4, gotorrent, udp4},
	{qbittorrent, udp4, qbittorrent, udp4},
	{qbittorrent, http4, qbittorrent, http4},
	{qbittorrent, udp6, qbittorrent, http6},
	{transmission, http4, aria2, http4},
	{webpeer, ws4, npmClient, ws4},
}

func TestPrivateTransfers(t *testing.T) {
	for _, x := range privateTransfers {
		t.Run(x.String(), func(t *testing.T) {
			t.Parallel()
			transfersRun.Add(1)
			x.runPrivate(t)
		})
	}
}

// runPrivate moves the file; then tries with nothing changed but the leecher's
// key, and then without it.
func (x transfer) runPrivate(t *testing.T) {
	if x.leecher.name == npmClient.name {
		if _, err := npmProgram(); err != nil { // not while it is timed
			t.Fatal(err)
		}
	}
	net := newNetwork(t)
	s := &scene{
		transfer: x,
		payload:  newPayload(),
		seeding:  net.host(t, "seeder"),
		leeching: net.host(t, "leecher"),
	}
	s.shoal = newShoal(t, net.host(t, "shoal"), quickly+"\n[access]\nprivate = true\n", "")
	keys := newKeys(3)
	s.seederKey, s.leecherKey = keys[0], keys[1]
	s.shoal.offline(t, "key", "add", s.seederKey, "--label", "seeder")
	s.shoal.offline(t, "key", "add", s.leecherKey, "--label", "leecher", "--seconds", "86400")
	s.shoal.start(t)
	took := s.moves(t)
	if t.Failed() {
		return
	}
	patience := min(max(15*time.Second, 2*took), time.Minute)
	for _, control := range []struct{ name, key, told string }{
		{"with an unknown key", keys[2], keyUnknown},
		{"without a key", "", keyMissing},
	} {
		stranger := *s
		stranger.payload = newPayload()
		stranger.leecherKey = control.key
		stranger.isTurnedAway(t, control.name, control.told, patience)
		if t.Failed() {
			return
		}
	}
	s.shoal.stop(t)
	s.shoal.keepsSecret(t, keys...)
	t.Logf("took %v with a key; nothing in %v each with an unknown one and without",
		took.Round(100*time.Millisecond), patience.Round(100*time.Millisecond))
}

// isTurnedAway fails if the leecher learns anything but why it is refused.
func (s *scene) isTurnedAway(t *testing.T, when, told string, patience time.Duration) {
	t.Helper()
	// Nothing but the key is in its way.
	for key, want := range map[string]string{s.leecherKey: told, s.seederKey: ""} {
		v, err := newVisitor(s.leeching, s.shoal.listener(s.leecherAsks), s.leecherAsks.scheme == "udp")
		if err != nil {
			t.Fatal(err)
		}
		err = v.announce(visit{infoHash: randomID(), peerID: randomID(), port: 6881, left: 1, key: key})
		if v.conn.Close(); reasonOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %q", when, err, want)
		}
	}
	from := s.startSeeder(t)
	s.awaitSwarm(t, "the seeder's announce", swarmCounts{complete: 1}, from)
	to, _ := s.startLeecher(t)
	await(t, 2*time.Minute, func() error { return s.told(to, told) }, from.process(), to.process())
	s.nothingMoves(t, when, from, to, patience)
	s.awaitSwarm(t, "the seeder alone", swarmCounts{complete: 1}, from, to)
	to.process().stop()
	from.process().stop()
}

// told returns nil once the client shows its user what it was told. Over UDP
// qBittorrent hides it behind what it could not do from other addresses: there
// it is enough that it gives up.
func (s *scene) told(c client, text string) error {
	q, ok := c.(*qbittorrentClient)
	if !ok {
		output, err := os.ReadFile(c.process().log)
		if err == nil && !strings.Contains(string(output), text) {
			err = fmt.Errorf("%s does not show %q", c.process().name, text)
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
	const failed = 4
	for _, tracker := range trackers {
		if strings.Contains(tracker.Msg, text) || tracker.Status == failed && strings.HasPrefix(tracker.URL, "udp:") {
			return nil
		}
	}
	return fmt.Errorf("qBittorrent does not show %q: %+v", text, trackers)
}

// tellingURL has which clients tell a UDP tracker the path of its URL (BEP 41),
// and so can use a private one, as Debian has them.
var tellingURL = []struct {
	client program
	tells  bool
}{
	{qbittorrent, true},
	{gotorrent, true},
	{transmission, false},
	{aria2, false},
}

// TestClientsTellURL has each client announce to a tracker that only listens.
func TestClientsTellURL(t *testing.T) {
	for _, row := range tellingURL {
		t.Run(row.client.name, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			r := startRecorder(t, net.host(t, "recorder"))
			key := newKeys(1)[0]
			p := newPayload()
			url := fmt.Sprintf("udp://%s/announce/%s", r.socket.LocalAddr(), key)
			c := row.client.start(t, net.host(t, "client"), job{torrent: p.torrent(url), udp: true, dir: dataDir(t)})
			await(t, 2*time.Minute, func() error {
				if len(r.heard()) == 0 {
					return errors.New("the client does not announce")
				}
				return nil
			}, c.process())
			got := r.heard()[0]
			t.Logf("| %s | announce of %d bytes | URL data %q |", row.client.name, got.size, got.url)
			if tells := got.url == "/announce/"+key; tells != row.tells {
				t.Errorf("it tells the path of its URL: %t, want %t", tells, row.tells)
			}
		})
	}
}

// recorder is a UDP tracker that knows nobody and writes down how it is asked.
type recorder struct {
	socket net.PacketConn
	all    sync.WaitGroup

	mu        sync.Mutex
	announces []recorded
}

// recorded is an announce: its size in bytes, and the URL data in its options.
type recorded struct {
	size int
	url  string
}

func startRecorder(t *testing.T, h *host) *recorder {
	t.Helper()
	r := &recorder{socket: h.receive(t, trackerPort)}
	r.all.Go(r.run)
	t.Cleanup(func() {
		r.socket.Close()
		r.all.Wait()
	})
	return r
}

func (r *recorder) heard() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.announces
}

func (r *recorder) run() {
	packet := make([]byte, 4096)
	for {
		n, from, err := r.socket.ReadFrom(packet)
		if err != nil {
			return
		}
		p := packet[:n]
		if n < 16 {
			continue
		}
		reply := append([]byte(nil), p[8:16]...) // action and transaction ID
		switch binary.BigEndian.Uint32(p[8:]) {
		case 0:
			reply = append(reply, "connects"...)
		case 1:
			if n < 98 {
				continue
			}
			r.mu.Lock()
			r.announces = append(r.announces, recorded{n, urlData(p[98:])})
			r.mu.Unlock()
			reply = binary.BigEndian.AppendUint32(reply, 1800)
			reply = append(reply, make([]byte, 8)...)
		default:
			continue
		}
		r.socket.WriteTo(reply, from)
	}
}

// urlData reads options of BEP 41.
func urlData(options []byte) (data string) {
	for len(options) > 0 {
		switch options[0] {
		case 0:
			return data
		case 1:
			options = options[1:]
		default:
			if len(options) < 2 || len(options) < 2+int(options[1]) {
				return data
			}
			end := 2 + int(options[1])
			if options[0] == 2 {
				data += string(options[2:end])
			}
			options = options[end:]
		}
	}
	return data
}
