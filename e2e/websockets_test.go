//go:build linux

package e2e

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestWebSocketsBeside has browsers and other clients in one torrent: each kind
// is told of its own, and counts its own. A message may come in pieces, however
// they are cut. When Shoal stops, it says so.
func TestWebSocketsBeside(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	asker, other := net.host(t, "asker"), net.host(t, "other")
	s := startShoal(t, net.host(t, "shoal"), "")
	torrent := randomID()

	q := question{infoHash: torrent, peerID: randomID(), port: 6881, left: 0}
	if _, err := announceHTTP(asker, s.listener(http4), q, ""); err != nil {
		t.Fatal(err)
	}
	var sockets []*socket
	for i, by := range []transport{ws4, ws6} {
		k, err := openSocket(asker, s.listener(by), nil)
		if err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, k)
		got, err := k.announce(leecherOf(torrent, randomID()))
		if err != nil {
			t.Fatal(err)
		}
		if *got.Complete != 0 || *got.Incomplete != int64(i+1) || *got.Interval < 100 || *got.Interval > 120 {
			t.Errorf("browser %d is told %d complete, %d incomplete, interval %d", i, *got.Complete, *got.Incomplete, *got.Interval)
		}
	}
	q.peerID, q.left, q.port = randomID(), 1, 6882
	got, err := announceHTTP(other, s.listener(http4), q, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.AddrPort{netip.AddrPortFrom(asker.v4, 6881)}
	if got.complete != 1 || got.incomplete != 1 || !slices.Equal(got.peers, want) {
		t.Errorf("a client of HTTP is told %+v, want one of each and the peer %v", got, want)
	}
	for name, scrape := range map[string]func(*host, netip.AddrPort, [20]byte) (swarmCounts, error){"http": scrapeHTTP, "udp": scrapeUDP} {
		if counts, err := scrape(asker, s.listener(http4), torrent); err != nil || counts != (swarmCounts{complete: 1, incomplete: 1}) {
			t.Errorf("by %s: %+v, %v, want one of each", name, counts, err)
		}
	}
	if counts, err := scrapeWeb(asker, s.listener(ws4), torrent); err != nil || counts != (swarmCounts{incomplete: 2}) {
		t.Errorf("by ws: %+v, %v, want two leechers", counts, err)
	}

	// Cut in the middle of everything, with pings between the pieces.
	k := sockets[0]
	m := leecherOf(torrent, [20]byte{0xe9, 0xff, '"', '\\', '\n', 0x80})
	text := marshal(m)
	var frames []byte
	for i := range text {
		head := byte(opContinuation)
		if i == 0 {
			head = opText
		}
		if i == len(text)-1 {
			head |= final
		}
		frames = appendFrame(frames, head, text[i:i+1])
		if i%10 == 0 {
			frames = appendFrame(frames, final|opPing, []byte{byte(i)})
		}
	}
	for _, b := range frames {
		if _, err := k.conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if reply, err := k.reply(); err != nil || reply.Failure != "" || *reply.Incomplete != 2 {
		t.Errorf("a message in %d pieces is answered with %+v, %v", len(text), reply, err)
	}

	s.stop(t)
	for _, k := range sockets {
		_, err := k.expelled(1001)
		if err != nil {
			t.Errorf("Shoal was stopped: %v", err)
		}
	}
}

// TestWebSocketsRefused asks for what is not a WebSocket that Shoal speaks.
func TestWebSocketsRefused(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	asker, tracker := net.host(t, "asker"), net.host(t, "shoal")
	without := netip.AddrPortFrom(tracker.v4, 7001)
	s := startShoalWith(t, tracker, "[webtorrent]\nallow_origins = [\"https://good.example\"]\n",
		"\n[[http]]\nlisten = \""+without.String()+"\"\nwebtorrent = false\n")
	for name, try := range map[string]struct {
		to     netip.AddrPort
		header string
		status int // 0: it is taken
	}{
		"good origin":       {s.listener(ws4), "Origin: https://good.example\r\n", 0},
		"in other letters":  {s.listener(ws6), "Origin: HTTPS://Good.Example\r\n", 0},
		"other origin":      {s.listener(ws4), "Origin: https://bad.example\r\n", http.StatusForbidden},
		"longer origin":     {s.listener(ws4), "Origin: https://good.example.org\r\n", http.StatusForbidden},
		"no origin":         {s.listener(ws4), "", http.StatusForbidden},
		"two origins":       {s.listener(ws4), "Origin: https://good.example\r\nOrigin: https://bad.example\r\n", http.StatusForbidden},
		"no webtorrent":     {without, "Origin: https://good.example\r\n", http.StatusNotFound},
		"two keys":          {s.listener(ws4), "Origin: https://good.example\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", http.StatusBadRequest},
		"two versions":      {s.listener(ws4), "Origin: https://good.example\r\nSec-WebSocket-Version: 12\r\n", http.StatusUpgradeRequired},
		"an unknown header": {s.listener(ws4), "Origin: https://good.example\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: x\r\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), wireTimeout)
			defer cancel()
			conn, err := asker.dial(ctx, "tcp", try.to.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(wireTimeout))
			_, err = upgrade(conn, "/nowhere", try.header)
			var status *statusError
			if errors.As(err, &status) {
				err = nil
				if status.status != try.status {
					t.Errorf("status %d (%s), want %d", status.status, status.text, try.status)
				}
			} else if try.status != 0 {
				t.Errorf("it is taken (%v), want status %d", err, try.status)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	s.stop(t)
}
