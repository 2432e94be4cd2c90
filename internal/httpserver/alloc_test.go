//go:build !race

package httpserver

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

func TestNothingIsAllocated(t *testing.T) {
	s := newServer(true, true)
	crowd(t, s)
	moved := newServerWith(DefaultConfig(), "never", false, Options{Plain: "redirect"})
	for name, in := range map[string]string{
		"announce":             "GET /announce?" + leecher + "&numwant=200 HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\nConnection: keep-alive\r\n\r\n",
		"announce, dictionary": "GET /announce?" + strings.Replace(leecher, "compact=1", "compact=0", 1) + " HTTP/1.1\r\n\r\n",
		"announce, HEAD":       "HEAD /announce?" + leecher + " HTTP/1.1\r\n\r\n",
		"scrape":               "GET /scrape?" + leecher + " HTTP/1.1\r\n\r\n",
		"refused by a rule":    "GET /announce?" + strings.Replace(leecher, "6881", "22", 1) + " HTTP/1.1\r\n\r\n",
		"bad announce":         "GET /announce HTTP/1.1\r\n\r\n",
		"other path":           "GET / HTTP/1.1\r\n\r\n",
		"post":                 "POST / HTTP/1.1\r\n\r\n",
		"no HTTP":              "nonsense\r\n\r\n",
		"part of a head":       "GET /announce?",
	} {
		v := visit(s, "203.0.113.9:1")
		request, out := []byte(in), make([]byte, 0, 64<<10)
		var reply []byte
		if got := testing.AllocsPerRun(100, func() {
			_, reply, _ = v.protocol.Bytes(v.Conn, request, out)
		}); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
		if name == "announce" && len(reply) < 200*(6+18) {
			t.Errorf("%s: measured the wrong thing: %q", name, reply)
		}
	}

	now := shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	chain, _ := chainOf(true, true, now, [3]shoal.InfoHash{shoal.InfoHash([]byte("\xaa\xaa" + strings.Repeat("a", 18))), {}, {1}})
	private, _, _ := newServerOf(DefaultConfig(), "never", false, Options{}, chain)
	for target, want := range map[string]string{
		"/announce/" + goodKey + "?" + leecher:                                   "d8:complete",
		"/announce?passkey=" + goodKey + "&" + leecher:                           "d8:complete",
		"/" + oldKey + "/announce?" + leecher:                                    toldExpired,
		"/announce/" + badKey + "?" + leecher + "&passkey=" + strangeKey:         toldUnknown,
		"/announce?" + leecher:                                                   toldMissing,
		"/announce?" + strings.Repeat("a=b&", 1500) + "passkey=" + badKey:        "info_hash is missing",
		"/" + goodKey + "/announce?" + strings.Replace(leecher, "%aa", "%ab", 1): toldUnregistered,
		"/scrape/" + goodKey + "?" + leecher:                                     "d5:files",
		"/scrape?" + leecher + "&passkey=" + strangeKey:                          toldUnknown,
	} {
		v := visit(private, "203.0.113.9:1")
		request, out := []byte("GET "+target+" HTTP/1.1\r\n\r\n"), make([]byte, 0, 64<<10)
		var reply []byte
		if got := testing.AllocsPerRun(100, func() { _, reply, _ = v.protocol.Bytes(v.Conn, request, out) }); got != 0 {
			t.Errorf("%.60s: %v allocations", target, got)
		}
		if !strings.Contains(string(reply), want) {
			t.Errorf("%.60s: measured the wrong thing: %q", target, reply)
		}
	}

	for header, values := range map[string][]string{
		"X-Forwarded-For": {"", "garbage", "198.51.100.7, 10.0.0.2", "\"[2001:db8::7]:443\"", strings.Repeat("::1,", 1500)},
		"Forwarded":       {"by=10.0.0.1", "for=198.51.100.7;proto=http, for=10.0.0.2", `for="[2001:db8::7]:443"`, `for="\1\:\:"`, `for="`},
		"X-Real-IP":       {"198.51.100.7"},
	} {
		c := DefaultConfig()
		c.Forwarded, c.TrustedProxies = header, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
		s := newServerWith(c, "trusted", false, Options{})
		for _, value := range values {
			v := visitAs(s, "10.0.0.1:1", streamio.ConnState{Trusted: true})
			request, out := []byte("GET /announce?"+leecher+"&ip=203.0.113.1 HTTP/1.1\r\n"+header+": "+value+"\r\n\r\n"), make([]byte, 0, 64<<10)
			if got := testing.AllocsPerRun(100, func() { v.protocol.Bytes(v.Conn, request, out) }); got != 0 {
				t.Errorf("%s: %.50s: %v allocations", header, value, got)
			}
		}
	}

	v := visit(moved, "203.0.113.9:1")
	request, out := []byte("GET /announce?"+leecher+"&a=\xff HTTP/1.1\r\nHost: h\r\n\r\n"), make([]byte, 0, 64<<10)
	if got := testing.AllocsPerRun(100, func() { v.protocol.Bytes(v.Conn, request, out) }); got != 0 {
		t.Errorf("redirect: %v allocations", got)
	}
}

// A reply that does not fit grows to fit in one step: every step in between is
// garbage, and what the last one takes too much is held while a client is slow.
func TestDictionaryGrowsOnce(t *testing.T) {
	s := newServer(true, true)
	crowd(t, s)
	v := visit(s, "203.0.113.9:1")
	request, out := []byte("GET /announce?"+strings.Replace(leecher, "compact=1", "compact=0", 1)+"&numwant=200 HTTP/1.1\r\n\r\n"), make([]byte, 0, 1000)
	if got := testing.AllocsPerRun(100, func() { v.protocol.Bytes(v.Conn, request, out) }); got != 1 {
		t.Errorf("%v allocations, want 1", got)
	}
}

func BenchmarkAnnounce(b *testing.B) {
	s := newServer(true, false)
	v := visit(s, "203.0.113.9:1")
	request, out := []byte("GET /announce?"+leecher+" HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"), make([]byte, 0, 16<<10)
	for b.Loop() {
		v.protocol.Bytes(v.Conn, request, out)
	}
}
