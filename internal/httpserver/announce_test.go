package httpserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// crowd has 300 peers of each family announce. Those of IPv4 are at
// 198.51.100.1 and 198.51.101.1, those of IPv6 at 2001:db8::1.
func crowd(t *testing.T, s *Server) {
	t.Helper()
	for i := range 300 {
		for _, from := range []string{fmt.Sprintf("198.51.%d.1:5000", 100+i%2), "[2001:db8::1]:5000"} {
			got := visit(s, from).send(fmt.Sprintf("GET /announce?info_hash=%%aa%%AAaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-%012d&port=%d&left=0 HTTP/1.1\r\n\r\n", i, 1000+i))
			if !strings.HasPrefix(got, "HTTP/1.1 200 OK") || strings.Contains(got, "failure") {
				t.Fatalf("got %q", got)
			}
		}
	}
}

func parse(t *testing.T, got string) *httptracker.AnnounceReply {
	t.Helper()
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	if !strings.Contains(head+"\r\n", "\r\nContent-Length: "+digits(len(body))+"\r\n") {
		t.Errorf("a body of %d bytes does not fit its head %q", len(body), head)
	}
	reply, err := httptracker.ParseAnnounceReply([]byte(body))
	if err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return reply
}

func TestAnnouncePeers(t *testing.T) {
	for _, details := range []bool{false, true} {
		s := newServer(true, details)
		crowd(t, s)
		tests := []struct {
			query string
			from  string
			want  int // of each family
			ids   bool
		}{
			{"", "203.0.113.9:1", 50, false},
			{"&numwant=0", "203.0.113.9:1", 0, false},
			{"&numwant=7", "[2001:db8::9]:1", 7, false},
			{"&numwant=200", "203.0.113.9:1", 200, false},
			{"&numwant=201", "203.0.113.9:1", 200, false},
			{"&numwant=99999999999999999999", "[2001:db8::9]:1", 200, false},
			{"&numwant=-5", "203.0.113.9:1", 50, false},
			{"&compact=0", "203.0.113.9:1", 50, true},
			{"&compact=0&numwant=1000", "[2001:db8::9]:1", 200, true},
			{"&compact=0&no_peer_id=1", "203.0.113.9:1", 50, false},
			{"&event=stopped", "203.0.113.9:1", 0, false},
		}
		for _, tt := range tests {
			name := fmt.Sprintf("%q from %s, details %v", tt.query, tt.from, details)
			in := "GET /announce?" + strings.Replace(leecher, "&compact=1", "", 1) + tt.query + " HTTP/1.1\r\n\r\n"
			v := visit(s, tt.from)
			both := v.send(in + in) // the second is behind another in the engine's memory
			second := strings.LastIndex(both, "HTTP/1.1 200 OK")
			v.send("GET /announce?event=stopped&" + leecher + " HTTP/1.1\r\n\r\n")
			for _, got := range []string{both[:second], both[second:]} {
				reply := parse(t, got)
				var four, six int
				for i, p := range reply.Peers {
					switch a := p.Addr().String(); a {
					case "198.51.100.1", "198.51.101.1":
						four++
						if six > 0 {
							t.Errorf("%s: peer %d is of IPv4, behind one of IPv6", name, i)
						}
					case "2001:db8::1":
						six++
					default:
						t.Errorf("%s: peer %v is none of the crowd", name, p)
					}
					if p.Port() < 1000 || p.Port() >= 1300 {
						t.Errorf("%s: peer %v is none of the crowd", name, p)
					}
				}
				if four != tt.want || six != tt.want {
					t.Errorf("%s: %d IPv4 and %d IPv6 peers, want %d of each", name, four, six, tt.want)
				}
				if reply.Complete != 600 || reply.Interval != 1800 || reply.MinInterval != 1800 {
					t.Errorf("%s: got %+v", name, reply)
				}
				if want := netip.MustParseAddrPort(tt.from).Addr(); reply.ExternalIP != want {
					t.Errorf("%s: external IP %v, want %v", name, reply.ExternalIP, want)
				}
				if ids := strings.Count(got, "7:peer id20:-XX0001-"); ids > 0 != (tt.ids && details) || ids > 0 && ids != four+six {
					t.Errorf("%s: %d peer IDs for %d peers", name, ids, four+six)
				}
			}
		}
	}
}

// Small memory makes every reply grow out of it; what is sent is the same.
func TestSmallMemory(t *testing.T) {
	for _, query := range []string{"/announce?numwant=200&" + leecher, "/announce?compact=0&" + leecher, "/scrape?" + leecher, "/"} {
		var want string
		for _, size := range []int{16 << 10, 0, 1, 300, 1500, 5000} {
			s := newServer(true, false)
			crowd(t, s)
			v := visit(s, "203.0.113.9:1")
			_, got, _ := v.protocol.Bytes(v.Conn, []byte("GET "+query+" HTTP/1.1\r\n\r\n"), make([]byte, 0, size))
			lengths := fmt.Sprint(len(got), string(got[:min(len(got), 150)]))
			if want == "" {
				want = lengths
			}
			if lengths != want {
				t.Errorf("%s in %d bytes: got %q, want %q", query, size, lengths, want)
			}
		}
	}
}

// The limit on connections is worked out from what the largest reply takes
// behind the most that may stand before it.
func TestLargestReply(t *testing.T) {
	s := newServer(true, true)
	for i := range 300 {
		for _, from := range []string{"198.151.100.200:5000", "[2001:db8:1111:1111:1111:1111:1111:1111]:5000"} {
			visit(s, from).send(fmt.Sprintf("GET /announce?info_hash=%%aa%%AAaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-%012d&port=%d&left=0 HTTP/1.1\r\n\r\n", i, 10000+i))
		}
	}
	const before, most, room = 8<<10 - 1, 33 << 10, 48 << 10
	v := visit(s, "[2001:db8:1111:1111:1111:1111:1111:2222]:5000")
	in := "GET /announce?" + strings.Replace(leecher, "compact=1", "compact=0", 1) + "&numwant=1000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	_, got, _ := v.protocol.Bytes(v.Conn, []byte(in), make([]byte, before, 16<<10))
	if peers := parse(t, string(got[before:])).Peers; len(peers) != 2*maxNumWant || strings.Count(string(got), "7:peer id") != len(peers) {
		t.Fatalf("measured the wrong thing: %d peers", len(peers))
	}
	if size := len(got) - before; size > most || cap(got) > room {
		t.Errorf("%d bytes in memory of %d, want %d in %d at most", size, cap(got), most, room)
	}
}

func TestScrapeMany(t *testing.T) {
	s := newServer(true, false)
	crowd(t, s)
	query := "/scrape?info_hash=%aa%AAaaaaaaaaaaaaaaaaaa"
	for i := range 120 {
		query += fmt.Sprintf("&info_hash=%020d", i)
	}
	got := visit(s, "203.0.113.9:1").send("GET " + query + " HTTP/1.1\r\n\r\n")
	_, body, _ := strings.Cut(got, "\r\n\r\n")
	reply, err := httptracker.ParseScrapeReply([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Files) != httptracker.MaxScrape || reply.MinRequestInterval != 1800 {
		t.Errorf("%d files, at least %d s apart", len(reply.Files), reply.MinRequestInterval)
	}
	var hash shoal.InfoHash
	copy(hash[:], "\xaa\xaa"+strings.Repeat("a", 18))
	if want := (shoal.ScrapeCounts{Complete: 600}); reply.Files[hash] != want {
		t.Errorf("got %+v, want %+v", reply.Files[hash], want)
	}
}

// TestOverTCP has net/http's client talk to the server through an engine.
func TestOverTCP(t *testing.T) {
	s := newServer(true, false)
	clock := new(shoal.Clock)
	clock.Set(shoal.TickOf(time.Now()))
	loops, err := streamio.NewLoops(streamio.LoopsConfig{}, clock)
	if err != nil {
		t.Fatal(err)
	}
	l, err := loops.Listen(netip.MustParseAddrPort("127.0.0.1:0"), streamio.Config{NewProtocol: s.NewProtocol, MaxInput: MaxHead, Proxies: s.Proxies()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- loops.Serve(ctx) }()
	transport := &http.Transport{}
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	url := "http://" + l.Addr().String()
	do := func(method, path, body string, want int, closes bool) string {
		t.Helper()
		q, err := http.NewRequest(method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		got, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != want || r.Close != closes {
			t.Errorf("%s %s: status %d, closes %v, want %d and %v", method, path, r.StatusCode, r.Close, want, closes)
		}
		return string(got)
	}
	mine := strings.Replace(alone, "\xc0\x00\x02\x01", "\x7f\x00\x00\x01", 1)
	for range 3 {
		if got := do("GET", "/announce?"+leecher, "", 200, false); got != mine {
			t.Errorf("got %q, want %q", got, mine)
		}
		if got := do("HEAD", "/announce?"+leecher, "", 200, false); got != "" {
			t.Errorf("HEAD: got %q", got)
		}
		do("GET", "/", "", 404, false)
		do("DELETE", "/announce", "", 405, false)
	}
	// A large body must not cost the client the reply that refuses it.
	if got := do("POST", "/announce", strings.Repeat("x", 100_000), 405, true); got != failure(shoal.MethodUnknown) {
		t.Errorf("POST: got %q", got)
	}
	if got := do("GET", "/announce?"+strings.Repeat("a", 20_000), "", 431, true); got != failure(shoal.RequestTooLarge) {
		t.Errorf("too large: got %q", got)
	}
	// A network that is trusted from now on is believed on the next connection,
	// and so is not the header of the last.
	transport.CloseIdleConnections()
	c := DefaultConfig()
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s.Configure(c)
	if got := do("GET", "/announce?"+leecher, "", 200, false); got != failure(shoal.ForwardedMissing) {
		t.Errorf("from a proxy: got %q", got)
	}
	transport.CloseIdleConnections()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
