package api

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

const (
	mostConnections = 1024 // open at once
	mostOfOne       = 256  // of these, of one source
)

// standing is what a connection is worth when there is no room for another.
type standing uint8

const (
	idleStranger standing = iota // asks for nothing, and has shown no token that is known
	busyStranger                 // no better: one that does not read its answer is busy for as long as it likes
	idleKnown
	busyKnown // never closed for another
)

// line returns in which line it stands.
func (s standing) line() standing {
	if s == busyStranger {
		return idleStranger
	}
	return s
}

// connections bounds what strangers can hold. When there is no room, the one that
// did nothing for longest makes it: were newcomers turned away instead, a thousand
// connections that ask for nothing would shut everybody out.
type connections struct {
	many func(netip.Addr) bool // speaks for many: counted in all only

	mu    sync.Mutex
	most  int
	all   int
	of    map[netip.Prefix]int
	lines [busyKnown + 1]list.List // of *counted: who came there first is in front
}

func newConnections(proxy func(netip.Addr) bool) *connections {
	many := func(addr netip.Addr) bool { return addr.IsLoopback() || proxy(addr) }
	return &connections{many: many, most: mostConnections, of: map[netip.Prefix]int{}}
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
		if k := l.connections.take(conn); k != nil {
			return k, nil
		}
		conn.Close()
	}
}

// take counts a connection, and closes another for it if it must. It returns nil
// if there is no room.
func (c *connections) take(conn net.Conn) *counted {
	k := &counted{Conn: conn, connections: c}
	if tcp, isTCP := conn.RemoteAddr().(*net.TCPAddr); isTCP {
		if addr := tcp.AddrPort().Addr().Unmap(); !c.many(addr) {
			k.source = networkOf(addr)
		}
	}
	victim, ok := c.add(k)
	if victim != nil {
		victim.Conn.Close()
	}
	if !ok {
		return nil
	}
	return k
}

func (c *connections) add(k *counted) (victim *counted, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ofOne := k.source.IsValid() && c.of[k.source] >= mostOfOne
	if ofOne || c.all >= c.most {
		if victim = c.longest(k.source, ofOne); victim == nil {
			return nil, false
		}
		c.remove(victim)
	}
	c.all++
	if k.source.IsValid() {
		c.of[k.source]++
	}
	k.place = c.lines[k.standing.line()].PushBack(k)
	return victim, true
}

// longest returns the connection that is missed least, of all or of one source.
func (c *connections) longest(source netip.Prefix, ofOne bool) *counted {
	for i := range c.lines[:busyKnown] {
		for e := c.lines[i].Front(); e != nil; e = e.Next() {
			if k := e.Value.(*counted); !ofOne || k.source == source {
				return k
			}
		}
	}
	return nil
}

func (c *connections) remove(k *counted) {
	if k.place == nil {
		return
	}
	c.lines[k.standing.line()].Remove(k.place)
	k.place = nil
	c.all--
	if !k.source.IsValid() {
		return
	}
	if c.of[k.source]--; c.of[k.source] == 0 {
		delete(c.of, k.source)
	}
}

// serve is h, and knows which connections are busy.
func (c *connections) serve(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k := connectionOf(r.Context())
		k.move(func(s standing) standing { return s | busyStranger })
		defer k.move(func(s standing) standing { return s &^ busyStranger })
		h.ServeHTTP(w, r)
	})
}

// counted is a connection that makes room for another when it is closed.
type counted struct {
	net.Conn
	connections *connections
	source      netip.Prefix // which it is counted for; none: for many

	standing standing
	place    *list.Element // in the line of its standing; nil: it is closed
}

// isKnown notes that a token came over it that is known.
func (k *counted) isKnown() { k.move(func(s standing) standing { return s | idleKnown }) }

// move puts a connection to the end of the line of another standing.
func (k *counted) move(to func(standing) standing) {
	if k == nil {
		return
	}
	c := k.connections
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.place == nil {
		return
	}
	c.lines[k.standing.line()].Remove(k.place)
	k.standing = to(k.standing)
	k.place = c.lines[k.standing.line()].PushBack(k)
}

// Close closes it, and makes room for another.
func (k *counted) Close() error {
	k.connections.mu.Lock()
	k.connections.remove(k)
	k.connections.mu.Unlock()
	return k.Conn.Close()
}

type connectionKey struct{}

// withConnection is ctx for connectionOf, with TLS or without.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, conn)
}

// connectionOf returns what a request came over, or nil.
func connectionOf(ctx context.Context) *counted {
	k, _ := ctx.Value(connectionKey{}).(*counted)
	return k
}
