package httpload

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// certify makes a certificate for 127.0.0.1 and those who trust it.
func certify(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, trust
}

// seen is what a server knows of the handshakes it has had.
type seen struct{ full, resumed, requests atomic.Uint64 }

// serveTLS is serve over TLS.
func serveTLS(t *testing.T, keep bool, config *tls.Config, answer func(r *http.Request, from netip.AddrPort) string) (netip.AddrPort, *seen) {
	t.Helper()
	saw := new(seen)
	at := listen(t, func(c net.Conn) {
		conn := tls.Server(c, config)
		if conn.Handshake() != nil {
			return
		}
		if conn.ConnectionState().DidResume {
			saw.resumed.Add(1)
		} else {
			saw.full.Add(1)
		}
		reader := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			saw.requests.Add(1)
			text := answer(r, c.RemoteAddr().(*net.TCPAddr).AddrPort())
			if text == "" {
				return
			}
			if _, err := conn.Write([]byte(text)); err != nil || !keep {
				_ = conn.Close()
				return
			}
		}
	})
	return at, saw
}

// listen serves each connection until the test ends.
func listen(t *testing.T, serve func(c net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func emptySwarms(r *http.Request, _ netip.AddrPort) string {
	if r.URL.Path == "/scrape" {
		return whole("d5:filesdee")
	}
	return whole(emptySwarm)
}

// overTLS returns a plan with TLS for a target whose certificate it trusts.
func overTLS(t *testing.T, target netip.AddrPort, trust *x509.CertPool) *plan.Plan {
	t.Helper()
	p := newPlan(t, target)
	p.TLS = &tls.Config{ServerName: "127.0.0.1", RootCAs: trust}
	p.Timeout = time.Minute // a busy machine takes its time for the crypto
	return p
}

// TestHandshakes: both sides count the same handshakes, whether connections are
// kept, sessions are resumed, and by every version and pace.
func TestHandshakes(t *testing.T) {
	certificate, trust := certify(t)
	for _, test := range []struct {
		name          string
		version       uint16
		keep, resume  bool
		rate          float64
		full, resumed uint64 // of 200 requests on 10 connections
	}{
		{"1.3", tls.VersionTLS13, false, false, 0, 200, 0},
		{"1.2", tls.VersionTLS12, false, false, 0, 200, 0},
		{"1.3 resumed", tls.VersionTLS13, false, true, 0, 10, 190},
		{"1.2 resumed", tls.VersionTLS12, false, true, 0, 10, 190},
		{"1.3 kept", tls.VersionTLS13, true, false, 0, 10, 0},
		{"1.2 kept", tls.VersionTLS12, true, true, 0, 10, 0},
		{"1.3 open loop", tls.VersionTLS13, false, false, 400, 200, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var versions sync.Map
			var first atomic.Int64 // requests that are held until all connections carry one
			all := make(chan struct{})
			config := &tls.Config{Certificates: []tls.Certificate{certificate}, VerifyConnection: func(s tls.ConnectionState) error {
				versions.Store(s.Version, true)
				return nil
			}}
			at, saw := serveTLS(t, test.keep, config, func(r *http.Request, from netip.AddrPort) string {
				if test.rate == 0 {
					if first.Add(1) == 10 {
						close(all)
					}
					<-all
				}
				return emptySwarms(r, from)
			})
			p := overTLS(t, at, trust)
			p.TLS.MaxVersion, p.KeepAlive, p.Resume, p.Rate = test.version, test.keep, test.resume, test.rate
			p.Requests, p.Scrape = 200, 10
			s := run(t, p)
			if s.Responses+s.Missed != 200 || test.rate == 0 && s.Missed != 0 || s.Lost != 0 || s.Wrong != 0 || s.Answered["scrape"] == 0 || s.Latency.P50 == 0 {
				t.Errorf("%+v", s)
			}
			test.full -= s.Missed
			if want := (report.Handshakes{Full: test.full, Resumed: test.resumed}); s.Handshakes != want {
				t.Errorf("%+v, want %+v", s.Handshakes, want)
			}
			if full, resumed := saw.full.Load(), saw.resumed.Load(); full != test.full || resumed != test.resumed {
				t.Errorf("the server saw %d full and %d resumed", full, resumed)
			}
			versions.Range(func(version, _ any) bool {
				if version != test.version {
					t.Errorf("version %x, want %x", version, test.version)
				}
				return true
			})
		})
	}
}

// TestParallelHandshakes: all connections shake hands at once.
func TestParallelHandshakes(t *testing.T) {
	certificate, trust := certify(t)
	var arrived atomic.Int64
	all := make(chan struct{})
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if arrived.Add(1) == 10 {
			close(all)
		}
		<-all
		return &certificate, nil
	}}
	at, _ := serveTLS(t, false, config, emptySwarms)
	p := overTLS(t, at, trust)
	p.Requests = 10
	if s := run(t, p); s.Responses != 10 || s.Handshakes.Full != 10 {
		t.Errorf("%+v", s)
	}
}

// TestFillTLS: every peer is announced, and once more where no answer came.
func TestFillTLS(t *testing.T) {
	certificate, trust := certify(t)
	for _, keep := range []bool{false, true} {
		var requests atomic.Int64
		at, saw := serveTLS(t, keep, &tls.Config{Certificates: []tls.Certificate{certificate}}, func(r *http.Request, from netip.AddrPort) string {
			if n := requests.Add(1); n == 7 || n == 8 {
				return ""
			}
			return emptySwarms(r, from)
		})
		p := overTLS(t, at, trust)
		p.Fill, p.KeepAlive, p.Connections = true, keep, 3
		if s := run(t, p); s.Responses != 100 || s.Wrong != 0 || (s.Lost == 2) == keep || saw.requests.Load() != 102 {
			t.Errorf("keep %v: %+v", keep, s)
		}
	}
}

// TestBrokenTLS: what can go wrong with TLS, and what it is counted as.
func TestBrokenTLS(t *testing.T) {
	certificate, trust := certify(t)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	hello := func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }
	// speak shakes hands, reads a request, and says something.
	speak := func(c net.Conn, text string) *tls.Conn {
		conn := tls.Server(c, config)
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, text)
		}
		return conn
	}
	for _, test := range []struct {
		name          string
		serve         func(c net.Conn)
		tls, http     uint64 // wrong, of 20
		lost, refused uint64
		failed        uint64 // handshakes
	}{
		{"plain HTTP", func(c net.Conn) {
			hello(c)
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		}, 20, 0, 0, 0, 20},
		{"an alert", func(c net.Conn) {
			hello(c)
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 40})
		}, 20, 0, 0, 0, 20},
		{"an old version", func(c net.Conn) {
			_ = tls.Server(c, &tls.Config{Certificates: config.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
		}, 20, 0, 0, 0, 20},
		{"closed at once", hello, 0, 0, 20, 20, 20},
		{"reset at once", func(c net.Conn) {
			hello(c)
			_ = c.(*net.TCPConn).SetLinger(0)
		}, 0, 0, 20, 20, 20},
		{"silence", func(c net.Conn) {
			hello(c)
			_, _ = c.Read(make([]byte, 1))
		}, 0, 0, 20, 0, 20},
		{"cut after the handshake", func(c net.Conn) { speak(c, "") }, 0, 0, 20, 20, 0},
		{"cut in an answer", func(c net.Conn) { speak(c, whole(emptySwarm)[:50]) }, 0, 20, 0, 0, 0},
		{"cut in a record", func(c net.Conn) {
			speak(c, strings.Replace(whole(emptySwarm), "Content-Length", "X", 1))
			_, _ = c.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3})
		}, 0, 20, 0, 0, 0},
		{"a record that is none", func(c net.Conn) {
			speak(c, "HTTP/1.1 200 OK\r\n")
			_, _ = c.Write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
		}, 20, 0, 0, 0, 0},
		{"silence after the handshake", func(c net.Conn) {
			_, _ = speak(c, "").Read(make([]byte, 1))
		}, 0, 0, 20, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := overTLS(t, listen(t, test.serve), trust)
			p.Requests = 20
			if strings.HasPrefix(test.name, "silence") {
				p.Timeout, p.Connections = 3*time.Second, 20
			}
			s := run(t, p)
			if s.WrongBy["tls"] != test.tls || s.WrongBy["http"] != test.http || s.Wrong != test.tls+test.http {
				t.Errorf("wrong %v, %v", s.WrongBy, s.Examples)
			}
			if s.Lost != test.lost || s.Refused != test.refused || s.Handshakes.Failed != test.failed || s.Handshakes.Full != 20-test.failed {
				t.Errorf("%d lost, %d refused, %+v", s.Lost, s.Refused, s.Handshakes)
			}
			if test.tls > 0 && !strings.HasPrefix(s.Examples["tls"], "TLS: ") {
				t.Errorf("example %q", s.Examples["tls"])
			}
		})
	}
}

// TestUntrusted: nothing comes of a certificate that nobody vouches for.
func TestUntrusted(t *testing.T) {
	certificate, _ := certify(t)
	_, others := certify(t)
	at, _ := serveTLS(t, false, &tls.Config{Certificates: []tls.Certificate{certificate}}, emptySwarms)
	p := overTLS(t, at, others)
	tally, _, err := Run(t.Context(), p, report.NewLive(1))
	if err == nil || !strings.Contains(err.Error(), "name its authority with --ca") || tally.Responses() != 0 || tally.Handshakes.Failed == 0 {
		t.Errorf("%v, %+v", err, tally.Handshakes)
	}
	p = overTLS(t, at, others)
	p.TLS.InsecureSkipVerify, p.Requests = true, 20
	if s := run(t, p); s.Responses != 20 || s.Wrong != 0 {
		t.Errorf("%+v", s)
	}
}

// TestNotClosedTLS: a tracker that keeps what it is asked to close is told of.
func TestNotClosedTLS(t *testing.T) {
	certificate, trust := certify(t)
	at, _ := serveTLS(t, true, &tls.Config{Certificates: []tls.Certificate{certificate}}, emptySwarms)
	p := overTLS(t, at, trust)
	p.Requests = 20
	if s := run(t, p); s.Responses != 20 || s.Unclosed != 20 || s.Wrong != 0 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
}

// TestIdle: each connection announces once, all are held, and those that the
// tracker closes meanwhile are missing in the end.
func TestIdle(t *testing.T) {
	certificate, trust := certify(t)
	for _, secure := range []bool{false, true} {
		for _, test := range []struct {
			name       string
			closes     bool // every second connection, while idle
			open, lost uint64
		}{
			{"kept", false, 200, 0},
			{"half are closed", true, 100, 100},
		} {
			t.Run(test.name+map[bool]string{true: " TLS"}[secure], func(t *testing.T) {
				var accepted, requests atomic.Int64
				p := newPlan(t, listen(t, func(c net.Conn) {
					closes := test.closes && accepted.Add(1)%2 == 0
					if secure {
						c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
					}
					reader := bufio.NewReader(c)
					for {
						r, err := http.ReadRequest(reader)
						if err != nil {
							return
						}
						requests.Add(1)
						_, _ = io.WriteString(c, emptySwarms(r, netip.AddrPort{}))
						if closes {
							return
						}
					}
				}))
				if secure {
					p.TLS = &tls.Config{ServerName: "127.0.0.1", RootCAs: trust}
				}
				told := 0
				p.KeepAlive, p.Idle, p.Connections, p.Duration, p.Timeout = true, true, 200, 300*time.Millisecond, time.Minute
				p.Holding = func(open int) {
					if told = open; requests.Load() != 200 {
						t.Errorf("%d announces before the holding begins", requests.Load())
					}
				}
				s := run(t, p)
				if s.Opened != 200 || told != 200 || s.Open != test.open || s.Lost != test.lost || s.Responses != 200+test.open || s.Wrong != 0 {
					t.Errorf("told %d, %+v", told, s)
				}
				if want := map[bool]uint64{true: 200}[secure]; s.Handshakes.Full != want {
					t.Errorf("%+v", s.Handshakes)
				}
				if n := requests.Load(); n != int64(s.Responses) {
					t.Errorf("%d requests arrive, %d are answered", n, s.Responses)
				}
			})
		}
	}
}

// TestIdleCancel: the holding can be ended early.
func TestIdleCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := newPlan(t, serve(t, true, func(*http.Request, netip.AddrPort) string { return whole(emptySwarm) }))
	p.KeepAlive, p.Idle, p.Duration = true, true, time.Hour
	p.Holding = func(int) { cancel() }
	tally, elapsed, err := Run(ctx, p, report.NewLive(1))
	if err != nil || tally.Opened != 10 || tally.Open != 10 || elapsed >= time.Hour {
		t.Errorf("%d of %d open after %v, %v", tally.Open, tally.Opened, elapsed, err)
	}
}
