//go:build linux

package app

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Attackers come from these networks, so that the bound on the handshakes of
// one /24 does not protect the tracker, nor hits its other clients.
const attackerNetworks = 8

func attacker(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 8, byte(i % attackerNetworks), byte(1 + i/attackerNetworks%250)})
}

// proxied is an address that PROXY headers are believed from.
func proxied(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 7, byte(i % attackerNetworks), byte(1 + i/attackerNetworks%250)})
}

var honest = netip.AddrFrom4([4]byte{127, 9, 0, 1})

// attack is what each of many connections does. The connection stays as it is
// left until all are released: what an attack takes is there meanwhile.
type attack struct {
	name string
	n    int                             // connections
	from func(i int) netip.Addr          // nil: attacker
	do   func(v *victim, c *enemy) error // an error is one of the test, not of the connection

	expelled bool // the tracker closes these by itself and soon, not because of a timeout
	warms    bool // it leaves memory in pools
}

// enemy is one connection of an attack.
type enemy struct {
	*net.TCPConn
	i        int
	released <-chan struct{}
}

// send ignores errors: the tracker may have had enough.
func (e *enemy) send(b []byte) bool {
	_, err := e.Write(b)
	return err == nil
}

// trickle sends b byte by byte, as long as it may.
func (e *enemy) trickle(b []byte) {
	for _, octet := range b {
		select {
		case <-e.released:
			return
		case <-time.After(20 * time.Millisecond):
		}
		if !e.send([]byte{octet}) {
			return
		}
	}
}

// reset closes so that the tracker gets an RST.
func (e *enemy) reset() {
	e.SetLinger(0)
	e.Close()
}

// victim is a tracker under attack.
type victim struct {
	app    *App
	addr   netip.AddrPort
	client *tls.Config // trusts its certificate
	hello  []byte      // a whole ClientHello, in one record
	log    *lockedBuffer
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{log: new(lockedBuffer)}
	cfg := testConfig(t, "portable") // whose UDP workers are few
	cfg.UDP[0].Workers = 1
	cfg.HTTP[0].Listen = cfg.HTTP[0].Listen[:1]
	cfg.HTTP[0].TLS.Cert, cfg.HTTP[0].TLS.Key, v.client = selfSigned(t)
	cfg.HTTP[0].TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.7.0.0/16")}
	var err error
	if v.app, err = New(cfg, slog.New(slog.NewTextHandler(v.log, nil))); err != nil {
		t.Fatal(err)
	}
	run(t, v.app)
	v.addr = v.app.HTTPAddrs()[0]
	if !raceDetector {
		v.fill(t)
	}
	v.hello = clientHello(v.client)
	return v
}

// fill stores the peers of a tracker of ordinary size: a part of the memory of
// one that is empty is within the noise of the runtime.
func (v *victim) fill(t *testing.T) {
	t.Helper()
	for i := range 1_000_000 {
		req := leecher(0, uint16(1+i%60_000))
		req.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), req.Addr.Port())
		binary.BigEndian.PutUint32(req.InfoHash[:], 1000+uint32(i)/20)
		if f := v.app.tracker.Announce(req, &shoal.AnnounceResponse{}); f != shoal.OK {
			t.Fatal(f)
		}
	}
}

func (v *victim) dial(from netip.Addr) (*net.TCPConn, error) {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 20 * time.Second}
	c, err := dialer.Dial("tcp", v.addr.String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// holdings is what the process holds: tracker and test together.
type holdings struct {
	goroutines, descriptors int
	heap, rss               int64
}

func (h holdings) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, heap %.2f MiB, RSS %.2f MiB",
		h.goroutines, h.descriptors, float64(h.heap)/(1<<20), float64(h.rss)/(1<<20))
}

// backTo reports whether nothing is left of an attack.
func (h holdings) backTo(before holdings) bool {
	if h.goroutines > before.goroutines || h.descriptors > before.descriptors {
		return false
	}
	return raceDetector || h.heap <= before.heap+before.heap/10 && h.rss <= before.rss+before.rss/10
}

// holdingsNow collects garbage first, where memory counts.
func holdingsNow(t *testing.T) holdings {
	t.Helper()
	if !raceDetector {
		runtime.GC() // twice: what sync.Pool holds outlives one
		debug.FreeOSMemory()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	h := holdings{goroutines: runtime.NumGoroutine(), descriptors: len(files), heap: int64(m.HeapAlloc)}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			h.rss = kB << 10
		}
	}
	return h
}

// settled is what is held when nothing moves any more.
func settled(t *testing.T) holdings {
	t.Helper()
	last := holdingsNow(t)
	for same := 0; same < 3; {
		time.Sleep(10 * time.Millisecond)
		now := holdingsNow(t)
		if now.goroutines == last.goroutines && now.descriptors == last.descriptors {
			same++
		} else {
			same = 0
		}
		last = now
	}
	return last
}

// TestHostile attacks one tracker in every way there is. While an attack goes
// on all announces of another client are answered, and after it the process
// holds what it held before.
func TestHostile(t *testing.T) {
	v := newVictim(t)
	// What is made for the first of many connections and kept within bounds
	// (the memory that loops lend, crypto/tls's, the runtime's) is no leak: those
	// that take the most of it come once before, with so many that it is full.
	for _, a := range attacks {
		if a.warms && !raceDetector {
			a.n = max(a.n, 600)
			v.withstand(t, a, holdings{})
		}
	}
	before := settled(t)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) { v.withstand(t, a, settled(t)) })
	}
	after := settled(t)
	t.Logf("all of them\nbefore: %v\nafter:  %v", before, after)
	if !t.Failed() && !after.backTo(before) {
		t.Error("many small losses add up")
	}
}

// withstand expects to be back at what was held before, unless that is zero.
func (v *victim) withstand(t *testing.T, a attack, before holdings) {
	t.Helper()
	released := make(chan struct{})
	var all, ready sync.WaitGroup
	for i := range a.n {
		ready.Add(1)
		all.Go(func() { v.send(t, a, i, &ready, released) })
	}
	good := v.newClient(t)
	for range 3 { // while it builds up
		good.announce(t)
	}
	ready.Wait()
	for range 10 {
		good.announce(t)
	}
	during := holdingsNow(t)
	close(released)
	good.announce(t)
	all.Wait()
	good.close()
	if before == (holdings{}) {
		return // it was to warm up
	}
	after := holdingsNow(t)
	for end := time.Now().Add(30 * time.Second); !after.backTo(before); after = holdingsNow(t) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Errorf("not back after 30 s\n%s", buf[:runtime.Stack(buf, true)])
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("%d connections; %d announces of others answered\nbefore: %v\nduring: %v\nafter:  %v", a.n, good.answered, before, during, after)
}

// send is the life of one hostile connection.
func (v *victim) send(t *testing.T, a attack, i int, ready *sync.WaitGroup, released <-chan struct{}) {
	once := sync.OnceFunc(ready.Done)
	defer once()
	from := attacker
	if a.from != nil {
		from = a.from
	}
	c, err := v.dial(from(i))
	if err != nil {
		t.Errorf("%s: %v", a.name, err)
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if a.trickles() {
		once() // it takes all the time there is
	}
	if err := a.do(v, &enemy{c, i, released}); err != nil {
		t.Errorf("%s: %v", a.name, err)
	}
	if a.expelled {
		if n, err := closedSoon(c); err != nil {
			t.Errorf("%s: not closed after %d bytes: %v", a.name, n, err)
		}
	}
	once()
	<-released
}

func (a attack) trickles() bool { return strings.HasPrefix(a.name, "slow") }

// closedSoon reads until the tracker has closed the connection, by FIN or RST.
func closedSoon(c *net.TCPConn) (read int, err error) {
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		read += n
		if wait, ok := err.(net.Error); ok && wait.Timeout() {
			return read, err
		}
		if err != nil {
			return read, nil
		}
	}
}
