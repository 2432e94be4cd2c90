//go:build linux

package e2e

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"
)

// dialers connects from inside of a namespace, more often than a thread a
// connection would allow.
type dialers struct {
	asked chan dialing
	ended chan struct{}
	all   sync.WaitGroup
}

type dialing struct {
	from   netip.Addr
	to     netip.AddrPort
	answer chan<- dialed
}

type dialed struct {
	conn net.Conn
	err  error
}

func startDialers(t *testing.T, h *host, n int) *dialers {
	t.Helper()
	d := &dialers{asked: make(chan dialing), ended: make(chan struct{})}
	ready := make(chan error)
	for range n {
		d.all.Go(func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			if err := h.enter(); err != nil {
				ready <- err
				return
			}
			ready <- nil
			for {
				var ask dialing
				select {
				case ask = <-d.asked:
				case <-d.ended:
					return
				}
				dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(ask.from, 0)), Timeout: 20 * time.Second}
				conn, err := dialer.DialContext(context.Background(), "tcp", ask.to.String())
				ask.answer <- dialed{conn, err}
			}
		})
	}
	for range n {
		if err := <-ready; err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		close(d.ended)
		d.all.Wait()
	})
	return d
}

func (d *dialers) dial(from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	answer := make(chan dialed, 1)
	select {
	case d.asked <- dialing{from, to, answer}:
		got := <-answer
		return got.conn, got.err
	case <-d.ended:
		return nil, errTestEnded
	}
}

var errTestEnded = errors.New("the test has ended")

// relay passes connections on and holds every byte, either way, for a while.
type relay struct {
	socket net.Listener
	delay  time.Duration
	onward func() (net.Conn, error)
	all    sync.WaitGroup
}

func startRelay(t *testing.T, delay time.Duration, onward func() (net.Conn, error)) *relay {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{socket: socket, delay: delay, onward: onward}
	r.all.Go(r.accept)
	t.Cleanup(func() {
		socket.Close()
		r.all.Wait()
	})
	return r
}

func (r *relay) accept() {
	for {
		near, err := r.socket.Accept()
		if err != nil {
			return
		}
		r.all.Go(func() {
			defer near.Close()
			far, err := r.onward()
			if err != nil {
				return
			}
			defer far.Close()
			var both sync.WaitGroup
			both.Go(func() { r.pass(far, near) })
			both.Go(func() { r.pass(near, far) })
			both.Wait()
		})
	}
}

// chunk is what came at once. It goes on when it is due.
type chunk struct {
	bytes []byte
	due   time.Time
}

// pass reads all the time and writes what is due, so that what comes in
// several pieces is not held several times.
func (r *relay) pass(to, from net.Conn) {
	chunks := make(chan chunk, 16)
	go func() {
		defer close(chunks)
		for {
			b := make([]byte, 4096)
			n, err := from.Read(b)
			if n > 0 {
				chunks <- chunk{b[:n:n], time.Now().Add(r.delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	var err error
	for c := range chunks {
		if err == nil {
			time.Sleep(time.Until(c.due))
			_, err = to.Write(c.bytes)
		}
		if err != nil {
			from.Close() // ends the reading
		}
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		half.CloseWrite()
	}
}

// drain reads until the other side closes.
func drain(c net.Conn) { io.Copy(io.Discard, c) }
