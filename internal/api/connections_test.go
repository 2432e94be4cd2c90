package api

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// fakeConn is a connection from somewhere.
type fakeConn struct {
	net.Conn
	from   netip.AddrPort
	closed bool
}

func (f *fakeConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(f.from) }
func (f *fakeConn) Close() error         { f.closed = true; return nil }

// filling fills connections that have room for most, of whom 10.0.0.1 is a proxy.
type filling struct {
	*connections
	t *testing.T
}

func newFilling(t *testing.T, most int) filling {
	c := newConnections(func(addr netip.Addr) bool { return addr == netip.MustParseAddr("10.0.0.1") })
	c.most = most
	return filling{c, t}
}

func (f filling) come(from string) (*fakeConn, *counted) {
	conn := &fakeConn{from: netip.AddrPortFrom(netip.MustParseAddr(from), 1)}
	return conn, f.take(conn)
}

// has checks how many connections there are, and how many sources have some.
func (f filling) has(all, sources int) {
	f.t.Helper()
	n := 0
	for i := range f.lines {
		n += f.lines[i].Len()
	}
	if f.all != all || n != all || len(f.of) != sources {
		f.t.Errorf("%d connections, %d in line, %d sources; want %d, of %d", f.all, n, len(f.of), all, sources)
	}
}

func begin(k *counted) { k.move(func(s standing) standing { return s | busyStranger }) }
func end(k *counted)   { k.move(func(s standing) standing { return s &^ busyStranger }) }

// TestRoomIsMade fills all there is and has more come: who is missed least goes.
func TestRoomIsMade(t *testing.T) {
	f := newFilling(t, 5)
	var conns [5]*fakeConn
	var all [5]*counted
	for i := range all {
		conns[i], all[i] = f.come("127.0.0.1")
	}
	begin(all[0]) // a stranger at work: maybe one that does not read
	all[1].isKnown()
	begin(all[2])
	all[2].isKnown() // known, at work
	begin(all[4])
	end(all[4]) // idle, but for less long than that one is at work
	for _, want := range []int{3, 0, 4, 1} {
		if conns[want].closed {
			t.Fatalf("%d went too early", want)
		}
		conn, k := f.come("192.0.2.1")
		if k == nil || conn.closed || !conns[want].closed {
			t.Fatalf("%d did not make room", want)
		}
		k.isKnown()
		begin(k)
		f.has(5, 1)
	}
	if conn, k := f.come("127.0.0.1"); k != nil || conn.closed || conns[2].closed {
		t.Error("there is room where all are at work")
	}
	end(all[2])
	if _, k := f.come("127.0.0.1"); k == nil || !conns[2].closed {
		t.Error("one that is done makes no room")
	}
	f.has(5, 1)
}

// TestOneSource has a source take all it may: it takes no more from others.
func TestOneSource(t *testing.T) {
	f := newFilling(t, mostConnections)
	other, _ := f.come("192.0.2.1")
	first, one := f.come("2001:db8::1")
	for range mostOfOne - 1 {
		f.come("2001:db8::1")
	}
	f.has(mostOfOne+1, 2)
	if conn, k := f.come("2001:db8::2"); k == nil || conn.closed || !first.closed || other.closed {
		t.Error("one more of a source does not take the place of its own first")
	}
	f.has(mostOfOne+1, 2)
	one.Close() // once more, by the server
	f.has(mostOfOne+1, 2)
	for i := range mostConnections {
		f.come([]string{"127.0.0.1", "10.0.0.1"}[i%2]) // as many as there is room for
	}
	if f.all != mostConnections || len(f.of) != 0 || !other.closed {
		t.Errorf("%d connections, %v", f.all, f.of)
	}
}

// TestConnectionsAreGivenBack counts those of a server that had some.
func TestConnectionsAreGivenBack(t *testing.T) {
	f := newFilling(t, 3)
	plain, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := f.limit(plain)
	defer l.Close()
	for range 5 {
		dialled, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		taken, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		f.has(1, 0)
		taken.Close()
		taken.Close() // the second is no connection more
		dialled.Close()
	}
	f.has(0, 0)
}

// line is a connection that stays open between requests.
type line struct {
	conn net.Conn
	in   *bufio.Reader
}

func (s *stand) dial() *line {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.o.TLS != nil {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	s.t.Cleanup(func() { conn.Close() })
	return &line{conn, bufio.NewReader(conn)}
}

// get returns the status of the answer; 0 is that the connection is closed.
func (l *line) get(path, header string) int {
	fmt.Fprintf(l.conn, "GET %s HTTP/1.1\r\nHost: tracker\r\n%s\r\n", path, header)
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	for buffer := make([]byte, 512); err == nil; {
		_, err = answer.Body.Read(buffer)
	}
	return answer.StatusCode
}

// TestStrangersShutNobodyOut holds all connections without a token, plainly and
// with TLS.
func TestStrangersShutNobodyOut(t *testing.T) {
	t.Run("plain", func(t *testing.T) { strangers(t, newStand(t, nil)) })
	t.Run("TLS", func(t *testing.T) {
		cert := certificate(t)
		strangers(t, newStand(t, func(_ *Config, o *Options) { o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} }))
	})
}

func strangers(t *testing.T, s *stand) {
	const most, good = 8, "Authorization: Bearer " + adminToken + "\r\n"
	s.connections.mu.Lock()
	s.connections.most = most
	s.connections.mu.Unlock()
	operator := s.dial()
	if got := operator.get("/api/v1/build", good); got != 200 {
		t.Fatal(got)
	}
	var strangers []*line
	for range 3 * most {
		stranger := s.dial()
		if got := stranger.get("/api/health_check", ""); got != 200 {
			t.Fatalf("a newcomer is shut out: %d", got)
		}
		strangers = append(strangers, stranger)
	}
	for range 2 * most { // these do not even send a whole head
		fmt.Fprint(s.dial().conn, "GET /api/v1/build HTTP/1.1\r\nHost: ")
	}
	if got := s.dial().get("/api/v1/build", good); got != 200 {
		t.Errorf("a good token, over a new connection: %d", got)
	}
	if got := operator.get("/api/v1/build", good); got != 200 {
		t.Errorf("a good token, over the connection it came over: %d", got)
	}
	if got := strangers[0].get("/api/health_check", ""); got != 0 {
		t.Errorf("the first stranger is still there: %d", got)
	}
}
