package streamio

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

var everybody = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func loopbacks() *Proxies {
	return NewProxies([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
}

func TestProxies(t *testing.T) {
	p := NewProxies([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")})
	for in, want := range map[string]bool{
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.3.7": false, "2001:db8::1": true, "2001:db9::1": false,
	} {
		if got := p.Contain(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
	p.Set(nil)
	var none *Proxies
	for _, p := range []*Proxies{p, none, new(Proxies)} {
		if p.Contain(netip.MustParseAddr("192.0.2.7")) || p.Contain(netip.Addr{}) {
			t.Error("an empty set contains something")
		}
	}
}

const proxyLine = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"

func TestProxyProtocol(t *testing.T) {
	two := string(unspaced(t, signature2+"21 11 00 13  c0 00 02 01  c6 33 64 02  dc 04  01 bb  03 00 04 a9 b8 7e 8f"))
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.Proxies = loopbacks() })
		for name, header := range map[string]string{"version 1": proxyLine, "version 2": two} {
			c := s.dial()
			send(t, c, header+"remote\ntrusted\n")
			expect(t, c, "192.0.2.1:56324\nfalse\n")

			slow := s.dial()
			for i := range header {
				send(t, slow, header[i:i+1])
			}
			send(t, slow, "remote\n")
			expect(t, slow, "192.0.2.1:56324\n")
			if n := len(s.protocols); n != 2 {
				t.Errorf("%s: %d protocols, want 2", name, n)
			}
			for range 2 {
				s.protocol()
			}
		}
		// Without a header, and with one that names nobody, it is the proxy.
		for _, header := range []string{
			"", "PROXY UNKNOWN\r\n",
			string(unspaced(t, signature2+"20 00 00 00")),
			string(unspaced(t, signature2+"21 00 00 00")),
		} {
			c := s.dial()
			send(t, c, header+"remote\ntrusted\n")
			expect(t, c, c.LocalAddr().String()+"\ntrue\n")
		}
		// One header, and what follows it is the client's.
		c := s.dial()
		send(t, c, proxyLine+proxyLine)
		expect(t, c, strings.ToUpper(proxyLine))
	})
}

// For whom a connection is after a header, or without one.
func TestPreludeNames(t *testing.T) {
	const nobody, proxy = "nobody", "the proxy"
	c := &Config{Proxies: loopbacks()}
	hex := func(s string) string { return string(unspaced(t, signature2+s)) }
	for in, want := range map[string]string{
		"GET /":            proxy,
		hex("20 00 00 00"): nobody,
		hex("20 11 00 0c" + "c0 00 02 01 c6 33 64 02 dc 04 01 bb"): nobody,
		proxyLine:                       "192.0.2.1",
		"PROXY UNKNOWN\r\n":             nobody,
		"PROXY UNKNOWN ::1 ::1 1 2\r\n": nobody,
		hex("21 00 00 00"):              nobody,
		hex("21 12 00 0c" + "c0 00 02 01 c6 33 64 02 dc 04 01 bb"): nobody,
		hex("21 31 00 02 00 00"):                                   nobody,
		"PROXY TCP4 0.0.0.0 192.0.2.2 1 2\r\n":                     nobody,
		"PROXY TCP4 224.0.0.1 192.0.2.2 1 2\r\n":                   nobody,
		"PROXY TCP4 255.255.255.255 192.0.2.2 1 2\r\n":             nobody,
		"PROXY TCP6 :: 2001:db8::2 1 2\r\n":                        nobody,
		"PROXY TCP6 ff02::1 2001:db8::2 1 2\r\n":                   nobody,
		"PROXY TCP6 ::ffff:255.255.255.255 2001:db8::2 1 2\r\n":    nobody,
	} {
		conn := &Conn{remote: netip.MustParseAddrPort("127.0.0.1:1"), trusted: true, proxied: true, clock: new(shoal.Clock)}
		if _, _, err := c.prelude(conn, []byte(in)); err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		got := conn.Remote().Addr().String()
		switch {
		case conn.Nameless():
			got = nobody
		case conn.Trusted():
			got = proxy
		}
		if got != want {
			t.Errorf("%q: the connection is for %s, want %s", in, got, want)
		}
	}
}

// Trust ends with that of the proxy, and with that of the proxy before it.
func TestTrustIsWithdrawn(t *testing.T) {
	one := netip.MustParsePrefix("192.0.2.1/32")
	all := append([]netip.Prefix{one}, *loopbacks().networks.Load()...)
	for _, in := range []string{"GET /", proxyLine} {
		c := &Config{Proxies: NewProxies(all)}
		conn := &Conn{remote: netip.MustParseAddrPort("127.0.0.1:1"), trusted: true, proxied: true, clock: new(shoal.Clock)}
		if _, _, err := c.prelude(conn, []byte(in)); err != nil || !conn.TrustedBy(c.Proxies) {
			t.Fatalf("%q: %v, trusted %v", in, err, conn.TrustedBy(c.Proxies))
		}
		for _, left := range [][]netip.Prefix{nil, {one}} {
			if c.Proxies.Set(left); conn.TrustedBy(c.Proxies) {
				t.Errorf("%q: trusted by %v", in, left)
			}
		}
		if c.Proxies.Set(all[1:]); conn.TrustedBy(c.Proxies) != (in != proxyLine) {
			t.Errorf("%q: trusted %v by the loopbacks", in, conn.TrustedBy(c.Proxies))
		}
		if !conn.Trusted() {
			t.Errorf("%q: it forgot what it was", in)
		}
	}
}

// A header that names another proxy: it is trusted then, and no header of its
// own is expected.
func TestProxyOfProxy(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.Proxies = NewProxies(everybody) })
		c := s.dial()
		send(t, c, proxyLine+proxyLine+"trusted\n")
		expect(t, c, strings.ToUpper(proxyLine)+"true\n")
	})
}

func TestProxyProtocolIsNotBelieved(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) {
			c.Proxies = NewProxies([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
		})
		c := s.dial()
		send(t, c, proxyLine+"remote\ntrusted\n")
		expect(t, c, strings.ToUpper(proxyLine)+c.LocalAddr().String()+"\nfalse\n")
		// It may be trusted from the next connection on.
		s.proxies.Set(everybody)
		c = s.dial()
		send(t, c, proxyLine+"remote\n")
		expect(t, c, "192.0.2.1:56324\n")
	})
}

// Nothing reaches a protocol of a connection whose header is nonsense.
func TestProxyGarbage(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.Proxies = loopbacks() })
		for _, in := range []string{
			"PROXY TCP4 1 2 3 4\r\n",
			"PROXY " + strings.Repeat("x", 200),
			string(unspaced(t, signature2+"ff ff ff ff")),
			string(unspaced(t, signature2+"21 11 ff ff")),
		} {
			c := s.dial()
			send(t, c, in)
			if n, err := io.ReadFull(c, make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%q: read %d bytes, %v", in, n, err)
			}
		}
		// One that goes in the middle of a header.
		c := s.dial()
		send(t, c, "PROXY TCP4 ")
		c.Close()
		eventually(t, "every connection is closed", func() bool { return s.limit.Open() == 0 })
		if n := len(s.protocols); n > 0 {
			t.Errorf("%d protocols began", n)
		}
	})
}

// Whoever says nothing, or only half of what must come before the protocol, is
// closed in time.
func TestPreludeTakesItsTime(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		of := serverTLS()
		s := start(func(c *settings, _ *lines) {
			c.Proxies, c.TLS = loopbacks(), of
			c.preludeTime, c.shakeTime = time.Second, time.Second
		})
		hello := recordedHello(t)
		var all sync.WaitGroup
		for _, in := range []string{"", "PROXY TCP4", proxyLine, "\x16\x03\x01\x01", proxyLine + "\x16\x03", hello, proxyLine + hello} {
			c := s.dial()
			send(t, c, in)
			all.Go(func() {
				if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%q was not closed", in)
				}
			})
		}
		all.Wait()
		eventually(t, "two handshakes fail", func() bool { return of.Handshakes.Counts().Failed == 2 })
		if n := len(s.protocols); n > 0 {
			t.Errorf("%d protocols began", n)
		}
		// The time before the protocol is not the protocol's.
		c := s.dial()
		send(t, c, proxyLine+"in\n")
		expect(t, c, "IN\n")
		secure := s.dialTLS(clientTLS)
		now := s.clock.Now()
		eventually(t, "the time passes", func() bool { return s.clock.Now() > now.Add(1500*time.Millisecond) })
		for _, c := range []net.Conn{c, secure} {
			send(t, c, "still here\n")
			expect(t, c, "STILL HERE\n")
		}
	})
}

func serverTLS() *TLS {
	return &TLS{
		Config:     &tls.Config{Certificates: []tls.Certificate{ecdsaCertificate()}},
		Handshakes: NewHandshakes(HandshakeLimits{}),
	}
}

var clientTLS = &tls.Config{InsecureSkipVerify: true}

func (s *stand) dialTLS(config *tls.Config) *tls.Conn {
	s.t.Helper()
	c := tls.Client(s.dial(), config)
	if err := c.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestTLSAndPlain(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		of := serverTLS()
		s := start(func(c *settings, _ *lines) { c.TLS = of })
		plain := s.dial()
		send(t, plain, "secure\n")
		expect(t, plain, "false\n")
		s.protocol()
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			c := s.dialTLS(&tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			p := s.protocol()
			send(t, c, "secure\nremote\nlocal\n")
			expect(t, c, "true\n"+c.LocalAddr().String()+"\n"+c.RemoteAddr().String()+"\n")
			for _, b := range []byte("by the byte\n") {
				send(t, c, string(b))
			}
			expect(t, c, "BY THE BYTE\n")
			send(t, c, "large\nqueue\n"+strings.Repeat("medium\n", 50)+strings.Repeat("x", 5000)+"\n")
			expect(t, c, string(large)+"REPLY\nQUEUED TWICE\n"+strings.Repeat(string(medium), 50)+strings.Repeat("X", 5000)+"\n")
			if !s.loops.Post(p.to(), []byte("posted\n")) {
				t.Error("a message was refused")
			}
			expect(t, c, "posted\n")
			send(t, c, "alarm soon\n")
			expect(t, c, "SOON\n")
			wait(t, p.ticks)
			send(t, c, "queue and close\n")
			expect(t, c, "REPLY\nLAST\n")
			expectEnd(t, c) // with close_notify, or it would be an unexpected EOF
			if why := wait(t, p.closed); why != nil {
				t.Errorf("Closed(%v), want nil", why)
			}
		}
		if n := of.Handshakes.Counts(); n.Full != 2 || n.InFlight != 0 {
			t.Errorf("%+v, want two handshakes that are over", n)
		}
	})
}

func TestTLSEnds(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.TLS = serverTLS() })
		// By close_notify.
		c := s.dialTLS(clientTLS)
		send(t, c, "last words\n")
		c.CloseWrite()
		expect(t, c, "LAST WORDS\n")
		p := s.protocol()
		if why := wait(t, p.closed); why != io.EOF {
			t.Errorf("Closed(%v), want EOF", why)
		}
		// By cutting it.
		c = s.dialTLS(clientTLS)
		send(t, c, "one\n")
		expect(t, c, "ONE\n")
		c.NetConn().Close()
		if why := wait(t, s.protocol().closed); why != io.EOF {
			t.Errorf("Closed(%v), want EOF", why)
		}
		// By garbage in the middle, which the other side is told.
		c = s.dialTLS(clientTLS)
		send(t, c, "one\n")
		expect(t, c, "ONE\n")
		send(t, c.NetConn(), strings.Repeat("no TLS ", 100))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("garbage was answered")
		}
		if why := wait(t, s.protocol().closed); why == nil || why == io.EOF {
			t.Errorf("Closed(%v), want the error", why)
		}
		// Over unread input.
		c = s.dialTLS(clientTLS)
		send(t, c, "close unread\n")
		expect(t, c, "UNREAD\n")
		expectEnd(t, c)
		if why := wait(t, s.protocol().closed); why != nil {
			t.Errorf("Closed(%v), want nil", why)
		}
		// With everything.
		c = s.dialTLS(clientTLS)
		p = s.opened()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		expectEnd(t, c)
		if why := wait(t, p.closed); why != ErrStopped {
			t.Errorf("Closed(%v), want %v", why, ErrStopped)
		}
	})
}

// A request may come right behind the Finished of a client, and the ClientHello
// right behind a PROXY header, in pieces of any size.
func TestTLSInPieces(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.TLS, c.Proxies = serverTLS(), loopbacks() })
		for _, piece := range []int{1, 7, 100, 1 << 20} {
			raw := s.dial()
			send(t, raw, proxyLine)
			c := tls.Client(&pieces{Conn: raw, size: piece}, clientTLS)
			send(t, c, "remote\n"+strings.Repeat("medium\n", 20))
			expect(t, c, "192.0.2.1:56324\n"+strings.Repeat(string(medium), 20))
		}
	})
}

// The end of what a client sends may come with its Finished and its requests,
// before anybody has looked at them, and the end without a Finished.
func TestTLSEndsInHandshake(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		of := serverTLS()
		s := start(func(c *settings, _ *lines) { c.TLS = of })
		for i := range 20 {
			raw := s.dial()
			held := &heldBack{Conn: raw}
			c := tls.Client(held, clientTLS)
			send(t, c, "one\nlarge\ntwo\n")
			send(t, raw, held.back.String())
			raw.(*net.TCPConn).CloseWrite()
			expect(t, c, "ONE\n"+string(large)+"TWO\n")
			if _, err := raw.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("connection %d: %v, want the end", i, err)
			}
			if why := wait(t, s.protocol().closed); why != io.EOF {
				t.Errorf("connection %d: Closed(%v), want EOF", i, why)
			}
		}
		raw := s.dial()
		send(t, raw, string(helloOf(t, clientTLS)))
		raw.(*net.TCPConn).CloseWrite()
		if _, err := io.ReadAll(raw); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("half a handshake was not closed")
		}
		eventually(t, "the handshake fails", func() bool { return of.Handshakes.Counts().Failed == 1 })
		eventually(t, "every connection is closed", func() bool { return s.limit.Open() == 0 })
	})
}

// heldBack sends the first write and holds back the others.
type heldBack struct {
	net.Conn
	back bytes.Buffer
	sent bool
}

func (h *heldBack) Write(b []byte) (int, error) {
	if h.sent {
		return h.back.Write(b)
	}
	h.sent = true
	return h.Conn.Write(b)
}

// pieces writes so many bytes at a time.
type pieces struct {
	net.Conn
	size int
}

func (p *pieces) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var m int
		m, err = p.Conn.Write(b[:min(len(b), p.size)])
		n, b = n+m, b[m:]
	}
	return n, err
}

func TestTLSGarbage(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		of := serverTLS()
		of.Handshakes = NewHandshakes(HandshakeLimits{PerNetwork: 1})
		s := start(func(c *settings, _ *lines) { c.TLS = of })
		for _, in := range []string{
			"\x16 nonsense that goes on",
			"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", // a ClientHello of nothing
			"\x16\x03\x01\xff\xff" + strings.Repeat("x", 100),
		} {
			c := s.dial()
			send(t, c, in)
			if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%q was not closed", in)
			}
		}
		eventually(t, "every connection is closed", func() bool { return s.limit.Open() == 0 })

		// One that stalls in the middle of its handshake is in the way of its
		// own network, and of nobody else.
		hello := recordedHello(t)
		stalled := s.dial()
		send(t, stalled, hello)
		eventually(t, "the handshake is under way", func() bool { return of.Handshakes.Counts().InFlight == 1 })
		second := s.dial()
		send(t, second, hello)
		if _, err := io.ReadAll(second); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a handshake beyond the limit was begun")
		}
		if n := of.Handshakes.Counts().Refused; n != 1 {
			t.Errorf("%d handshakes were refused, want 1", n)
		}
		plain := s.dial()
		send(t, plain, "in\n")
		expect(t, plain, "IN\n")
		stalled.(*net.TCPConn).SetLinger(0)
		stalled.Close()
		eventually(t, "the handshake is over", func() bool { return of.Handshakes.Counts().InFlight == 0 })
		if n := len(s.protocols); n != 1 {
			t.Errorf("%d protocols began, want that of the plain connection", n)
		}
	})
}

// recordedHello returns what a client says first.
func recordedHello(t *testing.T) string {
	t.Helper()
	here, there := net.Pipe()
	go tls.Client(there, clientTLS).Handshake()
	defer there.Close()
	b := make([]byte, maxHello)
	n := 0
	for {
		m, err := here.Read(b[n:])
		if n += m; err != nil {
			t.Fatal(err)
		}
		if whole, _ := helloLength(b[:n]); whole > 0 {
			return string(b[:n])
		}
	}
}

// The end does not wait for those who shake hands.
func TestStopDuringHandshake(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		of := serverTLS()
		s := start(func(c *settings, _ *lines) { c.TLS = of })
		hello := recordedHello(t)
		for range 5 {
			send(t, s.dial(), hello)
			send(t, s.dial(), hello[:100])
			s.dial()
		}
		eventually(t, "handshakes are under way", func() bool { return of.Handshakes.Counts().InFlight == 5 })
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if n := of.Handshakes.Counts().InFlight; n != 0 {
			t.Errorf("%d handshakes are under way after the end", n)
		}
	})
}

// A PROXY header and a hello are read in whatever is there, and never more of
// it is used than they have.
func TestPreludeIsPure(t *testing.T) {
	c := &Config{Proxies: loopbacks(), TLS: serverTLS()}
	hello := recordedHello(t)
	for _, test := range []struct {
		name, in string
		used     int
		end      preludeEnd
		fails    bool
	}{
		{"nothing", "", 0, preludeMore, false},
		{"plain", "GET /", 0, preludePlain, false},
		{"a header alone", proxyLine, len(proxyLine), preludeMore, false},
		{"a header and plain", proxyLine + "GET", len(proxyLine), preludePlain, false},
		{"a hello", hello, 0, preludeTLS, false},
		{"a header and a hello", proxyLine + hello, len(proxyLine), preludeTLS, false},
		{"a header and half a hello", proxyLine + hello[:50], len(proxyLine), preludeMore, false},
		{"a bad header", "PROXY \r\n", 0, preludeMore, true},
		{"a bad hello", "\x16\x01", 0, preludeMore, true},
	} {
		conn := &Conn{proxied: true, clock: new(shoal.Clock)}
		used, end, err := c.prelude(conn, []byte(test.in))
		if used != test.used || end != test.end || (err != nil) != test.fails {
			t.Errorf("%s: %d, %d, %v; want %d, %d, fails %v", test.name, used, end, err, test.used, test.end, test.fails)
		}
	}
}
