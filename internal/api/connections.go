package api

import (
	"net"
	"net/netip"
	"sync"
)

const (
	mostConnections = 1024 // open at once
	mostOfOne       = 256  // of these, of one source
)

// connections bounds what strangers can hold: beyond it a connection is closed
// at once. One source cannot hold all, so that it shuts nobody else out.
type connections struct {
	many func(netip.Addr) bool // speaks for many: counted in all only

	mu  sync.Mutex
	all int
	of  map[netip.Prefix]int
}

func newConnections(proxy func(netip.Addr) bool) *connections {
	many := func(addr netip.Addr) bool { return addr.IsLoopback() || proxy(addr) }
	return &connections{many: many, of: map[netip.Prefix]int{}}
}

func (c *connections) limit(l net.Listener) net.Listener { return &limited{l, c} }

type limited struct {
	net.Listener
	connections *connections
}

// Accept returns the next connection there is room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if source, ok := l.connections.take(conn.RemoteAddr()); ok {
			return &counted{Conn: conn, source: source, of: l.connections}, nil
		}
		conn.Close()
	}
}

// take counts a connection. The source is that which it is counted for, if any.
func (c *connections) take(remote net.Addr) (source netip.Prefix, ok bool) {
	if tcp, isTCP := remote.(*net.TCPAddr); isTCP {
		if addr := tcp.AddrPort().Addr().Unmap(); !c.many(addr) {
			source = networkOf(addr)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= mostConnections || source.IsValid() && c.of[source] >= mostOfOne {
		return source, false
	}
	c.all++
	if source.IsValid() {
		c.of[source]++
	}
	return source, true
}

func (c *connections) give(source netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if !source.IsValid() {
		return
	}
	if c.of[source]--; c.of[source] == 0 {
		delete(c.of, source)
	}
}

// counted is a connection that makes room for another when it is closed.
type counted struct {
	net.Conn
	source netip.Prefix
	of     *connections
	once   sync.Once
}

// Close closes it, and makes room for another.
func (c *counted) Close() error {
	c.once.Do(func() { c.of.give(c.source) })
	return c.Conn.Close()
}
