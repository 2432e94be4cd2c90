package httpserver

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/internal/swarm"
	"github.com/shoal-tracker/shoal/internal/tracker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newServer returns a server whose intervals are 1800 s, always.
func newServer(keepAlive, details bool) *Server {
	c := DefaultConfig()
	c.KeepAlive = keepAlive
	return newServerWith(c, "never", details, Options{})
}

func newServerWith(config Config, useIPParam string, details bool, o Options) *Server {
	rules := policy.Compile(policy.Config{PortsDenied: []int{22}}, policy.Lists{})
	s, _, _ := newServerOf(config, useIPParam, details, o, rules)
	return s
}

// newServerOf is newServerWith for given rules, and returns what is behind it too.
func newServerOf(config Config, useIPParam string, details bool, o Options, rules *policy.Chain) (*Server, *swarm.Store, *shoal.Clock) {
	clock := new(shoal.Clock)
	clock.Set(shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	c := tracker.DefaultConfig()
	c.MinInterval, c.UseIPParam = c.Interval, useIPParam
	store := swarm.New(swarm.Config{PeerTimeout: c.PeerTimeout, Details: details, Seed: 1})
	return New(config, tracker.New(c, rules, store, clock), o), store, clock
}

// visitor is a connection without a network.
type visitor struct {
	*streamio.Conn
	clock    *shoal.Clock
	protocol streamio.Protocol
	next     streamio.Protocol // by Upgrade
	unread   []byte
}

func visit(s *Server, from string) *visitor { return visitAs(s, from, streamio.ConnState{}) }

// visitAs is visit by a connection of another kind.
func visitAs(s *Server, from string, state streamio.ConnState) *visitor {
	v := &visitor{clock: new(shoal.Clock), protocol: s.NewProtocol()}
	v.clock.Set(1_000_000)
	state.Remote, state.Local = netip.MustParseAddrPort(from), netip.MustParseAddrPort("192.0.2.80:6969")
	state.Clock = v.clock
	state.Upgrade = func(p streamio.Protocol) { v.next = p }
	v.Conn = streamio.NewConnWith(state)
	v.protocol.Open(v.Conn)
	return v
}

// send does what an engine does with a burst, and returns the replies.
func (v *visitor) send(in string) string {
	v.unread = append(v.unread, in...)
	out := make([]byte, 0, 16<<10)
	for len(v.unread) > 0 && !v.IsClosed() {
		used, reply, then := v.protocol.Bytes(v.Conn, v.unread, out)
		v.unread, out = v.unread[used:], reply
		if then == streamio.Close {
			v.Close()
		}
		if v.next != nil && !v.IsClosed() {
			v.protocol, v.next = v.next, nil
			v.SetAlarm(0)
			v.protocol.Open(v.Conn)
			continue
		}
		if used == 0 {
			break
		}
	}
	return string(out)
}

const (
	leecher = "info_hash=%aa%AAaaaaaaaaaaaaaaaaaa&peer_id=-qB5000-bbbbbbbbbbbb&port=6881&left=1&compact=1"

	alone = "d8:completei0e11:external ip4:\xc0\x00\x02\x0110:incompletei1e8:intervali1800e12:min intervali1800e5:peers0:e"
	found = "d5:filesd20:\xaa\xaaaaaaaaaaaaaaaaaaaad8:completei0e10:downloadedi0e10:incompletei0eee5:flagsd20:min_request_intervali1800eee"
)

func failure(f shoal.Failure) string {
	s := "d14:failure reason" + digits(len(f.Error())) + ":" + f.Error()
	if f.Never() {
		s += "8:retry in5:never"
	} else if f.RetryIn() > 0 {
		s += "8:retry in2:60"
	}
	return s + "e"
}

func digits(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return digits(n/10) + digits(n%10)
}

// response is a whole response. How it says what becomes of the connection
// stands behind the status, after a bar.
func response(status, body string) string {
	status, connection, _ := strings.Cut(status, "|")
	if connection != "" {
		connection = "Connection: " + connection + "\r\n"
	}
	return "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\nContent-Length: " + digits(len(body)) +
		"\r\n" + connection + "\r\n" + body
}

func headOnly(response string) string {
	head, _, _ := strings.Cut(response, "\r\n\r\n")
	return head + "\r\n\r\n"
}

// headOfAnnounce is what HEAD is told of any announce.
const headOfAnnounce = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"

func TestWire(t *testing.T) {
	const (
		ok      = "200 OK"
		closing = "200 OK|close"
		large   = "431 Request Header Fields Too Large|close"
		method  = "405 Method Not Allowed\r\nAllow: GET, HEAD"
	)
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n" }
	request := get("/announce?" + leecher)
	scrapeRequest := get("/scrape?info_hash=%aa%AAaaaaaaaaaaaaaaaaaa")
	tests := []struct {
		name   string
		in     string
		want   string
		closed bool
		unread int // bytes that are left unused
	}{
		{"announce", request, response(ok, alone), false, 0},
		{"announce, bare LF", strings.ReplaceAll(request, "\r\n", "\n"), response(ok, alone), false, 0},
		{"announce, slash", get("/announce/?" + leecher), response(ok, alone), false, 0},
		{"announce, key behind", get("/announce/GoodGoodGoodGoodGood?" + leecher), response(ok, alone), false, 0},
		{"announce, key before", get("/GoodGoodGoodGoodGood/announce?" + leecher), response(ok, alone), false, 0},
		{"announce, key and slash", get("/announce/GoodGoodGoodGoodGood/?" + leecher), response(ok, alone), false, 0},
		{"announce, no key in its place", get("/announce/\xff\x00?" + leecher), response(ok, alone), false, 0},
		{"announce, key, HEAD", "HEAD /announce/GoodGoodGoodGoodGood?" + leecher + " HTTP/1.1\r\n\r\n", headOfAnnounce, false, 0},
		{"announce, absolute-form", get("http://tracker.example:80/announce?" + leecher), response(ok, alone), false, 0},
		{"announce, raw hash", get("/announce?" + strings.Replace(leecher, "%aa%AA", "\xaa\xaa", 1)), response(ok, alone), false, 0},
		{"announce, junk in what is ignored", get("/announce?key=\xff\x00%zz&ip=10.0.0.1&ipv6=x&" + leecher), response(ok, alone), false, 0},
		{"announce, close", "GET /announce?" + leecher + " HTTP/1.1\r\nConnection: close\r\n\r\n", response(closing, alone), true, 0},
		{"announce, HTTP/1.0", "GET /announce?" + leecher + " HTTP/1.0\r\n\r\n", response(closing, alone), true, 0},
		{"announce, HTTP/1.0 keep-alive", "GET /announce?" + leecher + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", response(ok+"|keep-alive", alone), false, 0},
		{"announce, HEAD", "HEAD /announce?" + leecher + " HTTP/1.1\r\n\r\n", headOfAnnounce, false, 0},
		{"announce, HEAD, close", "HEAD /announce?" + leecher + " HTTP/1.1\r\nConnection: close\r\n\r\n",
			strings.Replace(headOfAnnounce, "plain\r\n", "plain\r\nConnection: close\r\n", 1), true, 0},
		{"announce, HEAD, HTTP/1.0 keep-alive", "HEAD /announce?" + leecher + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
			strings.Replace(headOfAnnounce, "plain\r\n", "plain\r\nConnection: keep-alive\r\n", 1), false, 0},
		{"scrape", scrapeRequest, response(ok, found), false, 0},
		{"scrape, slash", get("/scrape/?info_hash=%aa%AAaaaaaaaaaaaaaaaaaa"), response(ok, found), false, 0},
		{"scrape, key behind", get("/scrape/GoodGoodGoodGoodGood?info_hash=%aa%AAaaaaaaaaaaaaaaaaaa"), response(ok, found), false, 0},
		{"scrape, key before", get("/GoodGoodGoodGoodGood/scrape?info_hash=%aa%AAaaaaaaaaaaaaaaaaaa"), response(ok, found), false, 0},
		{"scrape, HEAD", strings.Replace(scrapeRequest, "GET", "HEAD", 1), headOnly(response(ok, found)), false, 0},

		{"pipeline", request + scrapeRequest + request, response(ok, strings.Replace(alone, "incompletei0", "incompletei1", 1)) +
			response(ok, strings.Replace(found, "incompletei0", "incompletei1", 1)) + response(ok, alone), false, 0},
		{"pipeline with empty lines", "\r\n\n" + request + "\r\n\r\n" + request + "\n", response(ok, alone) + response(ok, alone), false, 0},
		{"pipeline behind a close", "HEAD / HTTP/1.0\r\n\r\n" + request, headOnly(response("404 Not Found|close", failure(shoal.PathUnknown))), true, len(request)},
		{"pipeline of failures", get("/announce") + get("/") + request, response(ok, failure(shoal.InfoHashMissing)) +
			response("404 Not Found", failure(shoal.PathUnknown)) + response(ok, alone), false, 0},
		{"pipeline, HEAD first", "HEAD /announce HTTP/1.1\r\n\r\n" + request, headOfAnnounce + response(ok, alone), false, 0},

		{"announce of nothing", get("/announce"), response(ok, failure(shoal.InfoHashMissing)), false, 0},
		{"bad hash", get("/announce?info_hash=abc"), response(ok, failure(shoal.InfoHashInvalid)), false, 0},
		{"no peer ID", get("/announce?info_hash=aaaaaaaaaaaaaaaaaaaa"), response(ok, failure(shoal.PeerIDMissing)), false, 0},
		{"no port", get("/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa"), response(ok, failure(shoal.PortMissing)), false, 0},
		{"bad port", get("/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa&port=65536"), response(ok, failure(shoal.PortInvalid)), false, 0},
		{"refused by a rule", get("/announce?" + strings.Replace(leecher, "6881", "22", 1)), response(ok, failure(shoal.PortDenied)), false, 0},
		{"scrape of all", get("/scrape"), response(ok, failure(shoal.ScrapeAll)), false, 0},
		{"bad scrape", get("/scrape?info_hash=a"), response(ok, failure(shoal.InfoHashInvalid)), false, 0},
		{"bad announce, close", "GET /announce HTTP/1.0\r\n\r\n", response(closing, failure(shoal.InfoHashMissing)), true, 0},

		{"other path", get("/favicon.ico"), response("404 Not Found", failure(shoal.PathUnknown)), false, 0},
		{"key and nothing else", get("/GoodGoodGoodGoodGood"), response("404 Not Found", failure(shoal.PathUnknown)), false, 0},
		{"two keys", get("/announce/GoodGoodGoodGoodGood/GoodGoodGoodGoodGood"), response("404 Not Found", failure(shoal.PathUnknown)), false, 0},
		{"post", "POST /announce HTTP/1.1\r\nContent-Length: 0\r\n\r\n", response(method, failure(shoal.MethodUnknown)), false, 0},
		{"post of a body", "POST /announce HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", response(method+"|close", failure(shoal.MethodUnknown)), true, -1},
		{"body", "GET /announce HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", response(closing, failure(shoal.RequestBody)), true, -1},
		{"smuggled in a body", "GET /announce HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + request, response(closing, failure(shoal.RequestBody)), true, -1},
		{"no HTTP", "hello\r\n\r\n", response(closing, failure(shoal.RequestInvalid)), true, -1},
		{"TLS", "\x16\x03\x01\x02\x00", response(closing, failure(shoal.RequestInvalid)), true, -1},
		{"bad header", "GET /announce HTTP/1.1\r\nA\r\n\r\n" + request, response(closing, failure(shoal.RequestInvalid)), true, -1},
		{"bad header, HEAD", "HEAD /announce HTTP/1.1\r\nA\r\n\r\n", headOnly(response(closing, failure(shoal.RequestInvalid))), true, -1},
		{"endless head", "GET /announce?" + strings.Repeat("a", MaxHead), response(large, failure(shoal.RequestTooLarge)), true, -1},
		{"head of one byte too many", sized(MaxHead + 1), response(large, failure(shoal.RequestTooLarge)), true, -1},
		{"largest head", sized(MaxHead), response(ok, failure(shoal.InfoHashMissing)), false, 0},
		{"too many headers", "GET /announce HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 65) + "\r\n", response(large, failure(shoal.RequestTooLarge)), true, -1},
		{"part of a head", request[:30], "", false, 30},
		{"nothing but empty lines", "\r\n\r\n\n", "", false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := visit(newServer(true, false), "192.0.2.1:5000")
			if got := v.send(tt.in); got != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
			unread := tt.unread
			if unread < 0 {
				unread = len(tt.in)
			}
			if v.IsClosed() != tt.closed || len(v.unread) != unread {
				t.Errorf("closed %v with %d bytes unread, want %v and %d", v.IsClosed(), len(v.unread), tt.closed, unread)
			}

			v = visit(newServer(true, false), "192.0.2.1:5000")
			var got strings.Builder
			for i := range len(tt.in) {
				got.WriteString(v.send(tt.in[i : i+1]))
			}
			if got.String() != tt.want || v.IsClosed() != tt.closed {
				t.Errorf("by the byte: closed %v, got\n%q\nwant\n%q", v.IsClosed(), got.String(), tt.want)
			}
		})
	}
}

// sized returns an announce of nothing whose head has n bytes.
func sized(n int) string {
	const begin, end = "GET /announce HTTP/1.1\r\nA: ", "\r\n\r\n"
	return begin + strings.Repeat("a", n-len(begin+end)) + end
}

// HEAD changes nothing: it stores no peer, removes none and completes none.
func TestHeadIsSafe(t *testing.T) {
	s := newServer(true, false)
	seeder := strings.Replace(leecher, "left=1", "left=0", 1)
	visit(s, "192.0.2.1:5000").send("GET /announce?" + leecher + " HTTP/1.1\r\n\r\n")
	for _, head := range []struct{ from, query string }{
		{"192.0.2.2:5000", leecher},
		{"192.0.2.3:5000", seeder},
		{"192.0.2.1:5000", seeder + "&event=completed"},
		{"192.0.2.1:5000", leecher + "&event=stopped"},
		{"192.0.2.1:5000", "info_hash=short"},
	} {
		if got := visit(s, head.from).send("HEAD /announce?" + head.query + " HTTP/1.1\r\n\r\n"); got != headOfAnnounce {
			t.Errorf("%s from %s: got %q", head.query, head.from, got)
		}
		want := response("200 OK", strings.Replace(found, "incompletei0", "incompletei1", 1))
		if got := visit(s, "192.0.2.9:5000").send("GET /scrape?" + leecher + " HTTP/1.1\r\n\r\n"); got != want {
			t.Fatalf("after HEAD of %s from %s: got\n%q\nwant\n%q", head.query, head.from, got, want)
		}
	}
}

func TestKeepAliveOff(t *testing.T) {
	v := visit(newServer(false, false), "192.0.2.1:5000")
	in := "GET /announce?" + leecher + " HTTP/1.1\r\nConnection: keep-alive\r\n\r\n"
	if got, want := v.send(in+in), response("200 OK|close", alone); got != want || !v.IsClosed() {
		t.Errorf("closed %v, got\n%q\nwant\n%q", v.IsClosed(), got, want)
	}
}

func TestAlarms(t *testing.T) {
	v := visit(newServer(true, false), "192.0.2.1:5000")
	start := v.Now()
	step := func(what string, after time.Duration, in string, want time.Duration) {
		t.Helper()
		v.clock.Set(start.Add(after))
		v.send(in)
		if got := v.Alarm().Sub(start); got != want {
			t.Errorf("%s: alarm after %v, want %v", what, got, want)
		}
	}
	step("open", 0, "", 5*time.Second)
	step("a first byte", 2*time.Second, "G", 5*time.Second)
	step("a trickle", 4*time.Second, "E", 5*time.Second)
	step("a request", 4500*time.Millisecond, "T / HTTP/1.1\r\n\r\n", 64500*time.Millisecond)
	step("empty lines", 10*time.Second, "\r\n\r\n", 64500*time.Millisecond)
	step("the beginning of the next", 60*time.Second, "GET /", 65*time.Second)
	step("more of it", 64*time.Second, "announce", 65*time.Second)
	step("its end, and part of a third", 64*time.Second, " HTTP/1.1\r\n\r\nG", 69*time.Second)
	v.protocol.Tick(v.Conn, v.Now())
	if !v.IsClosed() {
		t.Error("the alarm did not close the connection")
	}
}

func TestCounters(t *testing.T) {
	s := newServer(true, false)
	for range 3 * countSets {
		v := visit(s, "192.0.2.1:5000")
		v.send("GET /announce?" + leecher + " HTTP/1.1\r\n\r\nGET /announce HTTP/1.1\r\n\r\nGET /scrape HTTP/1.1\r\n\r\nHEAD /announce HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\nnonsense\r\n\r\n")
	}
	const n = 3 * countSets
	if got, want := s.Counters().V4, (Family{Connections: n, Requests: 6 * n, Announces: n, Refused: 4 * n, AnnouncesRefused: n, ScrapesRefused: n}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Memory that the engine hands out twice must not show through.
func TestStaleMemory(t *testing.T) {
	v := visit(newServer(true, false), "192.0.2.1:5000")
	out := bytes.Repeat([]byte("secret"), 3000)[:0]
	_, reply, _ := v.protocol.Bytes(v.Conn, []byte("GET /announce?"+leecher+" HTTP/1.1\r\n\r\n"), out)
	if want := response("200 OK", alone); string(reply) != want {
		t.Errorf("got\n%q\nwant\n%q", reply, want)
	}
}
