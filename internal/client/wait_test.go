package client

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// A silent tracker is asked again at the times of BEP 15, on a clock that the
// test moves.
func TestUDPWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		began := time.Now()
		heard := make(chan []time.Duration, 1)
		go func() {
			var at []time.Duration
			for p := make([]byte, 256); ; {
				if _, err := theirs.Read(p); err != nil {
					heard <- at
					return
				}
				at = append(at, time.Since(began))
			}
		}()

		s := &udpSession{conn: ours, wait: firstWait, room: make([]byte, datagramSize)}
		if _, err := s.announce(t.Context(), request(), ""); err == nil {
			t.Error("an answer out of silence")
		}
		if lasted, want := time.Since(began), 511*15*time.Second; lasted != want {
			t.Errorf("gave up after %v, want %v", lasted, want)
		}
		ours.Close()
		want := []time.Duration{0, 15, 45, 105, 225, 465, 945, 1905, 3825}
		for i := range want {
			want[i] *= time.Second
		}
		if at := <-heard; !slices.Equal(at, want) {
			t.Errorf("asked at %v, want %v", at, want)
		}
	})
}

// upgrades answers the upgrade of RFC 6455, and has conn for what follows.
type upgrades struct{ conn net.Conn }

func (u upgrades) RoundTrip(r *http.Request) (*http.Response, error) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return &http.Response{
		StatusCode: http.StatusSwitchingProtocols,
		Header: http.Header{
			"Connection":           {"Upgrade"},
			"Upgrade":              {"websocket"},
			"Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])},
		},
		Body: u.conn,
	}, nil
}

// A tracker that does not answer the goodbye is waited for as long as it may
// take, and no longer than the context lasts.
func TestWSGoodbyeWaits(t *testing.T) {
	for _, test := range []struct{ lasts, want time.Duration }{
		{time.Hour, goodbye},
		{goodbye / 2, goodbye / 2},
		{0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			go io.Copy(io.Discard, theirs)
			ws, _, err := websocket.Dial(t.Context(), "ws://tracker.example", &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: upgrades{ours}},
			})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), test.lasts)
			defer cancel()
			s := &wsSession{ws: ws, conn: ours}
			s.leave(ctx)
			if waited := time.Since(began); waited != test.want {
				t.Errorf("in a context of %v: waited for %v, want %v", test.lasts, waited, test.want)
			}
			s.drop()
		})
	}
}
