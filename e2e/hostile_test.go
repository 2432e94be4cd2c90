//go:build linux

package e2e

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// assault is what each of very many connections does to a Shoal of its own. In
// internal/app there are many more, of fewer connections.
type assault struct {
	name string
	n    int
	do   func(w *storm, c net.Conn)

	// The connections stay until Shoal closes them; the others until the test
	// does.
	expelled bool

	// Shoal has a goroutine for each.
	goroutines bool
}

var assaults = []assault{
	{name: "silent sockets", n: 10_000, do: func(*storm, net.Conn) {}},
	{name: "slow heads", n: 2000, expelled: true, do: func(_ *storm, c net.Conn) {
		trickle(c, bytes.Repeat([]byte("GET /announce?info_hash=%aa"), 100))
	}},
	{name: "slow ClientHellos", n: 2000, expelled: true, do: func(_ *storm, c net.Conn) {
		trickle(c, append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 500)...))
	}},
	{name: "slow handshakes", n: 2000, expelled: true, goroutines: true, do: func(w *storm, c net.Conn) {
		tls.Client(&slowConn{Conn: c}, w.issuer.client()).Handshake()
	}},
	{name: "pipelining floods", n: 300, expelled: true, do: func(_ *storm, c net.Conn) {
		q := question{port: 6882, left: 1}
		many := bytes.Repeat(fmt.Appendf(nil, "GET %s HTTP/1.1\r\n\r\n", q.target()), 50)
		for {
			if _, err := c.Write(many); err != nil {
				return
			}
		}
	}},
	{name: "idle TLS", n: 2000, do: func(w *storm, c net.Conn) {
		tls.Client(c, w.issuer.client()).Handshake()
	}},
	{name: "resets in handshakes", n: 3000, do: func(w *storm, c net.Conn) {
		tls.Client(&slowConn{Conn: c, most: 1}, w.issuer.client()).Handshake()
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}},
}

// trickle sends a byte now and then, until the other side has had enough.
func trickle(c net.Conn, b []byte) {
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil {
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// slowConn sends the ClientHello, and the rest byte by byte, or not at all
// after so many writes.
type slowConn struct {
	net.Conn
	writes, most int
}

func (s *slowConn) Write(b []byte) (int, error) {
	s.writes++
	switch {
	case s.writes == 1:
		return s.Conn.Write(b)
	case s.most > 0:
		return 0, net.ErrClosed
	}
	trickle(s.Conn, b)
	return len(b), nil
}

// TestHostile makes very many connections that mean ill. Another client is
// answered all the while, and Shoal is then what it was before: nobody tells it
// to collect its garbage here. One follows the other, and no other test is
// beside them: each takes the whole machine.
func TestHostile(t *testing.T) {
	for _, a := range assaults {
		t.Run(a.name, a.run)
	}
}

func (a assault) run(t *testing.T) {
	w := newStorm(t)
	good := startHonest(t, w)
	good.more(t, w.shoal, 600) // for what the first ones make
	first := w.shoal.footprint(t)
	if a.goroutines {
		// Go's runtime never frees what it made for so many goroutines at once:
		// the more of them the fewer cores there were to end them. That is
		// measured by itself, and must not grow.
		a.attack(t, w, good)
		w.shoal.calm(t, first, int64(a.n)*6<<10)
	}
	before := w.shoal.footprint(t)
	during := a.attack(t, w, good)
	ended := time.Now()
	after := w.shoal.calm(t, before, before.rss/10)
	back := time.Since(ended)
	good.end()
	t.Logf("%d connections; %d announces of another client answered, the slowest after %v\nfirst:  %v\nbefore: %v\nduring: %v\nafter:  %v, %v later",
		a.n, good.count(), good.slowest.Round(time.Millisecond), first, before, during, after, back.Round(100*time.Millisecond))
	w.shoal.stop(t)
}

// calm waits until Shoal holds no more than before and so many bytes more, and
// no more than two descriptors.
func (s *shoal) calm(t *testing.T, before footprint, bytes int64) (after footprint) {
	t.Helper()
	await(t, 30*time.Second, func() error {
		after = s.footprint(t)
		if after.rss > before.rss+bytes || after.descriptors > before.descriptors+2 {
			return fmt.Errorf("after: %v, before: %v", after, before)
		}
		return nil
	}, s.proc)
	return after
}

// attack makes all the connections, and returns what Shoal held meanwhile.
func (a assault) attack(t *testing.T, w *storm, good *honest) (during footprint) {
	t.Helper()
	release := make(chan struct{})
	var all sync.WaitGroup
	var begun, left, closed atomic.Int64
	for range a.n {
		all.Go(func() {
			c, err := w.dial()
			begun.Add(1)
			if errors.Is(err, errTestEnded) {
				return // and has failed already
			}
			if err != nil {
				t.Errorf("connecting: %v", err)
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(2 * time.Minute))
			a.do(w, c)
			left.Add(1)
			if !a.expelled {
				<-release
				return
			}
			drain(c)
			closed.Add(1)
		})
	}
	if a.expelled {
		await(t, time.Minute, func() error {
			if n := begun.Load(); n < int64(a.n) {
				return fmt.Errorf("%d of %d are connected", n, a.n)
			}
			return nil
		}, w.shoal.proc)
	} else {
		await(t, time.Minute, func() error {
			if n := left.Load(); n < int64(a.n) {
				return fmt.Errorf("%d of %d have done what they do", n, a.n)
			}
			return nil
		}, w.shoal.proc)
	}
	during = w.shoal.footprint(t)
	good.more(t, w.shoal, 20)
	if a.expelled {
		await(t, time.Minute, func() error {
			if n := closed.Load(); n < int64(a.n) {
				return fmt.Errorf("Shoal has closed %d of %d", n, a.n)
			}
			return nil
		}, w.shoal.proc)
	}
	close(release)
	all.Wait()
	return during
}
