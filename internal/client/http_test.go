package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
)

func serveHTTP(t *testing.T, handle http.HandlerFunc) (base string) {
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

var same = cmp.Options{byAddr, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}

func TestAnnounceHTTP(t *testing.T) {
	external := netip.MustParseAddr("198.51.100.7")
	asked := make(chan shoal.AnnounceRequest, 1)
	base := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/announce/KEY" || r.URL.Query().Get("a") != "b" {
			http.NotFound(w, r)
			return
		}
		var req shoal.AnnounceRequest
		var form httptracker.Form
		if failure := httptracker.ParseAnnounce([]byte(r.URL.RawQuery), &req, &form); failure != shoal.OK {
			w.Write(httptracker.AppendFailure(nil, failure))
			return
		}
		asked <- req
		w.Write(httptracker.AppendAnnounce(nil, &shoal.AnnounceResponse{
			Interval: 1800, MinInterval: 300, Complete: 5, Incomplete: 3, Peers4: peer4, Peers6: peer6,
		}, external))
	})
	got, err := Announce(patient(t), base+"/announce/KEY?a=b", request())
	if err != nil {
		t.Fatal(err)
	}
	want := replyWith("192.0.2.1:6881", "[2001:db8::1]:6881")
	want.MinInterval, want.ExternalIP = 300, external
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("reply differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(*request(), <-asked, same); diff != "" {
		t.Errorf("request differs (-want +got):\n%s", diff)
	}
}

func TestAnnounceHTTPErrors(t *testing.T) {
	tests := []struct {
		name    string
		status  int
		body    string
		want    string
		refused bool
	}{
		{"refused", 200, "d14:failure reason2:noe", `tracker refused: "no"`, true},
		{"refused for good", 200, "d14:failure reason2:no8:retry in5:nevere", `tracker refused: "no", retry in: "never"`, true},
		{"refused for an hour", 200, "d14:failure reason2:no8:retry in2:60e", `tracker refused: "no", retry in: "60"`, true},
		{"refused with a status", 400, "d14:failure reason2:noe", `tracker refused: "no"`, true},
		{"no tracker", 404, "<html>", `HTTP status "404 Not Found"`, false},
		{"answer with a status", 500, "d8:intervali1ee", `HTTP status "500 Internal Server Error"`, false},
		{"not bencoded", 200, "<html>", "reading an announce reply", false},
		{"cut off", 200, "d8:interval", "reading an announce reply", false},
		{"empty", 200, "", "reading an announce reply", false},
		{"too long", 200, "d1:a1048576:" + strings.Repeat("x", mostBody) + "e", "longer than 1048576 bytes", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			reply, err := Announce(patient(t), base+"/announce", request())
			if err == nil || reply != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %+v, %v; want %q", reply, err, test.want)
			}
			if _, ok := errors.AsType[*RefusedError](err); ok != test.refused {
				t.Errorf("refused: %v, want %v", ok, test.refused)
			}
		})
	}
}

// An error must not carry the URL around: it may have a passkey in it.
func TestHTTPErrorsKeepThePasskey(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	base := server.URL
	server.Close()
	if _, err := Announce(patient(t), base+"/announce?passkey=geheim", request()); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("got %v", err)
	}
}

func TestAnnounceHTTPContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	base := serveHTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := Announce(ctx, base+"/announce", request()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestScrapeHTTP(t *testing.T) {
	base := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.RequestURI()) > 1900 || r.URL.Path != "/scrape" {
			http.Error(w, "no", http.StatusRequestURITooLong)
			return
		}
		asked, failure := httptracker.ParseScrape([]byte(r.URL.RawQuery), nil)
		if failure != shoal.OK {
			w.Write(httptracker.AppendFailure(nil, failure))
			return
		}
		var counts []shoal.ScrapeCounts
		for _, hash := range asked {
			counts = append(counts, countsOf(hash))
		}
		w.Write(httptracker.AppendScrape(nil, asked, counts, 300))
	})
	for _, n := range []int{1, 24, 25, 26, 120} {
		counts, err := Scrape(patient(t), base+"/announce", hashes(n))
		wantCounts(t, hashes(n), counts, err)
	}
}

func TestScrapeHTTPErrors(t *testing.T) {
	tests := []struct {
		name, path string
		status     int
		body, want string
	}{
		{"no scrape URL", "/a", 200, "", "must begin with announce"},
		{"refused", "/announce", 200, "d14:failure reason2:noe", `tracker refused: "no"`},
		{"refused for an hour", "/announce", 200, "d14:failure reason2:no8:retry in2:60e", `tracker refused: "no", retry in: "60"`},
		{"no tracker", "/announce", 403, "<html>", `HTTP status "403 Forbidden"`},
		{"not bencoded", "/announce", 200, "<html>", "reading a scrape reply"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			counts, err := Scrape(patient(t), base+test.path, hashes(1))
			if err == nil || counts != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want %q", counts, err, test.want)
			}
		})
	}
}

// A torrent that the tracker leaves out has zeroes in its place.
func TestScrapeHTTPUnknown(t *testing.T) {
	base := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		known := hashes(4)[3:]
		w.Write(httptracker.AppendScrape(nil, known, []shoal.ScrapeCounts{countsOf(known[0])}, 0))
	})
	counts, err := Scrape(patient(t), base+"/announce", hashes(4))
	if diff := cmp.Diff([]shoal.ScrapeCounts{3: countsOf(shoal.InfoHash{3})}, counts); diff != "" || err != nil {
		t.Errorf("error %v; counts differ (-want +got):\n%s", err, diff)
	}
}

// The examples of BEP 48, and what else is met.
func TestScrapeURL(t *testing.T) {
	tests := []struct{ in, want string }{
		{"http://example.com/announce", "http://example.com/scrape"},
		{"http://example.com/x/announce", "http://example.com/x/scrape"},
		{"http://example.com/announce.php", "http://example.com/scrape.php"},
		{"http://example.com/a", ""},
		{"http://example.com/announce?x2%0644", "http://example.com/scrape?x2%0644"},
		{"http://example.com/announce?x=2/4", "http://example.com/scrape?x=2/4"},
		{"http://example.com/x%064announce", ""},
		{"http://example.com/a%2Fb/announce", "http://example.com/a%2Fb/scrape"},
		{"http://example.com/scrape?a", "http://example.com/scrape?a"},
		{"http://example.com/announce/", ""},
		{"http://example.com/announce/" + someKey, "http://example.com/scrape/" + someKey},
		{"http://example.com/announce/" + someKey + "?x=2/4", "http://example.com/scrape/" + someKey + "?x=2/4"},
		{"http://example.com/" + someKey + "/announce", "http://example.com/" + someKey + "/scrape"},
		{"http://example.com/announce?passkey=" + someKey, "http://example.com/scrape?passkey=" + someKey},
		{"http://example.com/a%2Fb/announce/0123456789abcdef", "http://example.com/a%2Fb/scrape/0123456789abcdef"},
		{"http://example.com/scrape/0123456789abcdef", "http://example.com/scrape/0123456789abcdef"},
		{"http://example.com/announce/announce01234567", "http://example.com/scrape/announce01234567"},
		{"http://example.com/announce/scrape0123456789", "http://example.com/scrape/scrape0123456789"},
		{"http://example.com/x/announce0123456789", "http://example.com/x/scrape0123456789"},
		{"http://example.com/announce/announce.php", "http://example.com/announce/scrape.php"},
		{"http://example.com/announce/short", ""},
		{"http://example.com/announces/0123456789abcdef", ""},
		{"http://example.com/0123456789abcdef", ""},
		{"http://example.com", ""},
	}
	for _, test := range tests {
		u, err := url.Parse(test.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := scrapeURL(u)
		switch {
		case test.want == "" && err == nil:
			t.Errorf("%s: got %s, want an error", test.in, got)
		case test.want != "" && (err != nil || got.String() != test.want):
			t.Errorf("%s: got %v, %v; want %s", test.in, got, err, test.want)
		}
	}
}
