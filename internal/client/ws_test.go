package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// A browserTracker answers what comes over WebSockets. It speaks after a message
// in the order of what answer returns.
type browserTracker struct {
	answer func(conn *websocket.Conn, message []byte) [][]byte

	// silent has it neither read nor close once it has answered.
	silent chan struct{}
}

func (b *browserTracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has been answered
	}
	defer conn.CloseNow()
	ctx := context.Background()
	for {
		_, message, err := conn.Read(ctx)
		if err != nil {
			return
		}
		for _, said := range b.answer(conn, message) {
			if conn.Write(ctx, websocket.MessageText, said) != nil {
				return
			}
		}
		if b.silent != nil {
			<-b.silent
			return
		}
	}
}

// serveWS serves until the test is over; base begins with ws.
func serveWS(t *testing.T, handler http.Handler) (base string) {
	return "ws" + strings.TrimPrefix(serveHTTP(t, handler.ServeHTTP), "http")
}

// serveAnswers is a tracker that answers every message alike.
func serveAnswers(t *testing.T, answers ...[]byte) (base string) {
	return serveWS(t, &browserTracker{answer: func(*websocket.Conn, []byte) [][]byte { return answers }})
}

// textOf is a binary string as a tracker repeats it.
func textOf(b []byte) webtorrent.Text { return webtorrent.AppendText(nil, b) }

func announceReplyWS(hash shoal.InfoHash) []byte {
	return webtorrent.AppendAnnounceReply(nil, textOf(hash[:]), &shoal.AnnounceResponse{
		Interval: 120, Complete: 5, Incomplete: 3,
	})
}

var repliedWS = &Reply{Interval: 120, Complete: 5, Incomplete: 3, WebTorrent: true}

// announced answers announces and keeps what they ask.
func announced(asked chan<- shoal.AnnounceRequest) *browserTracker {
	return &browserTracker{answer: func(_ *websocket.Conn, message []byte) [][]byte {
		var req shoal.AnnounceRequest
		var m webtorrent.Message
		failure := webtorrent.Parse(message, &req, &m)
		if failure != shoal.OK || m.Kind != webtorrent.KindAnnounce || len(m.Offers) > 0 {
			return [][]byte{webtorrent.AppendFailure(nil, m.Kind, m.InfoHashText, failure)}
		}
		asked <- req
		return [][]byte{announceReplyWS(req.InfoHash)}
	}}
}

func wantAnnounced(t *testing.T, asked <-chan shoal.AnnounceRequest, got *Reply, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(repliedWS, got, same); diff != "" {
		t.Errorf("reply differs (-want +got):\n%s", diff)
	}
	want := *request()
	want.Addr = netip.AddrPort{} // a browser has no port
	if diff := cmp.Diff(want, <-asked, same); diff != "" {
		t.Errorf("request differs (-want +got):\n%s", diff)
	}
}

func TestAnnounceWS(t *testing.T) {
	asked := make(chan shoal.AnnounceRequest, 1)
	tracker := announced(asked)
	base := serveWS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/announce/KEY" || r.URL.Query().Get("a") != "b" {
			http.NotFound(w, r)
			return
		}
		for header, want := range map[string]string{"User-Agent": "shoal", "Origin": "", "Sec-Websocket-Extensions": ""} {
			if got := r.Header.Get(header); got != want {
				t.Errorf("header %s is %q, want %q", header, got, want)
			}
		}
		tracker.ServeHTTP(w, r)
	}))
	got, err := Announce(patient(t), base+"/announce/KEY?a=b", request())
	wantAnnounced(t, asked, got, err)
}

// serveWSS serves over TLS, and prefers HTTP/2, which knows no upgrade.
func serveWSS(t *testing.T, handler http.Handler) (base string, roots *tls.Config) {
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	roots = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	return "wss" + strings.TrimPrefix(server.URL, "https"), roots
}

func TestAnnounceWSS(t *testing.T) {
	asked := make(chan shoal.AnnounceRequest, 1)
	base, roots := serveWSS(t, announced(asked))
	if got, err := Announce(patient(t), base+"/announce?passkey=geheim", request()); err == nil ||
		!strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("from an unknown authority: got %+v, %v", got, err)
	}

	ours := httpClient.Transport
	defer func() { httpClient.Transport = ours }()
	trusting := ours.(*http.Transport).Clone()
	trusting.TLSClientConfig = roots
	trusting.ForceAttemptHTTP2 = true // as the transport does that has no TLSClientConfig
	httpClient.Transport = trusting
	got, err := Announce(patient(t), base+"/announce", request())
	wantAnnounced(t, asked, got, err)
}

// A web server may send plain clients elsewhere.
func TestAnnounceWSRedirect(t *testing.T) {
	asked := make(chan shoal.AnnounceRequest, 1)
	base := serveWS(t, announced(asked))
	elsewhere := serveWS(t, http.RedirectHandler(base+"/announce", http.StatusTemporaryRedirect))
	got, err := Announce(patient(t), elsewhere, request())
	wantAnnounced(t, asked, got, err)
}

// What is said before the answer is not taken for it.
func TestAnnounceWSPassesOver(t *testing.T) {
	req := request()
	ofAnother := webtorrent.AppendAnnounceReply(nil, textOf(make([]byte, 20)), &shoal.AnnounceResponse{Interval: 9, Complete: 9})
	text := textOf(req.PeerID[:])
	offer := webtorrent.AppendOffer(nil, &req.InfoHash, text, text, webtorrent.Raw(`{"type":"offer","sdp":""}`))
	before := [][]byte{
		offer,
		webtorrent.AppendAnswer(nil, &req.InfoHash, text, text, webtorrent.Raw(`{"type":"answer","sdp":""}`)),
		ofAnother,
		webtorrent.AppendScrapeReply(nil, []shoal.InfoHash{req.InfoHash}, []shoal.ScrapeCounts{{Complete: 9}}, 0),
		[]byte(`{"action":"nothing we know"}`),
	}
	got, err := Announce(patient(t), serveAnswers(t, append(before, announceReplyWS(req.InfoHash))...), req)
	if diff := cmp.Diff(repliedWS, got, same); diff != "" || err != nil {
		t.Errorf("error %v; reply differs (-want +got):\n%s", err, diff)
	}

	endless := make([][]byte, mostMessages)
	for i := range endless {
		endless[i] = offer
	}
	endless = append(endless, announceReplyWS(req.InfoHash))
	if got, err := Announce(patient(t), serveAnswers(t, endless...), req); err == nil || !strings.Contains(err.Error(), "no answer in 1000 messages") {
		t.Errorf("after too many offers: got %+v, %v", got, err)
	}
	if got, err := Announce(patient(t), serveAnswers(t, endless[1:]...), req); err != nil {
		t.Errorf("after many offers: got %+v, %v", got, err)
	}
}

func TestAnnounceWSErrors(t *testing.T) {
	hash := textOf(make([]byte, 20))
	tests := []struct {
		name    string
		said    []byte
		want    string
		refused *RefusedError
	}{
		{"refused", webtorrent.AppendFailure(nil, webtorrent.KindAnnounce, hash, shoal.TorrentsTooMany),
			`: tracker refused: "too many torrents over one connection: 1000 at most"`,
			&RefusedError{Reason: shoal.TorrentsTooMany.Error()}},
		{"refused for good", webtorrent.AppendFailure(nil, webtorrent.KindAnnounce, hash, shoal.ClientDenied),
			`, retry in: "never"`,
			&RefusedError{Reason: shoal.ClientDenied.Error(), RetryIn: "never"}},
		{"refused without a word what", []byte(`{"failure reason":"no"}`), `tracker refused: "no"`, &RefusedError{Reason: "no"}},
		{"refused rudely", []byte(`{"failure reason":"\u001b[2J"}`), `tracker refused: "\x1b[2J"`, &RefusedError{Reason: "\x1b[2J"}},
		{"no JSON", []byte("d14:failure reason2:noe"), "", nil},
		{"empty", nil, "", nil},
		{"cut off", []byte(`{"action":"announce"`), "", nil},
		{"too long", make([]byte, mostBody+1), "answer is longer than 1048576 bytes", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base := serveAnswers(t, test.said)
			reply, err := Announce(patient(t), base+"/announce", request())
			if err == nil || reply != nil || !strings.HasSuffix(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "announce to 127.0.0.1:") {
				t.Fatalf("got %+v, %v; want %q", reply, err, test.want)
			}
			refused, _ := errors.AsType[*RefusedError](err)
			if diff := cmp.Diff(test.refused, refused); diff != "" {
				t.Errorf("refusal differs (-want +got):\n%s", diff)
			}
		})
	}
}

// The longest answer that is read, and not one byte more.
func TestAnnounceWSLength(t *testing.T) {
	said := announceReplyWS(request().InfoHash)
	said = append(said, strings.Repeat(" ", mostBody-len(said))...)
	if _, err := Announce(patient(t), serveAnswers(t, said), request()); err != nil {
		t.Errorf("%d bytes: %v", len(said), err)
	}
	said = append(said, ' ')
	if _, err := Announce(patient(t), serveAnswers(t, said), request()); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("%d bytes: %v", len(said), err)
	}
}

// raw answers every request with bytes, and closes.
func raw(t *testing.T, said string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, said)
		conn.Close()
	})
}

func answeringHTTP(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

func closing(code websocket.StatusCode, reason string) http.Handler {
	return &browserTracker{answer: func(conn *websocket.Conn, _ []byte) [][]byte {
		conn.Close(code, reason)
		return nil
	}}
}

// Where no WebSocket comes about, or it ends too soon, the error says what there
// was instead, in words that a terminal may be shown.
func TestNoWebSocket(t *testing.T) {
	const upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	tests := []struct {
		name    string
		handler http.Handler
		want    string
		refused bool
	}{
		{"no tracker", answeringHTTP(404, ""), `no WebSocket: answer has the HTTP status "404 Not Found"`, false},
		{"a page", answeringHTTP(200, "<html>\x1b[2J"+strings.Repeat("x", 5000)),
			`no WebSocket: answer has the HTTP status "200 OK" and says "<html>\x1b[2J` + strings.Repeat("x", mostQuoted-10) + `"`, false},
		{"a refusal", answeringHTTP(403, "pages of this site may not use this tracker"),
			`"403 Forbidden" and says "pages of this site may not use this tracker"`, false},
		{"a tracker over HTTP alone", answeringHTTP(200, "d14:failure reason20:info_hash is missinge"),
			`no WebSocket: answer has the HTTP status "200 OK": tracker refused: "info_hash is missing"`, true},
		{"no HTTP", raw(t, "\x1b[2J\r\n\r\n"), `malformed HTTP response "\x1b[2J"`, false},
		{"nothing", raw(t, ""), "EOF", false},
		{"wrong key", raw(t, upgrade+"Sec-WebSocket-Accept: \u009b2J\r\n\r\n"), "answer to the WebSocket upgrade: ", false},
		{"unknown extensions", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Sec-WebSocket-Extensions", "permessage-deflate, \u009b2J")
			if conn, err := websocket.Accept(w, r, nil); err == nil {
				conn.CloseNow() // else what follows is waited for
			}
		}), `answer to the WebSocket upgrade: `, false},
		{"closed", closing(websocket.StatusPolicyViolation, "\x1b[2J"), `tracker closed the connection with status 1008, reason "\x1b[2J"`, false},
		{"closed without a word", closing(websocket.StatusNoStatusRcvd, ""), `tracker closed the connection with status 1005, reason ""`, false},
		{"gone", &browserTracker{answer: func(conn *websocket.Conn, _ []byte) [][]byte { conn.CloseNow(); return nil }}, "reading the answer: ", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base := serveWS(t, test.handler)
			reply, err := Announce(patient(t), base+"/announce?passkey=geheim", request())
			if err == nil || reply != nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %+v, %v; want %q", reply, err, test.want)
			}
			if _, ok := errors.AsType[*RefusedError](err); ok != test.refused {
				t.Errorf("refused: %v, want %v", ok, test.refused)
			}
			if strings.ContainsAny(err.Error(), "\x1b\u009b") || strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error has what it must not: %q", err)
			}
			if counts, err := Scrape(patient(t), base+"/announce", hashes(1)); err == nil || counts != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("scrape: got %v, %v; want %q", counts, err, test.want)
			}
		})
	}
}

// An error must not carry the URL around: it may have a passkey in it.
func TestWSErrorsKeepThePasskey(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "ws://" + listener.Addr().String()
	listener.Close()
	if _, err := Announce(patient(t), base+"/announce?passkey=geheim", request()); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("got %v", err)
	}
}

// A context that ends, ends the waiting: for the upgrade and for the answer.
func TestAnnounceWSContext(t *testing.T) {
	tired := errors.New("tired")
	for _, test := range []struct {
		name    string
		handler func(cancel func()) http.Handler
	}{
		{"upgrade", func(cancel func()) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				<-r.Context().Done()
			})
		}},
		{"answer", func(cancel func()) http.Handler {
			return &browserTracker{answer: func(*websocket.Conn, []byte) [][]byte {
				cancel()
				return nil
			}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			base := serveWS(t, test.handler(func() { cancel(tired) }))
			if _, err := Announce(ctx, base, request()); !errors.Is(err, tired) || !strings.HasSuffix(err.Error(), "no answer: tired") {
				t.Errorf("got %v, want %v", err, tired)
			}
		})
	}
}

// A tracker that does not let go does not keep the answer back, nor spoil it.
func TestAnnounceWSGoodbye(t *testing.T) {
	silent := make(chan struct{})
	base := serveWS(t, &browserTracker{silent: silent, answer: func(*websocket.Conn, []byte) [][]byte {
		return [][]byte{announceReplyWS(request().InfoHash)}
	}})
	defer close(silent)
	ctx := patient(t)
	if _, err := Announce(ctx, base, request()); err != nil || ctx.Err() != nil {
		t.Errorf("got %v, context: %v", err, ctx.Err())
	}
}

// scrapeTracker counts how many torrents each message asks for, and answers for
// those that it knows.
func scrapeTracker(pieces *[]int, knows func(shoal.InfoHash) bool) *browserTracker {
	return &browserTracker{answer: func(_ *websocket.Conn, message []byte) [][]byte {
		var req shoal.AnnounceRequest
		var m webtorrent.Message
		if failure := webtorrent.Parse(message, &req, &m); failure != shoal.OK || m.Kind != webtorrent.KindScrape {
			return [][]byte{webtorrent.AppendFailure(nil, m.Kind, m.InfoHashText, failure)}
		}
		*pieces = append(*pieces, len(m.Hashes))
		var known []shoal.InfoHash
		var counts []shoal.ScrapeCounts
		for _, hash := range m.Hashes {
			if knows(hash) {
				known, counts = append(known, hash), append(counts, countsOf(hash))
			}
		}
		return [][]byte{webtorrent.AppendScrapeReply(nil, known, counts, 60)}
	}}
}

func TestScrapeWS(t *testing.T) {
	all := func(shoal.InfoHash) bool { return true }
	for _, test := range []struct {
		torrents int
		want     []int
	}{
		{1, []int{1}}, {2, []int{2}}, {254, []int{254}}, {255, []int{255}}, {256, []int{255, 1}}, {600, []int{255, 255, 90}},
	} {
		t.Run(fmt.Sprint(test.torrents), func(t *testing.T) {
			var pieces []int
			base := serveWS(t, scrapeTracker(&pieces, all))
			counts, err := Scrape(patient(t), base+"/announce", hashes(test.torrents))
			wantCounts(t, hashes(test.torrents), counts, err)
			if diff := cmp.Diff(test.want, pieces); diff != "" {
				t.Errorf("pieces differ (-want +got):\n%s", diff)
			}
		})
	}
}

// What is said before the answer is not taken for it.
func TestScrapeWSPassesOver(t *testing.T) {
	asked := hashes(2)
	base := serveAnswers(t, announceReplyWS(asked[0]),
		webtorrent.AppendScrapeReply(nil, asked, []shoal.ScrapeCounts{countsOf(asked[0]), countsOf(asked[1])}, 0))
	counts, err := Scrape(patient(t), base, asked)
	wantCounts(t, asked, counts, err)
}

// A torrent that the tracker leaves out has zeroes in its place.
func TestScrapeWSUnknown(t *testing.T) {
	var pieces []int
	base := serveWS(t, scrapeTracker(&pieces, func(hash shoal.InfoHash) bool { return hash[0] == 3 }))
	counts, err := Scrape(patient(t), base, hashes(5))
	if diff := cmp.Diff([]shoal.ScrapeCounts{3: countsOf(shoal.InfoHash{3}), 4: {}}, counts); diff != "" || err != nil {
		t.Errorf("error %v; counts differ (-want +got):\n%s", err, diff)
	}
}

// One refused piece leaves no counts that could be taken for all.
func TestScrapeWSRefused(t *testing.T) {
	var pieces []int
	knowing := scrapeTracker(&pieces, func(shoal.InfoHash) bool { return true })
	base := serveWS(t, &browserTracker{answer: func(conn *websocket.Conn, message []byte) [][]byte {
		if len(pieces) == 1 {
			return [][]byte{webtorrent.AppendFailure(nil, webtorrent.KindScrape, nil, shoal.ScrapeTooMany)}
		}
		return knowing.answer(conn, message)
	}})
	counts, err := Scrape(patient(t), base, hashes(256))
	refused, ok := errors.AsType[*RefusedError](err)
	if counts != nil || !ok || refused.Reason != shoal.ScrapeTooMany.Error() || !strings.HasPrefix(err.Error(), "scrape of 127.0.0.1:") {
		t.Errorf("got %v, %v", counts, err)
	}
}
