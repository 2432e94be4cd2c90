package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/config"
)

func TestAPIAccess(t *testing.T) {
	for _, test := range []struct{ listen, want, wantErr string }{
		{"127.0.0.1:1212", "http://127.0.0.1:1212", ""},
		{"0.0.0.0:1212", "http://127.0.0.1:1212", ""},
		{"[::]:1212", "http://[::1]:1212", ""},
		{"[::ffff:0.0.0.0]:1212", "http://127.0.0.1:1212", ""},
		{"192.0.2.1:80 [::1]:1212", "http://192.0.2.1:80", ""},
		{"127.0.0.1:0", "", "port 0"},
		{"", "", `api.listen is ""`},
	} {
		cfg := config.Default()
		cfg.API.Listen = nil
		for _, addr := range strings.Fields(test.listen) {
			cfg.API.Listen = append(cfg.API.Listen, netip.MustParseAddrPort(addr))
		}
		place, err := APIAccess(cfg)
		if test.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("%q: error %v, want %q", test.listen, err, test.wantErr)
			}
		} else if err != nil || place != (APIPlace{URL: test.want}) {
			t.Errorf("%q: %+v, error %v, want %s", test.listen, place, err, test.want)
		}
	}
}

// TestAPIAccessByCertificate: whatever a certificate is for, and whoever signed it,
// a command on the tracker's machine believes it, and no other.
func TestAPIAccessByCertificate(t *testing.T) {
	for _, test := range []struct {
		name  string
		names []string
		ips   []net.IP
		want  string
	}{
		{"of this address", []string{"tracker.example.org"}, []net.IP{net.IPv4(127, 0, 0, 1)}, ""},
		{"of a name", []string{"tracker.example.org", "other.example.org"}, nil, "tracker.example.org"},
		{"of all names below one", []string{"*.example.org"}, nil, "shoal.example.org"},
		{"of another address", nil, []net.IP{net.IPv4(192, 0, 2, 1)}, "192.0.2.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			shown, file := certificateOf(t, test.names, test.ips)
			other, _ := certificateOf(t, test.names, test.ips)
			for _, certificate := range []tls.Certificate{shown, other} {
				server := httptest.NewUnstartedServer(http.NotFoundHandler())
				server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
				server.StartTLS()
				defer server.Close()
				cfg := config.Default()
				cfg.API.Listen = []netip.AddrPort{netip.MustParseAddrPort(server.Listener.Addr().String())}
				cfg.API.TLS.Cert, cfg.API.TLS.Key = file, "key.pem"
				place, err := APIAccess(cfg)
				if err != nil || place.URL != server.URL || place.ServerName != test.want {
					t.Fatalf("%+v, error %v", place, err)
				}
				client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{ServerName: place.ServerName, RootCAs: place.Roots}}}
				defer client.CloseIdleConnections()
				resp, err := client.Get(place.URL)
				if err == nil {
					resp.Body.Close()
				}
				if believed := err == nil; believed != (&certificate.Certificate[0][0] == &shown.Certificate[0][0]) {
					t.Errorf("error %v", err)
				}
			}
		})
	}
	cfg := config.Default()
	cfg.API.TLS.ACME = []string{"tracker.example.org", "other.example.org"}
	if place, err := APIAccess(cfg); err != nil || place != (APIPlace{"https://127.0.0.1:1212", "tracker.example.org", nil}) {
		t.Errorf("%+v, error %v", place, err)
	}
	cfg = config.Default()
	cfg.API.TLS.Cert = filepath.Join(t.TempDir(), "none.pem")
	if _, err := APIAccess(cfg); err == nil {
		t.Error("a certificate that is not there")
	}
	if err := os.WriteFile(cfg.API.TLS.Cert, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := APIAccess(cfg); err == nil || !strings.Contains(err.Error(), "has none") {
		t.Errorf("error %v", err)
	}
}

// certificateOf makes a certificate that nobody signed, and a file of it.
func certificateOf(t *testing.T, names []string, ips []net.IP) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: names, IPAddresses: ips,
	}
	text, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key}, file
}

func TestAPIToken(t *testing.T) {
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	if _, _, err := APIToken(cfg); err == nil || !strings.Contains(err.Error(), "is this the directory that it runs in") {
		t.Errorf("error %v", err)
	}
	if entries, err := os.ReadDir(cfg.DataDir); err != nil || len(entries) > 0 {
		t.Errorf("a command has drawn a token: %v, error %v", entries, err)
	}
	drawn, file, err := api.LoadToken(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if token, source, err := APIToken(cfg); token != drawn || source != file || err != nil {
		t.Errorf("%q of %q, error %v", token, source, err)
	}
	cfg.API.Tokens = map[string]api.Token{
		"a": {Token: "reads-alone", Scope: "read"},
		"c": {Token: "third-token"},
		"b": {Token: "second-token", Scope: "admin"},
	}
	if token, source, err := APIToken(cfg); token != "second-token" || source != "api.tokens.b" || err != nil {
		t.Errorf("%q of %q, error %v", token, source, err)
	}
	cfg.API.Tokens = map[string]api.Token{"a": {Token: "reads-alone", Scope: "read"}}
	if _, _, err := APIToken(cfg); err == nil || strings.Contains(err.Error(), "reads-alone") {
		t.Errorf("error %v", err)
	}
}

func TestReadToken(t *testing.T) {
	for text, want := range map[string]string{
		"a-token\n":               "a-token",
		" a-token\r\n\n":          "a-token",
		"":                        "",
		"\n":                      "",
		"two words":               "",
		"two\nlines":              "",
		"schlüssel":               "",
		strings.Repeat("a", 5000): "",
	} {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadToken(file)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: %q, error %v", text, got, err)
		}
		if err != nil && len(text) > 1 && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows the file: %v", err)
		}
	}
}
