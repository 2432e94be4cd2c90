//go:build linux

package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const nginxStream = "/usr/lib/nginx/modules/ngx_stream_module.so"

// An [[http]] section for each thing that a proxy may be believed in.
type section uint16 // its port

const (
	believesXForwardedFor section = 7001 + iota
	believesForwarded
	believesXRealIP
	believesCFConnectingIP
	believesNobody // trusts other networks than that of the proxy
	speaksTLS      // and believes X-Forwarded-For
)

func (s section) listener(h *host, v6 bool) netip.AddrPort {
	if v6 {
		return netip.AddrPortFrom(h.v6, uint16(s))
	}
	return netip.AddrPortFrom(h.v4, uint16(s))
}

// sections is what stands behind the first [[http]] section.
func sections(tracker, proxy *host, pair string) string {
	var b strings.Builder
	for s, forwarded := range map[section]string{
		believesXForwardedFor:  "X-Forwarded-For",
		believesForwarded:      "Forwarded",
		believesXRealIP:        "X-Real-IP",
		believesCFConnectingIP: "CF-Connecting-IP",
		believesNobody:         "X-Forwarded-For",
		speaksTLS:              "X-Forwarded-For",
	} {
		trusted := fmt.Sprintf("%q, %q", proxy.v4.String()+"/32", proxy.v6.String()+"/128")
		if s == believesNobody {
			trusted = `"10.99.0.0/16", "fd99::/64"`
		}
		fmt.Fprintf(&b, "\n[[http]]\nlisten = [%q, %q]\ntrusted_proxies = [%s]\nforwarded = %q\n",
			s.listener(tracker, false), s.listener(tracker, true), trusted, forwarded)
		if s == speaksTLS {
			b.WriteString(tlsKey(pair))
		}
	}
	return b.String()
}

// outcome is which address Shoal stores.
type outcome string

const (
	ofClient outcome = "the client's"
	ofProxy  outcome = "the proxy's"
	refused  outcome = "none, with a failure reason"
	garbled  outcome = "none, because the bytes make no sense"
)

// route is one way through a proxy.
type route struct {
	name    string
	to      section
	tls     bool
	nginx   func(port uint16, to netip.AddrPort) string // a piece of its configuration; nil: HAProxy
	haproxy func(port uint16, to netip.AddrPort) string
	want    outcome
}

// What nginx is told for a port, in its http block.
func nginxHTTP(settings string) func(port uint16, to netip.AddrPort) string {
	return func(port uint16, to netip.AddrPort) string {
		return fmt.Sprintf(`
	server {
		listen %d;
		listen [::]:%d;
		location / {
			proxy_pass http://%s;
			%s
		}
	}`, port, port, to, settings)
	}
}

// nginxKept is nginxHTTP with connections to Shoal that are kept and shared by
// all clients.
func nginxKept(settings string) func(port uint16, to netip.AddrPort) string {
	return func(port uint16, to netip.AddrPort) string {
		return fmt.Sprintf(`
	upstream kept%d {
		server %s;
		keepalive 1;
	}
	server {
		listen %d;
		listen [::]:%d;
		location / {
			proxy_pass http://kept%d;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			%s
		}
	}`, port, to, port, port, port, settings)
	}
}

// haproxyTo is a listen section of HAProxy.
func haproxyTo(mode, server, settings string) func(port uint16, to netip.AddrPort) string {
	return func(port uint16, to netip.AddrPort) string {
		return fmt.Sprintf(`
listen port%d
	mode %s
	bind 0.0.0.0:%d
	bind [::]:%d v6only
	%s
	server shoal %s %s
`, port, mode, port, port, settings, to, server)
	}
}

// routes is the table of docs/operations.md, and what must not work.
var routes = []route{
	{name: "nginx X-Forwarded-For", to: believesXForwardedFor, want: ofClient,
		nginx: nginxHTTP("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")},
	{name: "nginx X-Forwarded-For kept", to: believesXForwardedFor, want: ofClient,
		nginx: nginxKept("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")},
	{name: "nginx Forwarded", to: believesForwarded, want: ofClient,
		nginx: nginxHTTP("proxy_set_header Forwarded $forwarded;")},
	{name: "nginx Forwarded appended", to: believesForwarded, want: ofClient,
		nginx: nginxHTTP(`proxy_set_header Forwarded "$http_forwarded, $forwarded";`)},
	{name: "nginx X-Real-IP", to: believesXRealIP, want: ofClient,
		nginx: nginxHTTP("proxy_set_header X-Real-IP $remote_addr;")},
	// What Cloudflare sends: its own header, which no client can bring along.
	{name: "nginx CF-Connecting-IP", to: believesCFConnectingIP, want: ofClient,
		nginx: nginxHTTP("proxy_set_header CF-Connecting-IP $remote_addr;")},
	{name: "nginx without the header", to: believesXForwardedFor, want: refused,
		nginx: nginxHTTP(`proxy_set_header X-Forwarded-For "";`)},
	{name: "nginx with another header", to: believesXRealIP, want: refused,
		nginx: nginxHTTP(`proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Real-IP "";`)},
	{name: "nginx not trusted", to: believesNobody, want: ofProxy,
		nginx: nginxHTTP("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")},

	// A line of its own behind those of the client, where nginx appends to them.
	{name: "HAProxy X-Forwarded-For", to: believesXForwardedFor, want: ofClient,
		haproxy: haproxyTo("http", "", "option forwardfor")},
	{name: "HAProxy without the header", to: believesXForwardedFor, want: refused,
		haproxy: haproxyTo("http", "", "http-request del-header X-Forwarded-For")},
	{name: "HAProxy PROXY 1", to: believesXForwardedFor, want: ofClient,
		haproxy: haproxyTo("tcp", "send-proxy", "")},
	{name: "HAProxy PROXY 2", to: believesXForwardedFor, want: ofClient,
		haproxy: haproxyTo("tcp", "send-proxy-v2", "")},
	{name: "HAProxy PROXY 2 with more", to: believesXForwardedFor, want: ofClient,
		haproxy: haproxyTo("tcp", "send-proxy-v2 proxy-v2-options crc32c,unique-id", "unique-id-format %[uuid()]")},
	{name: "HAProxy PROXY 2, health checks too", to: believesXForwardedFor, want: ofClient,
		haproxy: haproxyTo("tcp", "send-proxy-v2 check-send-proxy check inter 500ms", "")},
	{name: "HAProxy PROXY 1 not trusted", to: believesNobody, want: garbled,
		haproxy: haproxyTo("tcp", "send-proxy", "")},
	{name: "HAProxy PROXY 2 not trusted", to: believesNobody, want: garbled,
		haproxy: haproxyTo("tcp", "send-proxy-v2", "")},
	{name: "HAProxy TLS passed through, PROXY 1", to: speaksTLS, tls: true, want: ofClient,
		haproxy: haproxyTo("tcp", "send-proxy", "")},
	{name: "HAProxy TLS passed through, PROXY 2", to: speaksTLS, tls: true, want: ofClient,
		haproxy: haproxyTo("tcp", "send-proxy-v2", "")},
	// Nobody inside of TLS can know, so a trusted proxy must say it.
	{name: "HAProxy TLS passed through bare", to: speaksTLS, tls: true, want: refused,
		haproxy: haproxyTo("tcp", "", "")},
}

// nginx's stream block, on ports of its own.
var streamRoutes = []route{
	{name: "nginx stream PROXY 1", to: believesXForwardedFor, want: ofClient},
	{name: "nginx stream PROXY 1 not trusted", to: believesNobody, want: garbled},
	{name: "nginx stream TLS passed through, PROXY 1", to: speaksTLS, tls: true, want: ofClient},
}

const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr;
load_module ` + nginxStream + `;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	scgi_temp_path %[1]s/scgi;
	uwsgi_temp_path %[1]s/uwsgi;

	# RFC 7239 wants IPv6 addresses in brackets and quotes.
	map $remote_addr $forwarded {
		~^[0-9.]+$ "for=$remote_addr;proto=$scheme";
		~:         "for=\"[$remote_addr]\";proto=$scheme";
	}
%[2]s
}
stream {
%[3]s
}
`

const haproxyConfig = `
global
	maxconn 500
defaults
	timeout connect 5s
	timeout client 20s
	timeout server 20s
%s`

// scene of the proxies: a client, proxies on a host of their own, Shoal, and a
// watcher who asks Shoal itself what it has stored.
type proxyScene struct {
	asker, proxy, watcher *host
	shoal                 *shoal
	authority             *authority
	next                  uint16
	ports                 map[string]uint16 // by the route's name and family to Shoal
}

// port is where the proxies listen for a route, and go on to Shoal by IPv4 or
// IPv6.
func (s *proxyScene) port(r route, v6 bool) uint16 {
	key := fmt.Sprint(r.name, v6)
	if s.ports[key] == 0 {
		s.next++
		s.ports[key] = 8000 + s.next
	}
	return s.ports[key]
}

// TestProxies sends announces through real proxies, in every form, from both
// families to both. The client lies in every header that there is.
func TestProxies(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	s := &proxyScene{
		asker:     net.host(t, "asker"),
		proxy:     net.host(t, "proxy"),
		watcher:   net.host(t, "watcher"),
		authority: newAuthority(t, "Authority"),
		ports:     map[string]uint16{},
	}
	tracker := net.host(t, "shoal")
	pair := t.TempDir()
	s.authority.issue(t, tracker.v4, tracker.v6).write(t, pair)
	s.shoal = startShoalWith(t, tracker, "", sections(tracker, s.proxy, pair))
	nginx, haproxy := s.startNginx(t), s.startHAProxy(t)

	for _, r := range slices.Concat(routes, streamRoutes) {
		for _, from6 := range []bool{false, true} {
			for _, to6 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s to %s", r.name, family(from6), family(to6)), func(t *testing.T) {
					s.try(t, r, from6, to6, nginx, haproxy)
				})
			}
		}
	}
	t.Run("one kept connection for two clients", func(t *testing.T) { s.share(t) })
	s.shoal.stop(t)
}

func family(v6 bool) string {
	if v6 {
		return "IPv6"
	}
	return "IPv4"
}

func (s *proxyScene) startNginx(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	var http, stream strings.Builder
	for _, v6 := range []bool{false, true} {
		for _, r := range routes {
			if r.nginx != nil {
				http.WriteString(r.nginx(s.port(r, v6), r.to.listener(s.shoal.host, v6)))
			}
		}
		for _, r := range streamRoutes {
			fmt.Fprintf(&stream, "\tserver {\n\t\tlisten %[1]d;\n\t\tlisten [::]:%[1]d;\n\t\tproxy_pass %[2]s;\n\t\tproxy_protocol on;\n\t}\n",
				s.port(r, v6), r.to.listener(s.shoal.host, v6))
		}
	}
	return s.startProxy(t, dir, fmt.Sprintf(nginxConfig, dir, http.String(), stream.String()),
		"nginx", "-p", dir, "-e", "stderr", "-c")
}

func (s *proxyScene) startHAProxy(t *testing.T) *process {
	t.Helper()
	var listen strings.Builder
	for _, v6 := range []bool{false, true} {
		for _, r := range routes {
			if r.haproxy != nil {
				listen.WriteString(r.haproxy(s.port(r, v6), r.to.listener(s.shoal.host, v6)))
			}
		}
	}
	return s.startProxy(t, t.TempDir(), fmt.Sprintf(haproxyConfig, listen.String()), "haproxy", "-db", "-f")
}

func (s *proxyScene) startProxy(t *testing.T, dir, config, name string, args ...string) *process {
	t.Helper()
	file := filepath.Join(dir, name+".conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.proxy.start(t, name, append(args, file)...)
}

// lies is what a client may bring along: a place that it wants others to dial.
var lies = http.Header{
	"X-Forwarded-For":  {"10.99.0.9"},
	"Forwarded":        {"for=10.99.0.9"},
	"X-Real-Ip":        {"10.99.0.9"},
	"Cf-Connecting-Ip": {"10.99.0.9"},
	"X-Client-Ip":      {"10.99.0.9"},
	"True-Client-Ip":   {"10.99.0.9"},
}

// announce sends one announce through the route.
func (s *proxyScene) announce(from *host, r route, from6, to6 bool, q question) error {
	via := netip.AddrPortFrom(s.proxy.v4, s.port(r, to6))
	if from6 {
		via = netip.AddrPortFrom(s.proxy.v6, s.port(r, to6))
	}
	c, scheme := from.httpClient(), "http://"
	if r.tls {
		scheme = "https://"
		c.Transport = &http.Transport{DialContext: from.dial, DisableKeepAlives: true, TLSClientConfig: s.authority.client()}
	}
	header := lies.Clone()
	if r.want == refused {
		// A trusted proxy that says nothing and lets this through would be
		// believed: docs/operations.md warns of it.
		header.Del("X-Forwarded-For")
	}
	dict, err := getURL(c, scheme+via.String()+q.target(), header)
	if err != nil {
		return err
	}
	_, err = readAnnounce(dict)
	return err
}

func (s *proxyScene) try(t *testing.T, r route, from6, to6 bool, needed ...*process) {
	q := question{port: 6881, left: 1, started: true}
	rand.Read(q.infoHash[:])
	rand.Read(q.peerID[:])

	// Until the proxy listens, and HAProxy has found its server to be well.
	var err error
	await(t, 30*time.Second, func() error {
		err = s.announce(s.asker, r, from6, to6, q)
		if r.want == refused || r.want == garbled {
			if absent(err) {
				return err
			}
			return nil
		}
		return err
	}, append(needed, s.shoal.proc)...)

	of := func(h *host, v6 bool) []netip.AddrPort {
		if v6 {
			return []netip.AddrPort{netip.AddrPortFrom(h.v6, q.port)}
		}
		return []netip.AddrPort{netip.AddrPortFrom(h.v4, q.port)}
	}
	var want []netip.AddrPort
	var refusal *refusal
	switch r.want {
	case ofClient:
		want = of(s.asker, from6)
	case ofProxy:
		want = of(s.proxy, to6)
	case refused:
		if !errors.As(err, &refusal) || !strings.Contains(strings.ToLower(refusal.reason), "proxy") {
			t.Errorf("answered with %v, want a failure reason that speaks of the proxy", err)
		}
	case garbled:
		if err == nil || errors.As(err, &refusal) && strings.Contains(strings.ToLower(refusal.reason), "proxy") {
			t.Errorf("answered with %v, want to be told that this is not HTTP", err)
		}
	}
	if got := s.stored(t, q); !slices.Equal(got, want) {
		t.Errorf("Shoal has stored %v, want %s: %v", got, r.want, want)
	}
}

// absent reports whether the error is of a proxy that does not listen yet, or
// has no server.
func absent(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "connection refused") || strings.Contains(text, "HTTP status 50")
}

// stored asks Shoal, not through a proxy, for the peers of the torrent. The
// watcher keeps port 0, which is answered and not stored.
func (s *proxyScene) stored(t *testing.T, q question) []netip.AddrPort {
	t.Helper()
	rand.Read(q.peerID[:])
	q.port = 0
	got, err := announceHTTP(s.watcher, believesXForwardedFor.listener(s.shoal.host, false), q, "")
	if err != nil {
		t.Fatalf("the watcher asks: %v", err)
	}
	return got.peers
}

// share lets two clients use the one connection that nginx keeps to Shoal: an
// address is that of a request, not of a connection.
func (s *proxyScene) share(t *testing.T) {
	var kept route
	for _, r := range routes {
		if r.name == "nginx X-Forwarded-For kept" {
			kept = r
		}
	}
	q := question{port: 6881, left: 1}
	rand.Read(q.infoHash[:])
	for range 10 {
		for _, h := range []*host{s.asker, s.watcher} {
			copy(q.peerID[:], h.namespace)
			if err := s.announce(h, kept, false, false, q); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := s.stored(t, q)
	want := []netip.AddrPort{netip.AddrPortFrom(s.asker.v4, 6881), netip.AddrPortFrom(s.watcher.v4, 6881)}
	sortPeers(got)
	if !slices.Equal(got, want) {
		t.Errorf("Shoal has stored %v, want %v", got, want)
	}
}

func sortPeers(peers []netip.AddrPort) { slices.SortFunc(peers, netip.AddrPort.Compare) }
