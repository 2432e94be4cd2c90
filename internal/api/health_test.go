package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// results returns what was found, a line for each part.
func results(r healthReport) (lines []string) {
	for _, d := range r.Details {
		line := d.ServiceType + " is "
		switch {
		case d.Result.Ok != nil && d.Result.Err == nil:
			line += "well: " + *d.Result.Ok
		case d.Result.Err != nil && d.Result.Ok == nil:
			line += "ill: " + *d.Result.Err
		default:
			line += "neither"
		}
		lines = append(lines, line)
	}
	return lines
}

func isWell(context.Context) error { return nil }

// TestHealth has each part ill in turn: the answer is 503, and says which it is.
func TestHealth(t *testing.T) {
	const day = 24 * time.Hour
	in := func(d time.Duration) time.Time { return time.Now().Add(d) }
	for _, test := range []struct {
		name string
		ward *ward
		ill  []string // how the lines of the ill parts begin; nil: all is well
	}{
		{name: "all well", ward: &ward{}},
		{name: "all well, over TLS with a certificate that nobody knows", ward: &ward{tls: true}},
		{name: "a private tracker", ward: &ward{udp: refusing, http: refusing, ws: refusing}},
		{name: "UDP, odd", ward: &ward{udp: odd}, ill: []string{"udp_tracker is ill: no answer within"}},
		{name: "UDP, silent", ward: &ward{udp: silent}, ill: []string{"udp_tracker is ill: no answer within"}},
		{name: "HTTP, odd", ward: &ward{http: odd}, ill: []string{`http_tracker is ill: scrape of 127.0.0.1:`}},
		{name: "HTTP, silent", ward: &ward{http: silent}, ill: []string{"http_tracker is ill: no answer within"}},
		{name: "WebTorrent, odd", ward: &ward{ws: odd}, ill: []string{"webtorrent_tracker is ill: scrape of 127.0.0.1:"}},
		{name: "WebTorrent, silent", ward: &ward{ws: silent}, ill: []string{"webtorrent_tracker is ill: no answer within"}},
		{name: "API, odd", ward: &ward{api: odd}, ill: []string{`tracker_rest_api is ill: answer has the status "Odd"`}},
		{name: "API, refusing", ward: &ward{api: refusing}, ill: []string{`tracker_rest_api is ill: answer has the HTTP status "500 Internal`}},
		{name: "API, silent, over TLS", ward: &ward{api: silent, tls: true}, ill: []string{"tracker_rest_api is ill: no answer within"}},
		{name: "database", ward: &ward{database: func(context.Context) error { return errors.New("user geheim at geheim") }}, ill: []string{"database is ill: it does not answer"}},
		{name: "database, silent", ward: &ward{database: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}, ill: []string{"database is ill: "}},
		{name: "certificate, expired", ward: &ward{certificates: []Certificate{{[]string{"a"}, in(-time.Minute)}}}, ill: []string{"certificate is ill: it has expired at "}},
		{name: "certificate, none yet", ward: &ward{certificates: []Certificate{{Names: []string{"a"}}}}, ill: []string{"certificate is ill: there is none yet"}},
		{name: "certificates that hold", ward: &ward{certificates: []Certificate{{[]string{"a"}, in(time.Hour)}, {[]string{"b"}, in(90 * day)}}}},
		{name: "several", ward: &ward{udp: silent, ws: odd}, ill: []string{"udp_tracker is ill: ", "webtorrent_tracker is ill: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := test.ward
			w.serve(t)
			if w.database == nil {
				w.database = isWell
			}
			base := w.health(t, func(h *Health) {
				if strings.Contains(fmt.Sprint(test.ill), "no answer") || strings.HasSuffix(test.name, "silent") || w.udp == silent {
					h.patience = time.Second
				}
			})
			status, report := look(t, base)
			wantStatus, want, wantMessage := http.StatusOK, "Ok", ""
			if test.ill != nil {
				wantStatus, want, wantMessage = http.StatusServiceUnavailable, "Error", "health check failed"
			}
			if status != wantStatus || report.Status != want || report.Message != wantMessage {
				t.Errorf("%d, %q, %q; want %d, %q, %q", status, report.Status, report.Message, wantStatus, want, wantMessage)
			}
			var ill []string
			lines := results(report)
			for _, line := range lines {
				if strings.Contains(line, "geheim") {
					t.Errorf("says what it should not: %s", line)
				}
				if !strings.Contains(line, " is well: ") {
					ill = append(ill, line)
				}
			}
			if len(lines) != 5+len(w.certificates) || len(ill) != len(test.ill) {
				t.Fatalf("got\n%s\nwant ill %q", strings.Join(lines, "\n"), test.ill)
			}
			for i, begin := range test.ill {
				if !strings.HasPrefix(ill[i], begin) {
					t.Errorf("got %q, want %q", ill[i], begin)
				}
			}
		})
	}
}

// A listener that is closed is ill at once: nobody waits for it.
func TestHealthClosed(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	w := &ward{}
	for _, kind := range []string{ServiceUDP, ServiceHTTP, ServiceWebTorrent, ServiceAPI} {
		w.services = append(w.services, Service{kind, addr, false}, Service{kind, addr, true})
	}
	w.services = append(w.services, Service{"gopher", addr, false})
	status, report := look(t, w.health(t, nil))
	if status != http.StatusServiceUnavailable || report.Status != "Error" {
		t.Errorf("%d %q", status, report.Status)
	}
	for _, line := range results(report) {
		if !strings.Contains(line, "is ill: ") || strings.Contains(line, "no answer within") {
			t.Error(line)
		}
	}
}

// TestHealthShape has every field, of every kind of part.
func TestHealthShape(t *testing.T) {
	at := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	ok := func(s string) healthResult { return healthResult{Ok: &s} }
	n := 41
	for _, test := range []struct {
		got  healthDetail
		want healthDetail
	}{
		{
			Service{ServiceUDP, at("0.0.0.0:6969"), false}.detail(),
			healthDetail{ServiceBinding: "udp://0.0.0.0:6969", Binding: "0.0.0.0:6969", ServiceType: "udp_tracker", Info: "checking the udp tracker by connect and scrape at: 0.0.0.0:6969"},
		},
		{
			Service{ServiceHTTP, at("[::]:7070"), true}.detail(),
			healthDetail{ServiceBinding: "https://[::]:7070/", Binding: "[::]:7070", ServiceType: "http_tracker", Info: "checking the http tracker by scrape at: https://[::]:7070/scrape"},
		},
		{
			Service{ServiceWebTorrent, at("[fe80::1%eth0]:1"), false}.detail(),
			healthDetail{ServiceBinding: "ws://[fe80::1%25eth0]:1/", Binding: "[fe80::1%eth0]:1", ServiceType: "webtorrent_tracker", Info: "checking the webtorrent tracker by upgrade and scrape at: ws://[fe80::1%25eth0]:1/"},
		},
		{
			Service{ServiceAPI, at("127.0.0.1:1212"), false}.detail(),
			healthDetail{ServiceBinding: "http://127.0.0.1:1212/", Binding: "127.0.0.1:1212", ServiceType: "tracker_rest_api", Info: "checking the api by its health check at: http://127.0.0.1:1212/api/health_check"},
		},
		{
			Certificate{[]string{"a", "b"}, time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)}.part(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).detail,
			healthDetail{ServiceType: "certificate", Info: "checking until when a certificate holds", Names: []string{"a", "b"}, DaysLeft: &n},
		},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if diff := cmp.Diff(&healthReport{Status: "None", Details: []healthDetail{}}, reportOf(nil)); diff != "" {
		t.Errorf("of nothing, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(&healthReport{Status: "Ok", Details: []healthDetail{{Result: ok("x")}}}, reportOf([]healthDetail{{Result: ok("x")}})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for binding, want := range map[string]string{"0.0.0.0:1": "127.0.0.1:1", "[::]:2": "[::1]:2", "192.0.2.1:3": "192.0.2.1:3"} {
		if got := fromHere(at(binding)); got != at(want) {
			t.Errorf("%s is asked at %s", binding, got)
		}
	}
}

func TestCertificateDays(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for left, want := range map[time.Duration]string{
		90*day + time.Hour: "it holds until 2026-04-01 01:00:00 UTC: 90 days left",
		7 * day:            "it holds until 2026-01-08 00:00:00 UTC: 7 days left",
		7*day - 1:          "it ends soon, at 2026-01-07 23:59:59 UTC: 6 days left",
		1:                  "it ends soon, at 2026-01-01 00:00:00 UTC: 0 days left",
		0:                  "it has expired at 2026-01-01 00:00:00 UTC: clients refuse it",
		-time.Hour:         "it has expired at 2025-12-31 23:00:00 UTC: clients refuse it",
	} {
		said, err := Certificate{NotAfter: now.Add(left)}.part(now).ask(t.Context())
		if err != nil {
			said = err.Error()
		}
		if said != want || (err != nil) != (left <= 0) {
			t.Errorf("%v: %q (error %v), want %q", left, said, err, want)
		}
	}
	if days := *(Certificate{NotAfter: now.Add(-time.Hour)}.part(now).detail.DaysLeft); days != -1 {
		t.Errorf("an hour too late: %d days left", days)
	}
}

// TestHealthRequests has the ways to ask.
func TestHealthRequests(t *testing.T) {
	w := &ward{api: odd}
	w.serve(t)
	base := w.health(t, nil)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/health_check", 503}, {"HEAD", "/health_check", 503}, {"GET", "/", 503}, {"GET", "/health_check?x=1", 503},
		{"GET", "/health_check/", 404}, {"GET", "/api/health_check", 404}, {"POST", "/health_check", 405}, {"OPTIONS", "/", 405},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, base+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != test.status || (len(body) == 0) != (test.method == "HEAD") {
			t.Errorf("%s %s: %d with %q, want %d", test.method, test.path, res.StatusCode, body, test.status)
		}
	}
}

// A hundred who ask at once, and those who ask soon after, make the work of one;
// and what they were told is not told for ever.
func TestHealthOnce(t *testing.T) {
	w := &ward{}
	w.serve(t)
	var health *Health
	base := w.health(t, func(h *Health) { health, h.kept = h, time.Hour })
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if status, report := look(t, base); status != http.StatusOK || len(report.Details) != 4 {
				t.Errorf("%d, %+v", status, report)
			}
		})
	}
	all.Wait()
	if n := w.asked.Load(); n != 1 {
		t.Errorf("the HTTP tracker was asked %d times", n)
	}
	health.mu.Lock()
	health.round.ended = health.round.ended.Add(-2 * time.Hour)
	health.mu.Unlock()
	look(t, base)
	if n := w.asked.Load(); n != 2 {
		t.Errorf("the HTTP tracker was asked %d times in two rounds", n)
	}
}

// A database that hangs, whatever its context says, is asked once, and holds up
// neither the rest nor the end.
func TestHealthHangs(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) }) // after the health check has ended
	var asked atomic.Int64
	w := &ward{database: func(context.Context) error { asked.Add(1); <-release; return nil }}
	base := w.health(t, func(h *Health) { h.patience, h.kept = 50*time.Millisecond, 0 })
	for i, want := range []string{"no answer within 50ms", "it has not answered the last ping yet", "it has not answered the last ping yet"} {
		status, report := look(t, base)
		if status != http.StatusServiceUnavailable || *report.Details[0].Result.Err != want {
			t.Errorf("round %d: %d, %q", i, status, results(report))
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

// The log says once what falls ill, and once that it is well again.
func TestHealthLog(t *testing.T) {
	var out bytes.Buffer
	err := errors.New("away")
	h, listening := ListenHealth(HealthConfig{}, HealthOptions{
		Services: func() []Service { return nil }, Certificates: func() []Certificate { return nil },
		Database: func(context.Context) error { return err },
		Log:      slog.New(slog.NewTextHandler(&out, nil)),
	})
	if listening != nil {
		t.Fatal(listening)
	}
	defer h.Close()
	h.kept = 0
	for range 3 {
		h.report(t.Context())
	}
	err = nil
	for range 3 {
		h.report(t.Context())
	}
	text := out.String()
	if strings.Count(text, "\n") != 3 || !strings.Contains(text, `level=WARN msg="the database does not answer the health check" error=away`) || !strings.Contains(text, `level=WARN msg="ill, says the health check" part=database error="it does not answer"`) ||
		!strings.Contains(text, `level=INFO msg="well again, says the health check" part=database`) {
		t.Errorf("the log has\n%s", text)
	}
}

// An address that is taken is an error that names it, and leaves nothing open.
func TestListenHealthTaken(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).AddrPort()
	h, err := ListenHealth(HealthConfig{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), taken}}, HealthOptions{})
	if err == nil || !strings.Contains(err.Error(), taken.String()) {
		t.Errorf("got %v, %v", h, err)
	}
}

// Who asks at the end is told that it is the end.
func TestHealthEnds(t *testing.T) {
	h, err := ListenHealth(HealthConfig{}, HealthOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	if _, err := h.report(t.Context()); err == nil {
		t.Error("a report after the end")
	}
}
