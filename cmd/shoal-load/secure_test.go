package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// testTLS makes a server's config with a certificate of its own for 127.0.0.1.
func testTLS(t *testing.T) *tls.Config {
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
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// writeCertificate writes one and its key into files.
func writeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	pair := testTLS(t).Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, cert, "CERTIFICATE", pair.Certificate[0])
	writePEM(t, key, "PRIVATE KEY", der)
	return cert, key
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

const nobody = "d8:completei1e8:intervali9e5:peers0:e"

// TestTLSFlags: what is offered is what the flags say.
func TestTLSFlags(t *testing.T) {
	config := testTLS(t)
	var version, group atomic.Uint32
	config.VerifyConnection = func(s tls.ConnectionState) error {
		version.Store(uint32(s.Version))
		group.Store(uint32(s.CurveID))
		return nil
	}
	target := lieHTTP(t, config, nobody)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, "CERTIFICATE", config.Certificates[0].Certificate[0])
	for _, test := range []struct {
		args    string
		version uint32
		group   tls.CurveID
	}{
		{"", tls.VersionTLS13, tls.X25519MLKEM768},
		{"--post-quantum=false", tls.VersionTLS13, tls.X25519},
		{"--tls-max 1.2", tls.VersionTLS12, tls.X25519},
	} {
		s, code := load(t, append([]string{"http", "--target", "https://" + target, "--ca", ca, "--requests", "20", "--connections", "5"}, strings.Fields(test.args)...)...)
		if code != exitOK || s.Transport != "https" || s.Responses != 20 || s.Handshakes != (report.Handshakes{Full: 20}) || s.CPU == 0 {
			t.Errorf("%q: exit code %d, %+v", test.args, code, s)
		}
		if v, g := version.Load(), tls.CurveID(group.Load()); v != test.version || g != test.group {
			t.Errorf("%q: version %x, group %v", test.args, v, g)
		}
	}
	s, code := load(t, "http", "--target", target, "--tls", "--ca", ca, "--resume", "--requests", "20", "--connections", "1")
	if code != exitOK || s.Handshakes != (report.Handshakes{Full: 1, Resumed: 19}) {
		t.Errorf("resumed: exit code %d, %+v", code, s)
	}
}

// TestNoTrust: a certificate that nobody vouches for, and no TLS at all, fail
// the run.
func TestNoTrust(t *testing.T) {
	s, code := load(t, "http", "--target", "https://"+lieHTTP(t, testTLS(t), nobody), "--requests", "20")
	if code != exitFailed || s.Responses != 0 || s.Handshakes.Failed == 0 {
		t.Errorf("no trust: exit code %d, %+v", code, s)
	}
	s, code = load(t, "http", "--target", "https://"+lieHTTP(t, nil, nobody), "--requests", "20", "--insecure", "--timeout", "300ms")
	if code != exitFailed || s.Handshakes.Failed == 0 || s.Handshakes.Full != 0 {
		t.Errorf("no TLS: exit code %d, %+v", code, s)
	}
}

// TestIdleSources: more connections than an address has ports come from more
// addresses.
func TestIdleSources(t *testing.T) {
	for connections, want := range map[int]int{1: 1, connectionsOfSource: 1, connectionsOfSource + 1: 2, 1 << 20: 53} {
		if got := (&settings{idle: true, connections: connections}).neededSources(); got != want {
			t.Errorf("%d sources for %d idle connections, want %d", got, connections, want)
		}
	}
}

// TestDescriptors: connections that cannot be opened are not tried.
func TestDescriptors(t *testing.T) {
	named := func(flag string) string { return "--" + flag }
	for _, test := range []struct {
		connections int
		limit       uint64
		known       bool
		want        string
	}{
		{968, 1000, true, ""},
		{969, 1000, true, "--connections: must be 1 to 968, as this process may open 1000 files (ulimit -n) and 32 of them are for other things"},
		{1 << 20, 1<<64 - 1, true, ""},
		{1 << 20, 0, false, ""},
	} {
		err := (&settings{connections: test.connections}).checkDescriptors(named, test.limit, test.known)
		if err == nil && test.want != "" || err != nil && err.Error() != test.want {
			t.Errorf("%d of %d: %v", test.connections, test.limit, err)
		}
	}
}
