package database

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// A relay passes bytes on between clients and a server, until somebody cuts the
// line.
type relay struct {
	listener        net.Listener
	network, target string
	muffles         atomic.Int64

	lock   sync.Mutex
	isShut bool
	lines  map[net.Conn]bool
	done   sync.WaitGroup
}

func newRelay(t *testing.T, network, address string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, network: network, target: address, lines: map[net.Conn]bool{}}
	r.done.Go(r.accept)
	t.Cleanup(func() {
		listener.Close()
		r.shut()
		r.done.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(r.network, r.target)
		if err != nil {
			client.Close()
			continue
		}
		r.lock.Lock()
		if r.isShut {
			client.Close()
			server.Close()
		} else {
			r.lines[client], r.lines[server] = true, true
			var deaf atomic.Bool
			r.done.Go(func() { r.ask(client, server, &deaf) })
			r.done.Go(func() { r.answer(client, server, &deaf) })
		}
		r.lock.Unlock()
	}
}

// ask passes on what the client says, and makes the line deaf when it commits.
func (r *relay) ask(client, server net.Conn, deaf *atomic.Bool) {
	defer r.hangUp(client, server)
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if bytes.Contains(bytes.ToLower(b[:n]), []byte("commit")) && r.muffles.Load() > 0 {
			r.muffles.Add(-1)
			deaf.Store(true)
		}
		if _, failed := server.Write(b[:n]); err != nil || failed != nil {
			return
		}
	}
}

// answer passes on what the server says, unless the line is deaf.
func (r *relay) answer(client, server net.Conn, deaf *atomic.Bool) {
	defer r.hangUp(client, server)
	b := make([]byte, 64<<10)
	for {
		n, err := server.Read(b)
		if deaf.Load() { // it has done what it was asked
			return
		}
		if _, failed := client.Write(b[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (r *relay) hangUp(lines ...net.Conn) {
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, line := range lines {
		line.Close()
		delete(r.lines, line)
	}
}

func (r *relay) shut() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.isShut = true
	for line := range r.lines {
		line.Close()
	}
}

func (r *relay) open() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.isShut = false
}

func (r *relay) muffle(n int) bool {
	r.muffles.Store(int64(n))
	return true
}

func (r *relay) muffled() int { return int(r.muffles.Load()) }
