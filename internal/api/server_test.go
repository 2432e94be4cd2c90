package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
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
