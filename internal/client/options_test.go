package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/udptracker"
)

// A certificate that nobody knows is taken by who says so, and by nobody else.
func TestAnyCertificate(t *testing.T) {
	var pieces []int
	wss, _ := serveWSS(t, scrapeTracker(&pieces, func(shoal.InfoHash) bool { return true }))
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := httptracker.ParseScrape([]byte(r.URL.RawQuery), nil)
		w.Write(httptracker.AppendScrape(nil, asked, []shoal.ScrapeCounts{countsOf(asked[0]), countsOf(asked[1])}, 0))
	}))
	defer server.Close()
	for _, base := range []string{server.URL, wss} {
		counts, err := ScrapeWith(patient(t), Options{AnyCertificate: true}, base+"/announce", hashes(2))
		wantCounts(t, hashes(2), counts, err)
		for _, o := range []Options{{}, {Direct: true}} {
			if _, err := ScrapeWith(patient(t), o, base+"/announce", hashes(2)); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("%s by %+v: error %v", base, o, err)
			}
		}
	}
}

// The proxies of the environment are asked unless one says no.
func TestDirect(t *testing.T) {
	if transport := (Options{}).httpClient().Transport.(*http.Transport); transport.Proxy == nil {
		t.Error("no proxy is looked for")
	}
	if transport := (Options{AnyCertificate: true}).httpClient().Transport.(*http.Transport); transport.Proxy == nil {
		t.Error("no proxy is looked for, for want of a certificate")
	}
	if transport := (Options{Direct: true}).httpClient().Transport.(*http.Transport); transport.Proxy != nil || transport.TLSClientConfig != nil {
		t.Errorf("a proxy is looked for, or any certificate taken: %+v", transport)
	}
}

// A datagram that is lost is sent again as soon as one says.
func TestResend(t *testing.T) {
	lost := 0
	answer := scrapeAnswerer(74)
	host := serveUDP(t, "127.0.0.1:0", func(n int, h udptracker.Header, p []byte) [][]byte {
		if lost < 2 {
			lost++
			return nil
		}
		return answer(n, h, p)
	})
	counts, err := ScrapeWith(patient(t), Options{Resend: time.Millisecond}, "udp://"+host, hashes(2))
	wantCounts(t, hashes(2), counts, err)
	if got := (Options{}).wait(); got != firstWait {
		t.Errorf("waits for %v, unasked", got)
	}
}

func TestNoWebSocketError(t *testing.T) {
	base := serveWS(t, answeringHTTP(http.StatusForbidden, shoal.OriginDenied.Error()))
	_, err := Scrape(patient(t), base, hashes(1))
	if e, ok := errors.AsType[*NoWebSocketError](err); !ok || e.Status != "403 Forbidden" || e.Text != shoal.OriginDenied.Error() {
		t.Errorf("got %v", err)
	}
}
