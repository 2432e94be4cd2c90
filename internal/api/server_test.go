package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

func certificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	cert := certificate(t)
	s := newStand(t, func(_ *Config, o *Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	answer, err := client.Get(strings.Replace(s.url, "http", "https", 1) + "/api/v1/build?token=" + adminToken)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 200 || answer.TLS == nil {
		t.Errorf("%d, %v", answer.StatusCode, answer.TLS)
	}
	if answer, _ := s.ask("GET", "/api/health_check", ""); answer.StatusCode != 400 {
		t.Errorf("plain HTTP: %d", answer.StatusCode)
	}
}

func TestListen(t *testing.T) {
	s := newStand(t, func(c *Config, _ *Options) {
		c.Listen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("127.0.0.1:0")}
	})
	addrs := s.Addrs()
	if len(addrs) != 2 || addrs[0].Port() == 0 || addrs[0] == addrs[1] {
		t.Fatal(addrs)
	}
	for _, addr := range addrs {
		s.url = "http://" + addr.String()
		if answer, _ := s.ask("GET", "/api/health_check", ""); answer.StatusCode != 200 {
			t.Errorf("%s: %d", addr, answer.StatusCode)
		}
	}
	if _, err := Listen(Config{Listen: addrs}, Options{}); err == nil || !strings.Contains(err.Error(), addrs[0].String()) {
		t.Errorf("a port that is taken: %v", err)
	}
	off := newStand(t, func(c *Config, _ *Options) { c.Listen = nil })
	if len(off.Addrs()) != 0 {
		t.Error(off.Addrs())
	}
	if err := off.end(); err != nil {
		t.Error(err)
	}
}

// TestCloseWithoutServe gives the port back, for a tracker that fails to start
// elsewhere.
func TestCloseWithoutServe(t *testing.T) {
	c := Config{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}}
	s, err := Listen(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	addr := s.Addrs()[0]
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	again, err := Listen(Config{Listen: []netip.AddrPort{addr}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// TestEnd ends a server under a request: one that ends soon is answered, and one
// that does not is told to, and has ended when Serve returns.
func TestEnd(t *testing.T) {
	for _, soon := range []bool{true, false} {
		s := newStand(t, nil)
		begun, goOn, ended := make(chan bool), make(chan bool), make(chan bool, 1)
		s.prepare()
		api := humago.New(s.mux, s.humaConfig())
		huma.Register(api, open(huma.Operation{Method: http.MethodGet, Path: "/wait"}), func(ctx context.Context, _ *struct{}) (*aliveAnswer, error) {
			close(begun)
			select {
			case <-goOn:
			case <-ctx.Done():
			}
			ended <- true
			return &aliveAnswer{alive{"Ok"}}, problemOf(ctx.Err())
		})
		answered := make(chan int, 1)
		go func() {
			answer, err := http.Get(s.url + "/api/v1/wait")
			if err != nil {
				answered <- 0
				return
			}
			answer.Body.Close()
			answered <- answer.StatusCode
		}()
		<-begun
		if soon {
			close(goOn)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
		select {
		case <-ended:
		default:
			t.Error("the request runs on")
		}
		if got := <-answered; soon && got != 200 {
			t.Errorf("answered %d", got)
		}
	}
}

func TestConnections(t *testing.T) {
	c := newConnections(func(addr netip.Addr) bool { return addr == netip.MustParseAddr("10.0.0.1") })
	from := func(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }
	var sources []netip.Prefix
	for i := range mostOfOne {
		source, ok := c.take(from("[2001:db8::1]:1"))
		if !ok {
			t.Fatalf("connection %d is refused", i)
		}
		sources = append(sources, source)
	}
	if _, ok := c.take(from("[2001:db8::2]:1")); ok {
		t.Error("one source has more than its part")
	}
	others := []string{"127.0.0.1:1", "10.0.0.1:1"}
	for i := range mostConnections - mostOfOne {
		source, ok := c.take(from(others[i%2]))
		if !ok || source.IsValid() {
			t.Fatalf("connection %d is refused, or counted for %s", i, source)
		}
	}
	if _, ok := c.take(from("192.0.2.1:1")); ok {
		t.Error("there are more than there may be")
	}
	for _, source := range sources {
		c.give(source)
	}
	if len(c.of) != 0 || c.all != mostConnections-mostOfOne {
		t.Errorf("%d sources, %d connections", len(c.of), c.all)
	}
	if _, ok := c.take(from("[2001:db8::2]:1")); !ok {
		t.Error("no room is given back")
	}
}

// TestConnectionsAreGivenBack counts those of a server that had some.
func TestConnectionsAreGivenBack(t *testing.T) {
	c := newConnections(func(netip.Addr) bool { return false })
	plain, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := c.limit(plain)
	defer l.Close()
	for range 3 {
		dialled, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		taken, err := l.Accept()
		if err != nil || c.all != 1 {
			t.Fatal(err, c.all)
		}
		taken.Close()
		taken.Close() // the second is no connection more
		dialled.Close()
	}
	if c.all != 0 {
		t.Errorf("%d are open", c.all)
	}
}
