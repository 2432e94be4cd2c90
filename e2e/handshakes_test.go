//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	handshakesPerSecond = 1000
	handshakeSeconds    = 6
	heldFor             = 200 * time.Millisecond // each byte, each way
	silentSockets       = 2000
	handshakePatience   = time.Minute
)

// TestHandshakesFromAfar opens a thousand new TLS connections a second for one
// announce each, from clients that are 200 ms away, beside sockets that never
// say a word. All are answered. It has no other test beside it.
func TestHandshakesFromAfar(t *testing.T) {
	w := newStorm(t)
	s := w.shoal
	silent := startSilent(t, silentSockets, w.dial)
	await(t, time.Minute, func() error {
		if open := silent.open.Load(); open < silentSockets {
			return fmt.Errorf("%d of %d silent sockets are open", open, silentSockets)
		}
		return nil
	}, s.proc)

	before := s.footprint(t)
	r := startRelay(t, heldFor, w.dial)
	c := crowd{config: w.shown(), to: r.socket.Addr().String()}
	c.run()
	t.Logf("%d handshakes begun in %v, %.0f a second; %d announces answered, the median after %v, 99 of 100 within %v, the last after %v; %d at once at most",
		c.begun, c.took.Round(time.Millisecond), float64(c.begun)/c.took.Seconds(), len(c.times),
		c.quantile(0.5), c.quantile(0.99), c.quantile(1), c.most)
	t.Logf("%d silent sockets are open beside them, %d were closed by Shoal and opened again",
		silent.open.Load(), silent.closed.Load())
	after := s.footprint(t)
	t.Logf("Shoal: %v before the handshakes, %v after them; they took it %v of a processor, %v each",
		before, after, after.processor-before.processor, (after.processor-before.processor)/time.Duration(c.begun))
	for _, err := range c.errs[:min(len(c.errs), 10)] {
		t.Error(err)
	}
	if len(c.times) != c.begun || len(c.errs) != 0 {
		t.Errorf("%d of %d were answered", len(c.times), c.begun)
	}
	silent.stop()
	s.stop(t)
}

// shown is a configuration for clients that know the one certificate that they
// are to be shown: they have half of the machine, and Shoal the other.
func (w *storm) shown() *tls.Config {
	return &tls.Config{
		ServerName:         trackerName,
		CurvePreferences:   []tls.CurveID{tls.X25519},
		InsecureSkipVerify: true, // of the chain; what follows is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			if got := s.PeerCertificates[0]; !bytes.Equal(got.Raw, w.pair.leaf) {
				return fmt.Errorf("another certificate is shown, of %v", got.Subject)
			}
			return nil
		},
	}
}

// silentSet keeps sockets open that send nothing.
type silentSet struct {
	open, closed atomic.Int64
	all          sync.WaitGroup
	mu           sync.Mutex
	conns        map[net.Conn]struct{}
	stopped      bool
}

func startSilent(t *testing.T, n int, dial func() (net.Conn, error)) *silentSet {
	s := &silentSet{conns: map[net.Conn]struct{}{}}
	for range n {
		s.all.Go(func() {
			for {
				conn, err := dial()
				if err != nil {
					t.Errorf("a silent socket: %v", err)
					return
				}
				if !s.keep(conn) {
					return
				}
				drain(conn)
				s.forget(conn)
			}
		})
	}
	t.Cleanup(s.stop)
	return s
}

func (s *silentSet) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		conn.Close()
		return false
	}
	s.conns[conn] = struct{}{}
	s.open.Add(1)
	return true
}

func (s *silentSet) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn.Close()
	delete(s.conns, conn)
	s.open.Add(-1)
	s.closed.Add(1)
}

func (s *silentSet) stop() {
	s.mu.Lock()
	s.stopped = true
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}

// crowd is many clients who come at a steady rate.
type crowd struct {
	config *tls.Config
	to     string

	begun int
	took  time.Duration // from the first beginning to the last

	mu        sync.Mutex
	times     []time.Duration // how long each answer took
	errs      []error
	now, most int
}

// run begins handshakes by the clock: if the machine is late, they come closer
// together, and never are fewer.
func (c *crowd) run() {
	const all = handshakesPerSecond * handshakeSeconds
	var clients sync.WaitGroup
	start := time.Now()
	for c.begun < all {
		due := min(all, 1+int(time.Since(start)*handshakesPerSecond/time.Second))
		for ; c.begun < due; c.begun++ {
			clients.Go(c.client)
		}
		time.Sleep(time.Millisecond)
	}
	c.took = time.Since(start)
	clients.Wait()
	slices.Sort(c.times)
}

func (c *crowd) client() {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	start := time.Now()
	err := c.announce()
	took := time.Since(start)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	if err != nil {
		c.errs = append(c.errs, err)
		return
	}
	c.times = append(c.times, took)
}

func (c *crowd) announce() error {
	ctx, cancel := context.WithTimeout(context.Background(), handshakePatience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", c.to)
	if err != nil {
		return err
	}
	defer raw.Close()
	conn := tls.Client(raw, c.config)
	conn.SetDeadline(time.Now().Add(handshakePatience))
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("shaking hands: %w", err)
	}
	q := question{port: 6881, left: 1}
	rand.Read(q.infoHash[:])
	rand.Read(q.peerID[:])
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", q.target(), trackerName); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("waiting for the answer: %w", err)
	}
	defer res.Body.Close()
	dict, err := readHTTP(res)
	if err != nil {
		return err
	}
	got, err := readAnnounce(dict)
	if err == nil && got.incomplete != 1 {
		err = fmt.Errorf("a lone leecher is told %+v", got)
	}
	return err
}

func (c *crowd) quantile(q float64) time.Duration {
	if len(c.times) == 0 {
		return 0
	}
	return c.times[int(q*float64(len(c.times)-1))].Round(time.Millisecond)
}
