package httpserver

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// echo is what a connection speaks that was handed over: it says what it hears.
type echo struct{ opened int }

func (e *echo) Open(c *streamio.Conn) {
	e.opened++
	c.SetAlarm(0)
}

func (e *echo) Bytes(_ *streamio.Conn, in, out []byte) (int, []byte, streamio.Then) {
	return len(in), append(append(out, "heard "...), in...), streamio.Keep
}

func (*echo) Tick(*streamio.Conn, shoal.Tick) {}
func (*echo) Closed(*streamio.Conn, error)    {}

// door notes what it is asked, and lets in who has a key.
type door struct {
	t      *testing.T
	asked  int
	from   netip.Addr
	target string
	header map[string]string // of doorNames, as far as they are there once
	next   *echo
}

var doorNames = []string{"host", "origin", "sec-websocket-key", "x"}

const granted, barred = "HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"

func (d *door) upgrade(conn *streamio.Conn, from netip.Addr, target []byte, header func(string) []byte, out []byte) ([]byte, streamio.Protocol) {
	d.asked++
	d.from, d.target, d.header, d.next = from, string(target), map[string]string{}, nil
	if conn == nil {
		d.t.Error("there is no connection")
	}
	for _, name := range doorNames {
		if value := header(name); value != nil {
			d.header[name] = string(value)
		}
	}
	if _, ok := d.header["sec-websocket-key"]; !ok {
		return append(out, barred...), nil
	}
	d.next = new(echo)
	return append(out, granted...), d.next
}

const (
	wanted  = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	withKey = wanted + "Sec-WebSocket-Key: k\r\n"
)

func TestUpgrade(t *testing.T) {
	get := func(target, fields string) string { return "GET " + target + " HTTP/1.1\r\n" + fields + "\r\n" }
	notFound := response("404 Not Found", failure(shoal.PathUnknown))
	tests := []struct {
		name   string
		in     string
		want   string
		asked  int
		closed bool
	}{
		{"any path", get("/", withKey), granted, 1, false},
		{"the path of announces", get("/announce?"+leecher, withKey), granted, 1, false},
		{"absolute-form", get("ws://h/", withKey), response("200 OK|close", failure(shoal.RequestInvalid)), 0, true},
		{"absolute-form of a proxy", get("http://h", withKey), granted, 1, false},
		{"behind an announce", get("/announce?"+leecher, "") + get("/", withKey), response("200 OK", alone) + granted, 1, false},
		{"and what follows", get("/", withKey) + "\x81\x80abcd", granted + "heard \x81\x80abcd", 1, false},
		{"and another request", get("/", withKey) + get("/", ""), granted + "heard " + get("/", ""), 1, false},
		{"close", get("/", "Connection: close\r\n"+withKey), granted, 1, false},
		{"barred", get("/", wanted), barred, 1, true},
		{"barred, and another", get("/", wanted) + get("/", withKey), barred, 1, true},
		{"two keys", get("/", withKey+"Sec-WebSocket-Key: k\r\n"), barred, 1, true},

		{"not asked of this hop", get("/", "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n"), notFound, 0, false},
		{"something else", get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), notFound, 0, false},
		{"something else, of an announce", get("/announce?"+leecher, "Connection: Upgrade\r\nUpgrade: h2c\r\n"), response("200 OK", alone), 0, false},
		{"HEAD", "HEAD / HTTP/1.1\r\n" + withKey + "\r\n", headOnly(notFound), 0, false},
		{"post", "POST / HTTP/1.1\r\n" + withKey + "\r\n", response("405 Method Not Allowed\r\nAllow: GET, HEAD", failure(shoal.MethodUnknown)), 0, false},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n" + withKey + "\r\n", response("404 Not Found|close", failure(shoal.PathUnknown)), 0, true},
		{"body", get("/", withKey+"Content-Length: 1\r\n") + "a", response("200 OK|close", failure(shoal.RequestBody)), 0, true},
		{"head of one byte too many", get("/", withKey+"A: "+strings.Repeat("a", MaxHead)),
			response("431 Request Header Fields Too Large|close", failure(shoal.RequestTooLarge)), 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, whole := range []bool{true, false} {
				d := &door{t: t}
				s := newServerWith(DefaultConfig(), "never", false, Options{Upgrade: d.upgrade})
				v := visit(s, "192.0.2.1:5000")
				got := ""
				if whole {
					got = v.send(tt.in)
				} else {
					for i := range len(tt.in) {
						part := v.send(tt.in[i : i+1])
						if strings.HasPrefix(part, "heard ") && strings.Contains(got, "heard ") {
							part = part[len("heard "):]
						}
						got += part
					}
				}
				if got != tt.want || d.asked != tt.asked || v.IsClosed() != tt.closed {
					t.Errorf("whole %v: asked %d times, closed %v, got\n%q\nwant %d, %v\n%q", whole, d.asked, v.IsClosed(), got, tt.asked, tt.closed, tt.want)
				}
				upgraded := strings.Contains(tt.want, granted)
				if _, is := v.protocol.(*echo); is != upgraded || upgraded && (v.protocol != d.next || d.next.opened != 1) {
					t.Errorf("whole %v: it speaks %T", whole, v.protocol)
				}
			}
		})
	}
}

// What the transport is told of the request.
func TestUpgradeIsTold(t *testing.T) {
	d := &door{t: t}
	s := newServerWith(DefaultConfig(), "never", false, Options{Upgrade: d.upgrade})
	visit(s, "[2001:db8::1]:5000").send("GET /a%20b?c=d HTTP/1.1\r\nHost:h\r\nORIGIN: \t https://a.example \r\nX: 1\r\nx: 2\r\n" + withKey + "\r\n")
	want := map[string]string{"host": "h", "origin": "https://a.example", "sec-websocket-key": "k"}
	if d.from != netip.MustParseAddr("2001:db8::1") || d.target != "/a%20b?c=d" || len(d.header) != len(want) {
		t.Errorf("%+v", d)
	}
	for name, value := range want {
		if d.header[name] != value {
			t.Errorf("%s: %q, want %q", name, d.header[name], value)
		}
	}
	// A header that is there and empty is not one that is not there.
	visit(s, "192.0.2.1:1").send("GET / HTTP/1.1\r\nOrigin:\r\n" + withKey + "\r\n")
	if value, ok := d.header["origin"]; !ok || value != "" {
		t.Errorf("an empty header: %q, %v", value, ok)
	}
}

// Where WebSockets are not taken, such a request is one like others.
func TestUpgradeOff(t *testing.T) {
	off := DefaultConfig()
	off.WebTorrent = false
	d := &door{t: t}
	in := "GET /announce?" + leecher + " HTTP/1.1\r\n" + withKey + "\r\n"
	for _, s := range []*Server{
		newServerWith(off, "never", false, Options{Upgrade: d.upgrade}),
		newServerWith(DefaultConfig(), "never", false, Options{}),
	} {
		if got, want := visit(s, "192.0.2.1:5000").send(in), response("200 OK", alone); got != want || d.asked > 0 {
			t.Errorf("asked %d times, got\n%q\nwant\n%q", d.asked, got, want)
		}
		if got := s.Counters(); got.Upgrades > 0 || got.Announces != 1 {
			t.Errorf("counted %+v", got)
		}
	}
}

// refusedUpgrade is the whole response to an upgrade that is refused before the
// transport is asked.
func refusedUpgrade(f shoal.Failure) string { return response("400 Bad Request|close", f.Error()) }

// Whose upgrade it is, is found out as for announces.
func TestUpgradeThroughProxies(t *testing.T) {
	const forwarded = "X-Forwarded-For: 203.0.113.1, 198.51.100.7\r\n"
	for _, tt := range []struct {
		name   string
		from   string
		state  streamio.ConnState
		fields string
		want   string // an address, or what it must fix
	}{
		{"a client", "203.0.113.9:1", streamio.ConnState{}, "", "203.0.113.9"},
		{"a client that claims", "203.0.113.9:1", streamio.ConnState{}, forwarded, "203.0.113.9"},
		{"a proxy", "10.0.0.1:1", streamio.ConnState{Trusted: true}, forwarded, "198.51.100.7"},
		{"a proxy, IPv6", "[fd00::1]:1", streamio.ConnState{Trusted: true}, "X-Forwarded-For: 2001:db8::7\r\n", "2001:db8::7"},
		{"a proxy no more", "10.0.0.1:1", streamio.ConnState{}, forwarded, "10.0.0.1"},
		{"a proxy that names nobody", "10.0.0.1:1", streamio.ConnState{Trusted: true}, "", missing},
		{"a proxy that names proxies", "10.0.0.1:1", streamio.ConnState{Trusted: true}, "X-Forwarded-For: 10.0.0.2\r\n", missing},
		{"a proxy that names nonsense", "10.0.0.1:1", streamio.ConnState{Trusted: true}, "X-Forwarded-For: unknown\r\n", invalid},
		{"a proxy for somebody nameless", "10.0.0.1:1", streamio.ConnState{Trusted: true, Nameless: true}, forwarded, missing},
	} {
		for _, use := range []string{"never", "trusted"} {
			d := &door{t: t}
			s := newServerWith(behindProxies("X-Forwarded-For"), use, false, Options{Upgrade: d.upgrade})
			v := visitAs(s, tt.from, tt.state)
			got := v.send("GET /?ip=192.0.2.66 HTTP/1.1\r\n" + withKey + tt.fields + "\r\n")
			switch {
			case tt.want == missing || tt.want == invalid:
				f := shoal.ForwardedMissing
				if tt.want == invalid {
					f = shoal.ForwardedInvalid
				}
				if got != refusedUpgrade(f) || d.asked > 0 || !v.IsClosed() || v.next != nil {
					t.Errorf("%s: asked %d times, got %q", tt.name, d.asked, got)
				}
			case got != granted || d.from.String() != tt.want:
				t.Errorf("%s: from %v, want %s, got %q", tt.name, d.from, tt.want, got)
			}
		}
	}
}

// A listener that is not to be used without TLS is not for WebSockets either.
func TestUpgradeWithoutTLS(t *testing.T) {
	in := "GET /a HTTP/1.1\r\nHost: h\r\n" + withKey + "X-Forwarded-For: 198.51.100.7\r\n\r\n"
	for _, tt := range []struct {
		plain string
		state streamio.ConnState
		want  string
	}{
		{"redirect", streamio.ConnState{}, redirectOf("https://h/a", "")},
		{"refuse", streamio.ConnState{}, response(useHTTPS, failure(shoal.TLSRequired))},
		{"serve", streamio.ConnState{}, granted},
		{"redirect", streamio.ConnState{Secure: true}, granted},
		{"refuse", streamio.ConnState{Secure: true}, granted},
		{"refuse", streamio.ConnState{Trusted: true}, granted},
	} {
		d := &door{t: t}
		s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{Plain: tt.plain, Upgrade: d.upgrade})
		if got := visitAs(s, "10.0.0.1:1", tt.state).send(in); got != tt.want || (d.asked > 0) != (got == granted) {
			t.Errorf("%s, %+v: asked %d times, got %q", tt.plain, tt.state, d.asked, got)
		}
	}
	// An ACME authority is answered whatever it asks beside that.
	d := &door{t: t}
	s := newServerWith(DefaultConfig(), "never", false, Options{Upgrade: d.upgrade, Plain: "redirect",
		Challenge: func(string, string) ([]byte, bool) { return []byte("proof"), true }})
	in = "GET /.well-known/acme-challenge/a HTTP/1.1\r\nHost: h\r\n" + withKey + "\r\n"
	if got := visit(s, "192.0.2.1:1").send(in); got != response("200 OK", "proof") || d.asked > 0 {
		t.Errorf("a challenge: %q", got)
	}
}

func TestUpgradeCounters(t *testing.T) {
	d := &door{t: t}
	s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{Upgrade: d.upgrade})
	for range 3 {
		visit(s, "192.0.2.9:1").send("GET / HTTP/1.1\r\n" + withKey + "\r\nGET / HTTP/1.1\r\n\r\n")
		visit(s, "192.0.2.9:1").send("GET /announce HTTP/1.1\r\n" + wanted + "\r\n")
		visitAs(s, "10.0.0.1:1", streamio.ConnState{Trusted: true}).send("GET / HTTP/1.1\r\n" + withKey + "\r\n")
	}
	if got, want := s.Counters().V4, (Family{Connections: 9, Requests: 9, Upgrades: 3, Refused: 6, UpgradesRefused: 6}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The time of a request does not go on for what follows it.
func TestUpgradeAlarm(t *testing.T) {
	d := &door{t: t}
	s := newServerWith(DefaultConfig(), "never", false, Options{Upgrade: d.upgrade})
	v := visit(s, "192.0.2.1:5000")
	v.send("GET / HTTP/1.1\r\n" + withKey + "\r\n")
	if v.Alarm() != 0 {
		t.Errorf("the alarm is set, for %d", v.Alarm())
	}
}
