package certificates

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// count returns how many lines have all of the words.
func (j *journal) count(words ...string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
line:
	for line := range strings.Lines(j.text.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue line
			}
		}
		n++
	}
	return n
}

func (j *journal) wantLines(t *testing.T, want int, words ...string) {
	t.Helper()
	if got := j.count(words...); got != want {
		j.mu.Lock()
		defer j.mu.Unlock()
		t.Errorf("%d lines with %q, want %d, in:\n%s", got, words, want, &j.text)
	}
}

var serial atomic.Int64

// makeCert returns a certificate and its key in PEM, signed by itself, or by
// issuer for the key of a request.
func makeCert(t *testing.T, begin, end time.Time, names ...string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)),
		Subject:      pkix.Name{CommonName: fmt.Sprint(serial.Load())},
		DNSNames:     names,
		NotBefore:    begin,
		NotAfter:     end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

func makeGood(t *testing.T, names ...string) (cert, key []byte) {
	t.Helper()
	return makeCert(t, time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour), names...)
}

// write replaces a file as tools do that renew: whole, by another inode.
func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// files is a configuration with a pair in a new directory.
func files(t *testing.T, cert, key []byte) Config {
	t.Helper()
	dir := t.TempDir()
	c := DefaultConfig()
	c.Cert, c.Key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, c.Cert, cert)
	write(t, c.Key, key)
	return c
}

func open(t *testing.T, c Config, log *slog.Logger) *Certificates {
	t.Helper()
	s, err := Open(c, t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shake makes one connection, says a word over it, and returns what the client
// saw. Only the first certificate is looked at: nothing is verified.
func shake(s *Certificates, client *tls.Config) (tls.ConnectionState, error) {
	near, far := net.Pipe()
	defer near.Close()
	done := make(chan error, 1)
	go func() {
		defer far.Close()
		conn := tls.Server(far, s.TLSConfig())
		_, err := io.WriteString(conn, "hi")
		done <- err
	}()
	client = client.Clone()
	client.InsecureSkipVerify = true
	conn := tls.Client(near, client)
	_, err := io.ReadFull(conn, make([]byte, 2)) // with it comes the ticket
	near.Close()
	return conn.ConnectionState(), errors.Join(err, <-done)
}

// served returns the common name of the certificate that is served.
func served(t *testing.T, s *Certificates, name string) string {
	t.Helper()
	state, err := shake(s, &tls.Config{ServerName: name})
	if err != nil {
		t.Fatalf("handshake for %q: %v", name, err)
	}
	return commonName(state.PeerCertificates[0])
}

func commonName(c *x509.Certificate) string { return c.Subject.CommonName }

func commonNameOf(t *testing.T, text []byte) string {
	t.Helper()
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return commonName(cert)
}

// start runs s until the test ends, or stop is called.
func start(t *testing.T, s *Certificates) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
	})
}
