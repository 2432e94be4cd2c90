//go:build linux

package e2e

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// cable is the way from Shoal to its database. It passes connections on, and
// can be tampered with.
type cable struct {
	at     netip.AddrPort // where it begins
	socket net.Listener
	onward func() (net.Conn, error)
	all    sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	state   cableState
	ends    map[net.Conn]bool // all connections, at both ends
	stalled chan struct{}     // closed when a commit has gone through whose outcome is not told
	dials   int               // connections that were asked for while it was not whole
}

type cableState int

const (
	cableWhole cableState = iota
	// Whole until a commit has gone through; from then on answers do not come
	// back, of any connection.
	cableTrapped
	// Answers do not come back, as if a firewall had forgotten the connections.
	cableMute
	// Connections are reset, old ones and new ones.
	cableCut
	// For good.
	cableRemoved
)

// newCable leads to an address from a host of its own.
func newCable(t *testing.T, n *network, to netip.AddrPort) *cable {
	t.Helper()
	h := n.host(t, "cable")
	c := &cable{socket: h.listen(t, to.Port()), ends: map[net.Conn]bool{}}
	c.changed = sync.NewCond(&c.mu)
	c.at = netip.AddrPortFrom(h.v4, to.Port())
	c.onward = func() (net.Conn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), wireTimeout)
		defer cancel()
		return h.dial(ctx, "tcp", to.String())
	}
	c.all.Go(c.accept)
	t.Cleanup(func() {
		c.socket.Close()
		c.set(cableRemoved)
		c.all.Wait()
	})
	return c
}

// set changes the state, and returns how many connections were broken by that.
func (c *cable) set(state cableState) (broken int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
	if state == cableTrapped {
		c.stalled = make(chan struct{})
	}
	if state >= cableCut {
		for end := range c.ends {
			sever(end)
		}
		broken = len(c.ends) / 2
	}
	c.changed.Broadcast()
	return broken
}

// sever closes a connection so that its other end hears of it at once.
func sever(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

func (c *cable) accept() {
	for {
		near, err := c.socket.Accept()
		if err != nil {
			return
		}
		c.all.Go(func() { c.connect(near) })
	}
}

func (c *cable) connect(near net.Conn) {
	c.mu.Lock()
	if c.state != cableWhole {
		c.dials++
	}
	cut := c.state >= cableCut
	c.mu.Unlock()
	if cut {
		sever(near)
		return
	}
	far, err := c.onward()
	if err != nil {
		sever(near)
		return
	}
	c.mu.Lock()
	if c.state >= cableCut {
		c.mu.Unlock()
		sever(near)
		sever(far)
		return
	}
	c.ends[near], c.ends[far] = true, true
	c.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { c.pass(far, near, c.asked) })
	both.Go(func() { c.pass(near, far, c.answered) })
	both.Wait()
	c.mu.Lock()
	delete(c.ends, near)
	delete(c.ends, far)
	c.mu.Unlock()
}

// pass ends when either side closes, and closes both then.
func (c *cable) pass(to, from net.Conn, let func(b []byte) bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && let(b[:n]) {
			if _, err = to.Write(b[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	to.Close()
	from.Close()
}

// asked looks at what Shoal says. Both databases are told to commit in so many
// letters.
func (c *cable) asked(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == cableTrapped && bytes.Contains(bytes.ToLower(b), []byte("commit")) {
		c.state = cableMute
		close(c.stalled)
	}
	return true
}

// answered holds what the database says, until it may go on.
func (c *cable) answered([]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.state == cableMute {
		c.changed.Wait()
	}
	return c.state < cableCut
}

// awaitCommit waits until a commit has gone through whose outcome is not told.
func (c *cable) awaitCommit(t *testing.T, within time.Duration) {
	t.Helper()
	select {
	case <-c.stalled:
	case <-time.After(within):
		t.Fatalf("nothing was committed in %v", within)
	}
}
