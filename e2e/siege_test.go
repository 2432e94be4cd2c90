//go:build linux

package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// siege is an attack over WebSockets that goes on. Each attacker does the same.
type siege struct {
	shoal    *shoal
	dial     func() (net.Conn, error)
	config   *tls.Config
	couple   *couple
	torrent  [20]byte // that all attackers share
	memberMu sync.Mutex
	members  map[[20]byte]int // leechers that should be counted
	meetings [2]meeting
	relayed  atomic.Int64 // offers and answers that attackers received
}

// meeting is where attackers wait for one another.
type meeting struct {
	missing  atomic.Int64
	gathered chan struct{} // closed when nobody is missing
}

// attacker is one of them.
type attacker struct {
	*siege
	number int
	opened []*socket
	joined map[*socket][][20]byte
}

// siegePatience bounds what an attack waits for.
const siegePatience = 2 * time.Minute

// open connects, every second attacker by TLS.
func (a *attacker) open() (*socket, error) {
	conn, err := a.dial()
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(siegePatience))
	if a.number%2 == 1 {
		conn = tls.Client(conn, a.config)
	}
	s, err := upgrade(conn, fmt.Sprintf("/any/path/%d?x=y", a.number), "")
	if err != nil {
		conn.Close()
		return nil, err
	}
	a.opened = append(a.opened, s)
	return s, nil
}

// join announces a torrent for the first time over this socket.
func (a *attacker) join(s *socket, infoHash, peerID [20]byte, offers ...webOffer) (webMessage, error) {
	a.count(s, infoHash)
	return s.announce(leecherOf(infoHash, peerID, offers...))
}

// count notes that Shoal should count the socket from now on.
func (a *attacker) count(s *socket, infoHash [20]byte) {
	a.memberMu.Lock()
	defer a.memberMu.Unlock()
	a.members[infoHash]++
	a.joined[s] = append(a.joined[s], infoHash)
}

// leave notes that it should not any more.
func (a *attacker) leave(s *socket) {
	a.memberMu.Lock()
	defer a.memberMu.Unlock()
	for _, infoHash := range a.joined[s] {
		a.members[infoHash]--
	}
	delete(a.joined, s)
}

// expelled waits until Shoal closes the socket with this code, after so many
// failures and nothing else.
func (a *attacker) expelled(s *socket, code uint16, failures int) error {
	before, err := s.expelled(code)
	a.leave(s)
	if err != nil {
		return err
	}
	refused := 0
	for _, m := range before {
		if m.Failure != "" {
			refused++
		} else if !m.isRelayed() {
			return fmt.Errorf("before it closed Shoal said %+v", m)
		}
	}
	if refused != failures {
		return fmt.Errorf("before it closed Shoal refused %d times, want %d", refused, failures)
	}
	return nil
}

// meet waits until every attacker has come so far. Who gives up before leaves
// the others waiting, which is a failure anyway.
func (a *attacker) meet(number int) error {
	m := &a.meetings[number]
	if m.missing.Add(-1) == 0 {
		close(m.gathered)
	}
	select {
	case <-m.gathered:
		return nil
	case <-time.After(siegePatience / 2):
		return fmt.Errorf("%d others are not there", m.missing.Load())
	}
}

// check compares the counts of all torrents with what they should be.
func (g *siege) check() error {
	g.memberMu.Lock()
	var infoHashes [][20]byte
	var want []swarmCounts
	for infoHash, n := range g.members {
		infoHashes = append(infoHashes, infoHash)
		want = append(want, swarmCounts{incomplete: int64(n)})
	}
	g.memberMu.Unlock()
	infoHashes = append(infoHashes, g.couple.infoHash)
	want = append(want, swarmCounts{incomplete: 2})
	s, err := openSocket(g.shoal.host, g.shoal.listener(ws4), nil)
	if err != nil {
		return err
	}
	defer s.conn.Close()
	s.conn.SetDeadline(time.Now().Add(time.Minute))
	got, err := s.scrape(infoHashes...)
	if err != nil {
		return err
	}
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("torrent %s: Shoal counts %+v, want %+v", infoHashText(infoHashes[i]), got[i], want[i])
		}
	}
	return nil
}

// run has n attackers at work, and returns what Shoal held when all had done
// what they do. Their sockets are closed in the end.
func (g *siege) run(t *testing.T, n int, do func(a *attacker) error) (during footprint) {
	t.Helper()
	release := make(chan struct{})
	var all sync.WaitGroup
	var done atomic.Int64
	var mu sync.Mutex
	var errs []error
	for i := range g.meetings {
		g.meetings[i].missing.Store(int64(n))
		g.meetings[i].gathered = make(chan struct{})
	}
	for i := range n {
		all.Go(func() {
			a := &attacker{siege: g, number: i, joined: map[*socket][][20]byte{}}
			if err := do(a); err != nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("attacker %d: %w", i, err))
				mu.Unlock()
			}
			done.Add(1)
			<-release
			for _, s := range a.opened {
				g.relayed.Add(int64(len(s.relayed)))
				a.leave(s)
				s.conn.Close()
			}
		})
	}
	await(t, siegePatience, func() error {
		if got := done.Load(); got < int64(n) {
			return fmt.Errorf("%d of %d have done what they do", got, n)
		}
		return nil
	}, g.shoal.proc)
	during = g.shoal.footprint(t)
	g.couple.more(t, g.shoal, 20)
	await(t, 30*time.Second, g.check, g.shoal.proc)
	close(release)
	all.Wait()
	for _, err := range errs[:min(5, len(errs))] {
		t.Error(err)
	}
	if len(errs) > 5 {
		t.Errorf("%d attackers in all were surprised", len(errs))
	}
	return during
}

// sweepsOften has the store sweep each swarm within 20 s, which is when the
// memory of torrents that are gone goes back.
const sweepsOften = `
[tracker]
interval = "10s"
min_interval = "10s"
peer_timeout = "100s"
[webtorrent]
interval = "10s"
`

// TestWebHostile attacks over WebSockets, one attack after the other upon the
// same Shoal, with no other test beside it. A couple makes offers and answers
// them all the while. After each, Shoal is what it was before the first, and
// counts who is left.
func TestWebHostile(t *testing.T) {
	w := newStormWith(t, sweepsOften, tellsHeap)
	w.shoal.host.set(t, "net/ipv4/tcp_wmem", "4096 16384 262144") // or the kernel takes megabytes for each slow reader
	before := warmUp(t, w)
	for _, x := range webAssaults {
		t.Run(x.name, func(t *testing.T) { x.run(t, w, before) })
	}
	w.shoal.stop(t)
}

// mostKept is more than Shoal keeps for good of what a flood has once made it
// take: up to 256 KiB of buffers of each size for each event loop, and the first
// 64 KiB of each of the 256 parts of its store.
const mostKept = 24 << 20

// warmUp makes it take that, so that the attacks are measured from there on.
func warmUp(t *testing.T, w *storm) footprint {
	t.Helper()
	g := newSiege(t, w)
	g.couple.more(t, w.shoal, 300)
	fresh := w.shoal.footprint(t)
	for _, x := range webAssaults {
		if x.warms {
			g.run(t, x.n, x.do)
			clear(g.members)
		}
	}
	warm := g.settles(t, fresh, mostKept, mostKept)
	g.couple.end()
	t.Logf("fresh: %v\nwarm:  %v", fresh, warm)
	return warm
}

func newSiege(t *testing.T, w *storm) *siege {
	t.Helper()
	return &siege{
		shoal: w.shoal, dial: w.dial, config: w.shown(),
		couple:  startCouple(t, w.shoal.host, w.to, w.issuer.client()),
		torrent: randomID(), members: map[[20]byte]int{},
	}
}

// settles waits until Shoal is what it was, but for so many bytes of RSS and of
// Go's heap.
func (g *siege) settles(t *testing.T, before footprint, rss, heap int64) (after footprint) {
	t.Helper()
	await(t, 30*time.Second, func() error {
		after = g.shoal.footprint(t)
		// The figures of the heap are whole MiB.
		if after.rss > before.rss+rss || after.heap > before.heap+heap+1<<20 || after.descriptors > before.descriptors {
			return fmt.Errorf("after: %v, before: %v", after, before)
		}
		return g.check()
	}, g.shoal.proc)
	return after
}

func (x webAssault) run(t *testing.T, w *storm, before footprint) {
	g := newSiege(t, w)
	g.couple.more(t, w.shoal, 300)
	calm := g.couple.String()
	during := g.run(t, x.n, x.do)
	if x.relayed > 0 && g.relayed.Load() > x.relayed {
		t.Errorf("%d offers were relayed, want %d at most", g.relayed.Load(), x.relayed)
	}
	ended := time.Now()
	if x.most > 0 && during.rss > before.rss+int64(x.n)*x.most+4<<20 {
		t.Errorf("during it: %v, before: %v: more than %d KiB for each attacker", during, before, x.most>>10)
	}
	after := g.settles(t, before, before.rss/10, before.heap/10)
	back := time.Since(ended)
	besieged := g.couple.String()
	g.couple.more(t, w.shoal, 20)
	g.couple.end()
	t.Logf("%d attackers, who received %d offers and answers\nbefore: %v; %s\nduring: %v\nafter:  %v, %v later; %s",
		x.n, g.relayed.Load(), before, calm, during, after, back.Round(100*time.Millisecond), besieged)
}
