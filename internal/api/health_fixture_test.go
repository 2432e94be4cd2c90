package api

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/udptracker"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// What a part of the test's tracker does when it is asked.
type mood int32

const (
	well     mood = iota
	refusing      // answers with a refusal, as a private tracker does
	odd           // answers with what no tracker answers
	silent        // takes what comes, and says nothing
)

// ward is a tracker of the test: one of each kind of service, each in a mood.
type ward struct {
	udp, http, ws, api mood
	tls                bool

	services     []Service
	certificates []Certificate
	database     func(context.Context) error
	asked        atomic.Int64 // scrapes over HTTP
	away         chan struct{}
}

// serve starts the services, until the test is over.
func (w *ward) serve(t *testing.T) {
	w.away = make(chan struct{})
	t.Cleanup(func() { close(w.away) })
	w.services = []Service{
		{ServiceUDP, w.serveUDP(t), false},
		{ServiceHTTP, w.serveTCP(t, w.answerHTTP), w.tls},
		{ServiceWebTorrent, w.serveTCP(t, w.answerWS), w.tls},
		{ServiceAPI, w.serveTCP(t, w.answerAPI), w.tls},
	}
}

func (w *ward) serveUDP(t *testing.T) netip.AddrPort {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		p := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(p)
			if err != nil {
				return
			}
			h, _ := udptracker.ParseHeader(p[:n])
			var reply []byte
			switch {
			case w.udp == silent:
				continue
			case w.udp == odd:
				reply = append(reply, "HTTP/1.1 200 OK\r\n\r\n"...)
			case h.Action == udptracker.ActionConnect:
				reply = udptracker.AppendConnectReply(nil, h.Transaction, 7)
			case w.udp == refusing:
				reply = udptracker.AppendError(nil, h.Transaction, shoal.KeyMissing.Error())
			default:
				reply = udptracker.AppendScrapeReply(nil, h.Transaction, make([]shoal.ScrapeCounts, 1))
			}
			conn.WriteToUDPAddrPort(reply, from)
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (w *ward) serveTCP(t *testing.T, answer http.HandlerFunc) netip.AddrPort {
	server := httptest.NewUnstartedServer(answer)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if w.tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort(u.Host)
}

// hang answers nothing until who asked is gone.
func (w *ward) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-w.away:
	}
}

func (w *ward) answerHTTP(res http.ResponseWriter, r *http.Request) {
	w.asked.Add(1)
	hashes, failure := httptracker.ParseScrape([]byte(r.URL.RawQuery), nil)
	switch {
	case w.http == silent:
		w.hang(r)
	case w.http == odd || r.URL.Path != "/scrape" || failure != shoal.OK || len(hashes) != 1:
		http.Error(res, "<html>", http.StatusBadGateway)
	case w.http == refusing:
		res.Write(httptracker.AppendFailure(nil, shoal.KeyMissing))
	default:
		res.Write(httptracker.AppendScrape(nil, hashes, make([]shoal.ScrapeCounts, 1), 0))
	}
}

func (w *ward) answerWS(res http.ResponseWriter, r *http.Request) {
	switch w.ws {
	case silent:
		w.hang(r)
		return
	case odd:
		http.Error(res, "<html>", http.StatusForbidden)
		return
	case refusing:
		res.WriteHeader(http.StatusForbidden)
		io.WriteString(res, shoal.OriginDenied.Error())
		return
	}
	conn, err := websocket.Accept(res, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		_, message, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		var req shoal.AnnounceRequest
		var m webtorrent.Message
		if failure := webtorrent.Parse(message, &req, &m); failure != shoal.OK || m.Kind != webtorrent.KindScrape {
			return
		}
		conn.Write(r.Context(), websocket.MessageText, webtorrent.AppendScrapeReply(nil, m.Hashes, make([]shoal.ScrapeCounts, len(m.Hashes)), 60))
	}
}

func (w *ward) answerAPI(res http.ResponseWriter, r *http.Request) {
	switch {
	case w.api == silent:
		w.hang(r)
	case w.api == odd || r.URL.Path != "/api/health_check":
		io.WriteString(res, `{"status":"Odd"}`)
	case w.api == refusing:
		http.Error(res, "no", http.StatusInternalServerError)
	default:
		io.WriteString(res, `{"status":"Ok"}`)
	}
}

// health serves a health check of the ward.
func (w *ward) health(t *testing.T, change func(h *Health)) (base string) {
	t.Helper()
	h, err := ListenHealth(HealthConfig{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}}, HealthOptions{
		Services:     func() []Service { return w.services },
		Certificates: func() []Certificate { return w.certificates },
		Database:     w.database,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.patience = time.Minute // far more than any answer needs
	if change != nil {
		change(h)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + h.Addrs()[0].String()
}

// look asks for the report.
func look(t *testing.T, base string) (status int, report healthReport) {
	t.Helper()
	res, err := http.Get(base + "/health_check")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	decoder := json.NewDecoder(res.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&report); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, report
}
