package httpserver

import (
	"net/url"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// redirectOf is the whole response that leads to location.
func redirectOf(location, connection string) string {
	body := failure(shoal.TLSRequired)
	return "HTTP/1.1 308 Permanent Redirect\r\nLocation: " + location + "\r\nContent-Type: text/plain\r\nContent-Length: " +
		digits(len(body)) + "\r\n" + connection + "\r\n" + body
}

const useHTTPS = "403 Use HTTPS"

func TestRedirect(t *testing.T) {
	refused := response(useHTTPS, failure(shoal.TLSRequired))
	get := func(target, headers string) string { return "GET " + target + " HTTP/1.1\r\n" + headers + "\r\n" }
	tests := []struct {
		name, in string
		want     string // a location, or a whole response
	}{
		{"name", get("/announce?a=b", "Host: tracker.example.org\r\n"), "https://tracker.example.org/announce?a=b"},
		{"port", get("/announce?a=b", "Host: tracker.example.org:6969\r\n"), "https://tracker.example.org:6969/announce?a=b"},
		{"port of http", get("/announce", "Host: tracker.example.org:80\r\n"), "https://tracker.example.org/announce"},
		{"port of https", get("/announce", "Host: tracker.example.org:443\r\n"), "https://tracker.example.org:443/announce"},
		{"port of http with zeros", get("/", "Host: h:080\r\n"), "https://h/"},
		{"the largest port", get("/", "Host: h:65535\r\n"), "https://h:65535/"},
		{"name that ends in the root", get("/", "Host: a.example.\r\n"), "https://a.example./"},
		{"no port behind the colon", get("/", "Host: h:\r\n"), "https://h/"},
		{"IPv4", get("/", "Host: 192.0.2.1:6969\r\n"), "https://192.0.2.1:6969/"},
		{"IPv6", get("/", "Host: [2001:db8::1]:6969\r\n"), "https://[2001:db8::1]:6969/"},
		{"IPv6 without a port", get("/", "Host: [2001:db8::1]\r\n"), "https://[2001:db8::1]/"},
		{"spaces around", get("/", "HOST: \t h \t\r\n"), "https://h/"},
		{"any path", get("/favicon.ico?x", "Host: h\r\n"), "https://h/favicon.ico?x"},
		{"path that looks like a host", get("//evil.example/", "Host: h\r\n"), "https://h//evil.example/"},
		{"scrape", get("/scrape?info_hash=%aa", "Host: h\r\n"), "https://h/scrape?info_hash=%aa"},
		{"absolute-form", get("http://other:81/announce?a", "Host: h\r\n"), "https://other:81/announce?a"},
		{"absolute-form without a path", get("http://other", "Host: h\r\n"), "https://other/"},
		{"absolute-form, query only", get("http://other?a", ""), "https://other/?a"},
		{"bytes that were not escaped", get("/announce?info_hash=\x00\r\x7f\x80\xff #\"<>[]^`{|}\\%41+", "Host: h\r\n"),
			"https://h/announce?info_hash=%00%0D%7F%80%FF%20%23%22%3C%3E%5B%5D%5E%60%7B%7C%7D%5C%41+"},

		{"no host", get("/announce", ""), refused},
		{"empty host", get("/announce", "Host:\r\n"), refused},
		{"two hosts", get("/announce", "Host: a\r\nHost: b\r\n"), refused},
		{"the same host twice", get("/announce", "Host: a\r\nHost: a\r\n"), refused},
		{"space in the host", get("/announce", "Host: a b\r\n"), refused},
		{"path in the host", get("/announce", "Host: evil.example/\r\n"), refused},
		{"user in the host", get("/announce", "Host: a@evil.example\r\n"), refused},
		{"CR in the host", get("/announce", "Host: a\rX: b\r\n"), refused},
		{"bytes in the host", get("/announce", "Host: \xc3\xa4\r\n"), refused},
		{"port that is none", get("/announce", "Host: a:http\r\n"), refused},
		{"port that is too large", get("/announce", "Host: a:65536\r\n"), refused},
		{"port 0", get("/announce", "Host: a:0\r\n"), refused},
		{"port with a sign", get("/announce", "Host: a:+81\r\n"), refused},
		{"dots", get("/announce", "Host: ..\r\n"), refused},
		{"the root", get("/announce", "Host: .\r\n"), refused},
		{"empty label", get("/announce", "Host: a..b\r\n"), refused},
		{"empty label first", get("/announce", "Host: .a\r\n"), refused},
		{"port that is too long", get("/announce", "Host: a:123456\r\n"), refused},
		{"port alone", get("/announce", "Host: :80\r\n"), refused},
		{"IPv6 without brackets", get("/announce", "Host: 2001:db8::1\r\n"), refused},
		{"not IPv6", get("/announce", "Host: [2001:db8::1\r\n"), refused},
		{"not IPv6 either", get("/announce", "Host: [x]\r\n"), refused},
		{"two ports", get("/announce", "Host: [::1]:80:90\r\n"), refused},
		{"two brackets", get("/announce", "Host: [::1]]\r\n"), refused},
		{"name that is too long", get("/announce", "Host: "+strings.Repeat("a", 254)+"\r\n"), refused},
		{"empty authority", get("http:///announce", "Host: h\r\n"), refused},

		{"malformed", "hello\r\n\r\n", response("200 OK|close", failure(shoal.RequestInvalid))},
		{"post", "POST / HTTP/1.1\r\nHost: h\r\n\r\n", response("405 Method Not Allowed\r\nAllow: GET, HEAD", failure(shoal.MethodUnknown))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if strings.HasPrefix(want, "https://") {
				want = redirectOf(want, "")
				if u, err := url.Parse(tt.want); err != nil || u.Host == "" {
					t.Errorf("%s is no URL: %v", tt.want, err)
				}
			}
			s := newServerWith(DefaultConfig(), "never", false, Options{Plain: "redirect"})
			if got := visit(s, "192.0.2.1:5000").send(tt.in); got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
			if c := s.Counters(); c.Announces > 0 || c.Scrapes > 0 || c.Requests != 1 {
				t.Errorf("counted %+v", c)
			}
		})
	}
}

func TestRedirectPipeline(t *testing.T) {
	s := newServerWith(DefaultConfig(), "never", false, Options{Plain: "redirect"})
	v := visit(s, "192.0.2.1:5000")
	in := "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + "GET /b HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n" +
		"GET /" + strings.Repeat("\xff", 7000) + " HTTP/1.1\r\nHost: h\r\n\r\n" + "GET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	want := headOnly(redirectOf("https://h/a", "")) + redirectOf("https://h/b", "Connection: keep-alive\r\n") +
		redirectOf("https://h/"+strings.Repeat("%FF", 7000), "") + redirectOf("https://h/d", "Connection: close\r\n")
	if got := v.send(in); got != want || !v.IsClosed() {
		t.Errorf("closed %v, got\n%.3000q\nwant\n%.3000q", v.IsClosed(), got, want)
	}
}

// TestPlain announces over each kind of connection.
func TestPlain(t *testing.T) {
	in := "GET /announce?" + leecher + " HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
	served := response("200 OK", alone)
	refused := response(useHTTPS, failure(shoal.TLSRequired))
	redirected := redirectOf("https://h/announce?"+leecher, "")
	for _, tt := range []struct {
		plain string
		state streamio.ConnState
		want  string
	}{
		{"", streamio.ConnState{}, served},
		{"serve", streamio.ConnState{}, served},
		{"redirect", streamio.ConnState{}, redirected},
		{"refuse", streamio.ConnState{}, refused},
		{"serve", streamio.ConnState{Secure: true}, served},
		{"redirect", streamio.ConnState{Secure: true}, served},
		{"refuse", streamio.ConnState{Secure: true}, served},
		{"redirect", streamio.ConnState{Trusted: true}, served},
		{"refuse", streamio.ConnState{Trusted: true}, served},
	} {
		s := newServerWith(DefaultConfig(), "never", false, Options{Plain: tt.plain})
		if got := visitAs(s, "192.0.2.1:5000", tt.state).send(in); got != tt.want {
			t.Errorf("%q, trusted %v, secure %v: got\n%q\nwant\n%q", tt.plain, tt.state.Trusted, tt.state.Secure, got, tt.want)
		}
	}
}

func TestChallenge(t *testing.T) {
	const answer = "token.thumbprint"
	asked := ""
	o := Options{Challenge: func(host, path string) ([]byte, bool) {
		asked = host + " " + path
		return []byte(answer), path == challengePath+"token"
	}}
	get := func(target, headers string) string { return "GET " + target + " HTTP/1.1\r\n" + headers + "\r\n" }
	right := get(challengePath+"token", "Host: tracker.example.org:80\r\n")
	for _, tt := range []struct {
		name, plain, in, want, asked string
		state                        streamio.ConnState
	}{
		{name: "plain served", plain: "serve", in: right, want: response("200 OK", answer), asked: "tracker.example.org /.well-known/acme-challenge/token"},
		{name: "plain redirected", plain: "redirect", in: right, want: response("200 OK", answer), asked: "tracker.example.org /.well-known/acme-challenge/token"},
		{name: "plain refused", plain: "refuse", in: right, want: response("200 OK", answer), asked: "tracker.example.org /.well-known/acme-challenge/token"},
		{name: "over TLS", plain: "refuse", in: right, state: streamio.ConnState{Secure: true}, want: response("200 OK", answer), asked: "tracker.example.org /.well-known/acme-challenge/token"},
		{name: "from a proxy", plain: "serve", in: right, state: streamio.ConnState{Trusted: true}, want: response("200 OK", answer), asked: "tracker.example.org /.well-known/acme-challenge/token"},
		{name: "HEAD", plain: "refuse", in: strings.Replace(right, "GET", "HEAD", 1), want: headOnly(response("200 OK", answer)), asked: "tracker.example.org /.well-known/acme-challenge/token"},
		{name: "query", plain: "refuse", in: get(challengePath+"token?x", "Host: h\r\n"), want: response("200 OK", answer), asked: "h /.well-known/acme-challenge/token"},
		{name: "absolute-form", plain: "refuse", in: get("http://other"+challengePath+"token", "Host: h\r\n"), want: response("200 OK", answer), asked: "other /.well-known/acme-challenge/token"},
		{name: "another token", plain: "serve", in: get(challengePath+"x", "Host: h\r\n"), want: response("404 Not Found", failure(shoal.PathUnknown)), asked: "h /.well-known/acme-challenge/x"},
		{name: "another token, refused", plain: "refuse", in: get(challengePath+"x", "Host: h\r\n"), want: response(useHTTPS, failure(shoal.TLSRequired)), asked: "h /.well-known/acme-challenge/x"},
		{name: "no host", plain: "serve", in: get(challengePath+"token", ""), want: response("404 Not Found", failure(shoal.PathUnknown))},
		{name: "another path", plain: "serve", in: get("/.well-known/token", "Host: h\r\n"), want: response("404 Not Found", failure(shoal.PathUnknown))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked, o.Plain = "", tt.plain
			s := newServerWith(DefaultConfig(), "never", false, o)
			if got := visitAs(s, "192.0.2.1:5000", tt.state).send(tt.in); got != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
			if asked != tt.asked {
				t.Errorf("asked for %q, want %q", asked, tt.asked)
			}
		})
	}
	// Behind another reply, and without anybody to ask.
	s := newServerWith(DefaultConfig(), "never", false, o)
	if got, want := visit(s, "192.0.2.1:5000").send(right+right), strings.Repeat(response("200 OK", answer), 2); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	s = newServer(true, false)
	if got, want := visit(s, "192.0.2.1:5000").send(right), response("404 Not Found", failure(shoal.PathUnknown)); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
