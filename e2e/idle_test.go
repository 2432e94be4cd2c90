//go:build linux

package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	idleSockets  = 2000 // by ws, and as many by wss
	idleTorrents = 100
	idlePatience = 3 * time.Minute

	// What an idle one may cost, in bytes of RSS: a little more than it does,
	// since there are few of them, and less than with a buffer that is kept.
	mostIdle       = 2 << 10
	mostIdleSecure = 8 << 10
)

// idlers are sockets that say something once, or never, and then only answer
// pings, or not even that.
type idlers struct {
	torrents    [idleTorrents][20]byte
	all         sync.WaitGroup
	mu          sync.Mutex
	sockets     []*socket
	pinged      atomic.Int64 // those that have had a ping
	turnedOut   atomic.Int64 // those that Shoal has closed
	otherwise   atomic.Int64 // those that ended in another way
	beingClosed atomic.Bool  // by the test
}

// add opens n more.
func (d *idlers) add(w *storm, n int, config *tls.Config, announces, mute bool) error {
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- d.open(w, config, announces, mute, d.torrents[i%idleTorrents]) }()
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (d *idlers) open(w *storm, config *tls.Config, announces, mute bool, torrent [20]byte) error {
	conn, err := w.dial()
	if err != nil {
		return err
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	if config != nil {
		conn = tls.Client(conn, config)
	}
	s, err := upgrade(conn, "/", "")
	if err == nil && announces {
		_, err = s.announce(leecherOf(torrent, randomID()))
	}
	if err != nil {
		conn.Close()
		return err
	}
	conn.SetDeadline(time.Time{})
	s.mute = mute
	d.mu.Lock()
	d.sockets = append(d.sockets, s)
	d.mu.Unlock()
	d.all.Go(func() { d.listen(s) })
	return nil
}

// listen reads until the socket ends.
func (d *idlers) listen(s *socket) {
	first := true
	for {
		head, payload, err := s.frame()
		switch {
		case err != nil || head == final|opClose:
			if !d.beingClosed.Load() {
				if err == nil || errors.Is(err, io.EOF) {
					d.turnedOut.Add(1)
				} else {
					d.otherwise.Add(1)
				}
			}
			return
		case head == final|opPing:
			if first {
				d.pinged.Add(1)
				first = false
			}
			if !s.mute {
				s.conn.Write(appendFrame(nil, final|opPong, payload))
			}
		}
	}
}

// reset ends the connections of n of them without a word.
func (d *idlers) reset(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.beingClosed.Store(true)
	for _, s := range d.sockets[:n] {
		raw(s).SetLinger(0)
		raw(s).Close()
	}
	d.sockets = d.sockets[n:]
}

// counted compares what Shoal counts of all torrents together.
func (d *idlers) counted(s *shoal, want int64) error {
	asking, err := openSocket(s.host, s.listener(ws4), nil)
	if err != nil {
		return err
	}
	defer asking.conn.Close()
	counts, err := asking.scrape(d.torrents[:]...)
	if err != nil {
		return err
	}
	var sum int64
	for _, c := range counts {
		sum += c.incomplete
	}
	if sum != want {
		return fmt.Errorf("Shoal counts %d leechers, want %d", sum, want)
	}
	return nil
}

// areGone waits until Shoal holds so many bytes more than before, and counts
// nobody.
func (d *idlers) areGone(t *testing.T, s *shoal, before footprint, bytes int64) (after footprint) {
	t.Helper()
	await(t, 30*time.Second, func() error {
		after = s.footprint(t)
		if after.rss > before.rss+bytes || after.descriptors > before.descriptors {
			return fmt.Errorf("all are gone: %v, before: %v", after, before)
		}
		return d.counted(s, 0)
	}, s.proc)
	return after
}

// TestIdleWebSockets keeps thousands of sockets open that do nothing, while a
// couple makes offers and answers them. Those that answer pings stay; those that
// do not are turned out, as are those that never say a word.
func TestIdleWebSockets(t *testing.T) {
	t.Parallel()
	w := newStormWith(t, "", tellsHeap)
	s := w.shoal
	c := startCouple(t, s.host, w.to, w.issuer.client())
	c.more(t, s, 300)
	d := &idlers{}
	for i := range d.torrents {
		d.torrents[i] = randomID()
	}
	t.Cleanup(func() {
		d.reset(len(d.sockets))
		d.all.Wait()
	})
	none := s.footprint(t)
	t.Logf("none:           %v; %s", none, c)

	// grow adds sockets, and waits until they cost no more than they may.
	grow := func(what string, config *tls.Config, before footprint, most int64) footprint {
		if err := d.add(w, idleSockets, config, true, false); err != nil {
			t.Fatal(err)
		}
		var now footprint
		var each int64
		await(t, 30*time.Second, func() error {
			now = s.footprint(t)
			each = (now.rss - before.rss) / idleSockets
			if each > most || now.descriptors != before.descriptors+idleSockets {
				return fmt.Errorf("%d more by %s: %v, before: %v: %d bytes each, %d at most", idleSockets, what, now, before, each, most)
			}
			return nil
		}, s.proc)
		c.more(t, s, 200)
		t.Logf("%d more by %-4s %v, %d bytes each; %s", idleSockets, what+":", now, each, c)
		return now
	}
	plain := grow("ws", nil, none, mostIdle)
	secure := grow("wss", w.shown(), plain, mostIdleSecure)
	if err := d.counted(s, 2*idleSockets); err != nil {
		t.Error(err)
	}

	const few = 50
	if err := d.add(w, few, nil, true, true); err != nil { // mute
		t.Fatal(err)
	}
	if err := d.add(w, few, nil, false, false); err != nil { // silent
		t.Fatal(err)
	}
	began := time.Now()
	await(t, idlePatience, func() error {
		if pinged, out, other := d.pinged.Load(), d.turnedOut.Load(), d.otherwise.Load(); pinged < 2*idleSockets+few || out < 2*few || other != 0 {
			return fmt.Errorf("%d were pinged, %d turned out, %d ended otherwise", pinged, out, other)
		}
		return nil
	}, s.proc)
	if out := d.turnedOut.Load(); out != 2*few {
		t.Errorf("%d were turned out, want the %d that are mute or silent", out, 2*few)
	}
	c.more(t, s, 20)
	t.Logf("after %v: %d were pinged, %d turned out; %v; %s",
		time.Since(began).Round(time.Second), d.pinged.Load(), d.turnedOut.Load(), s.footprint(t), c)
	if err := d.counted(s, 2*idleSockets); err != nil {
		t.Error(err)
	}
	if now := s.footprint(t); now.descriptors != secure.descriptors {
		t.Errorf("now: %v, before those that were turned out: %v", now, secure)
	}

	d.reset(idleSockets)
	await(t, 30*time.Second, func() error { return d.counted(s, idleSockets) }, s.proc)
	d.reset(idleSockets)
	gone := d.areGone(t, s, none, none.rss/2)
	c.more(t, s, 20)
	t.Logf("all are gone:   %v; %s", gone, c)

	// What is kept for good is not kept again.
	if err := d.add(w, idleSockets, w.shown(), true, false); err != nil {
		t.Fatal(err)
	}
	d.reset(len(d.sockets))
	again := d.areGone(t, s, gone, gone.rss/10)
	t.Logf("gone again:     %v; %s", again, c)
	c.end()
	s.stop(t)
}
