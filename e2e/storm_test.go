//go:build linux

package e2e

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sourceNetworks are the /24s that connections come from: one of them alone
// may not have that many handshakes in flight.
const sourceNetworks = 32

// storm is a Shoal with TLS, and addresses from which very many connections
// are made to it.
type storm struct {
	shoal   *shoal
	to      netip.AddrPort
	issuer  *authority
	pair    pemPair
	dialers *dialers
	sources []netip.Addr
	next    atomic.Uint32
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	return newStormWith(t, "")
}

// newStormWith has more settings, and variables in Shoal's environment.
func newStormWith(t *testing.T, settings string, environment ...string) *storm {
	t.Helper()
	w := &storm{issuer: newAuthority(t, "Authority")}
	tracker := newNetwork(t).host(t, "shoal")
	for i := range sourceNetworks {
		addr := netip.AddrFrom4([4]byte{10, 78, byte(i), 1})
		ip(t, tracker.namespace, fmt.Sprintf("addr add %s/32 dev lo", addr))
		w.sources = append(w.sources, addr)
	}
	dir := t.TempDir()
	w.pair = w.issuer.issue(t, tracker.v4, tracker.v6)
	w.pair.write(t, dir)
	w.shoal = startShoalWith(t, tracker, settings, tlsKey(dir), environment...)
	w.to = w.shoal.listener(https4)
	w.dialers = startDialers(t, tracker, 8)
	return w
}

// dial connects from one of the sources after the other.
func (w *storm) dial() (net.Conn, error) {
	return w.dialers.dial(w.sources[w.next.Add(1)%sourceNetworks], w.to)
}

// honest is a client who announces all the time over new connections, plain
// and by TLS in turn, from the tracker's own address.
type honest struct {
	answered atomic.Int64
	slowest  time.Duration
	stop     chan struct{}
	once     sync.Once
	done     sync.WaitGroup
}

func startHonest(t *testing.T, w *storm) *honest {
	t.Helper()
	h := &honest{stop: make(chan struct{})}
	from := w.shoal.host
	secure := from.httpClient()
	secure.Transport = &http.Transport{
		DialContext: from.dial, DisableKeepAlives: true, TLSClientConfig: w.issuer.client(),
	}
	secure.Timeout = 30 * time.Second
	plain := from.httpClient()
	plain.Timeout = 30 * time.Second
	h.done.Go(func() {
		for {
			for scheme, c := range map[string]*http.Client{"http": plain, "https": secure} {
				q := question{port: 6881, left: 1}
				rand.Read(q.peerID[:])
				start := time.Now()
				dict, err := getURL(c, fmt.Sprintf("%s://%s%s", scheme, w.to, q.target()), nil)
				if err == nil {
					_, err = readAnnounce(dict)
				}
				if err != nil {
					t.Errorf("an honest client by %s, after %d announces: %v", scheme, h.count(), err)
					return
				}
				h.answered.Add(1)
				h.slowest = max(h.slowest, time.Since(start))
			}
			select {
			case <-h.stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	t.Cleanup(h.end)
	return h
}

func (h *honest) end() {
	h.once.Do(func() { close(h.stop) })
	h.done.Wait()
}

// more waits until n more announces are answered.
func (h *honest) more(t *testing.T, s *shoal, n int64) {
	t.Helper()
	start := h.count()
	await(t, time.Minute, func() error {
		if got := h.count() - start; got < n {
			return fmt.Errorf("the honest client has %d answers of %d", got, n)
		}
		return nil
	}, s.proc)
}

// count is how many answers it has.
func (h *honest) count() int64 { return h.answered.Load() }
