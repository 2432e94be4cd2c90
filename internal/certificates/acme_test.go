package certificates

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// signer stands for the issuer and the authority behind it.
type signer struct {
	key  string
	life time.Duration

	mu     sync.Mutex
	fails  bool
	issued map[string]int // by name
	asked  int
}

func (f *signer) IssuerKey() string { return f.key }

func (f *signer) Issue(_ context.Context, request *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.fails {
		return nil, errors.New("the authority sleeps")
	}
	f.issued[request.DNSNames[0]]++
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)),
		Subject:      pkix.Name{CommonName: request.DNSNames[0]},
		DNSNames:     request.DNSNames,
		NotBefore:    time.Now(),
		NotAfter:     time.Now().Add(f.life),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, request.PublicKey, private)
	if err != nil {
		return nil, err
	}
	return &certmagic.IssuedCertificate{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Metadata:    acme.Certificate{},
	}, nil
}

func (f *signer) setFails(fails bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = fails
}

func (f *signer) count(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued[name]
}

func (f *signer) times() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func supplied(t *testing.T, s *Certificates, life time.Duration) *signer {
	t.Helper()
	f := &signer{key: s.acme.issuer.key, life: life, issued: map[string]int{}}
	s.acme.from = f
	s.every = time.Hour // there are no files
	return f
}

// life is that of the shortest certificates of a public authority.
const (
	day  = 24 * time.Hour
	life = 6 * day
)

// TestIssueAndRenew goes through two weeks.
func TestIssueAndRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var j journal
		s := openNames(t, dir, &j, "a.example.org", "B.example.org")
		f := supplied(t, s, life)
		j.wantLines(t, 2, "will be asked for", "ca.example.org")
		if e := s.Expiries(); len(e) != 2 || !e[0].NotAfter.IsZero() || e[1].Names[0] != "b.example.org" {
			t.Errorf("nothing is issued, and expiries are %+v", e)
		}
		if _, err := shake(s, &tls.Config{ServerName: "a.example.org"}); err == nil {
			t.Error("a handshake without a certificate")
		}
		stop := start(t, s)
		time.Sleep(time.Minute)
		j.wantLines(t, 2, "level=INFO", "certificate is served", "source=ca.example.org")
		for asked, want := range map[string]string{
			"a.example.org": "a.example.org", "b.EXAMPLE.org": "b.example.org", "b.example.org": "b.example.org",
			"": "a.example.org", "other.example.org": "a.example.org",
		} {
			if got := served(t, s, asked); got != want {
				t.Errorf("%q is served for %q, want %q", got, asked, want)
			}
		}
		time.Sleep(life/2 + day/2)
		if n := f.count("a.example.org"); n != 1 {
			t.Errorf("issued %d times in more than half a life, want once", n)
		}
		time.Sleep(13*day - life/2 - day/2)
		if n, m := f.count("a.example.org"), f.count("b.example.org"); n != 4 || m != 4 {
			t.Errorf("issued %d and %d times in 13 days, want 4 times, 4 days apart", n, m)
		}
		j.wantLines(t, 6, "level=INFO", "certificate is renewed")
		j.wantLines(t, 0, "level=WARN")
		j.wantLines(t, 0, "level=ERROR")
		for _, e := range s.Expiries() {
			if left := time.Until(e.NotAfter); left < life/3-time.Hour || e.Source != "ca.example.org" {
				t.Errorf("%+v has %v left", e, left)
			}
		}
		before := f.count("a.example.org")
		stop()

		// The next run has them from the start.
		s = openNames(t, dir, &j, "a.example.org", "b.example.org")
		f = supplied(t, s, life)
		if got := served(t, s, "b.example.org"); got != "b.example.org" {
			t.Errorf("%q is served after a restart", got)
		}
		stop = start(t, s)
		time.Sleep(time.Hour)
		stop()
		if n := f.count("a.example.org"); before == 0 || n != 0 {
			t.Errorf("issued %d times again after a restart", n)
		}
		private(t, dir)
	})
}

// private wants nothing in the directory that others can read.
func private(t *testing.T, dir string) {
	t.Helper()
	keys := 0
	err := filepath.WalkDir(filepath.Join(dir, "certificates"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if strings.HasSuffix(path, ".key") {
			keys++
		}
		return err
	})
	if err != nil || keys != 2 {
		t.Errorf("%d keys are kept, want 2; %v", keys, err)
	}
}

// TestShortLives: certificates of minutes are renewed in time as well.
func TestShortLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := openNames(t, t.TempDir(), &j, "a.example.org")
		f := supplied(t, s, 5*time.Minute)
		stop := start(t, s)
		for range 3600 {
			time.Sleep(time.Second)
			if e := s.Expiries()[0]; time.Until(e.NotAfter) < time.Minute {
				t.Fatalf("%v are left", time.Until(e.NotAfter))
			}
		}
		stop()
		if n := f.count("a.example.org"); n < 12 || n > 30 {
			t.Errorf("issued %d times in an hour", n)
		}
	})
}

// TestRenewalFails: the old certificate stays, until its end and beyond, and
// the authority is not pestered.
func TestRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := openNames(t, t.TempDir(), &j, "a.example.org")
		f := supplied(t, s, life)
		f.setFails(true)
		stop := start(t, s)
		time.Sleep(time.Hour)
		asked := f.times()
		if asked < 3 || asked > 5 {
			t.Errorf("asked %d times in the first hour, want 3 to 5", asked)
		}
		j.wantLines(t, asked, "level=ERROR", "there is no certificate", "the authority sleeps", "again_in")
		f.setFails(false)
		s.Reload()
		time.Sleep(time.Minute)
		j.wantLines(t, 1, "level=INFO", "certificate is served")

		f.setFails(true)
		time.Sleep(life/3*2 + day - time.Hour)
		if n := j.count("level=WARN", "not renewed, the old one stays", "the authority sleeps"); n < 10 || n > 30 {
			t.Errorf("said %d times in the first day that renewing fails", n)
		}
		j.wantLines(t, 0, "ends soon")
		time.Sleep(3 * time.Hour)
		j.wantLines(t, 1, "ends soon")
		time.Sleep(day)
		j.wantLines(t, 1, "has expired")
		if got := served(t, s, ""); got != "a.example.org" {
			t.Errorf("%q is served", got)
		}
		f.setFails(false)
		time.Sleep(time.Hour + time.Minute)
		j.wantLines(t, 1, "certificate is renewed")
		stop()
	})
}

// TestAnotherNodeRenews: what it stored is taken without asking again.
func TestAnotherNodeRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		one, two := openNames(t, dir, new(journal), "a.example.org"), openNames(t, dir, new(journal), "a.example.org")
		f, g := supplied(t, one, life), supplied(t, two, life)
		stopOne, stopTwo := start(t, one), start(t, two)
		time.Sleep(13 * day)
		if n := f.count("a.example.org") + g.count("a.example.org"); n != 4 {
			t.Errorf("two nodes asked %d times, want 4", n)
		}
		if a, b := one.Expiries()[0], two.Expiries()[0]; !a.NotAfter.Equal(b.NotAfter) {
			t.Errorf("one serves until %v, the other until %v", a.NotAfter, b.NotAfter)
		}
		stopOne()
		stopTwo()
	})
}

// refuse is a network that has nobody in it.
type refuse struct{}

func (refuse) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// TestNobodyThere goes through the real issuer: what fails is told, and ends
// with the context in the middle of it.
func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := openNames(t, t.TempDir(), &j, "a.example.org")
		s.acme.issuer.client.HTTPClient = &http.Client{Transport: refuse{}}
		stop := start(t, s)
		time.Sleep(3 * time.Second)
		j.wantLines(t, 1, "asking for a certificate", "a.example.org")
		j.wantLines(t, 1, "level=ERROR", "ca.example.org", "unexpected EOF")
		stop()
	})
}

func TestOpenACMEFails(t *testing.T) {
	c := DefaultConfig()
	c.ACME = []string{"a.example.org"}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, []byte("no PEM"))
	if _, err := Open(c, file, new(journal).logger()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("data_dir is a file: %v", err)
	}
	for _, roots := range []string{file, file + "-missing"} {
		c.Roots = roots
		if _, err := Open(c, t.TempDir(), new(journal).logger()); err == nil || !strings.Contains(err.Error(), roots) {
			t.Errorf("roots %s: %v", roots, err)
		}
	}
	c.Roots = ""
	dir := t.TempDir()
	s, err := Open(c, dir, new(journal).logger())
	if err != nil {
		t.Fatal(err)
	}
	key := s.acme.issuer.key
	for path, text := range map[string]string{
		certmagic.StorageKeys.SiteCert(key, "a.example.org"):       "nonsense",
		certmagic.StorageKeys.SitePrivateKey(key, "a.example.org"): "nonsense",
		certmagic.StorageKeys.SiteMeta(key, "a.example.org"):       "{}",
	} {
		if err := s.acme.storage.Store(t.Context(), path, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(c, dir, new(journal).logger()); err == nil || !strings.Contains(err.Error(), "a.example.org") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a kept certificate is broken: %v", err)
	}
}

// TestAccount: it is kept with its key, and one that cannot be read is no
// reason to make another one silently.
func TestAccount(t *testing.T) {
	dir := t.TempDir()
	s := openNames(t, dir, new(journal), "a.example.org")
	i := s.acme.issuer
	if _, err := i.loadAccount(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no account: %v", err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := certmagic.PEMEncodePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(storedAccount{acme.Account{Status: "valid", Location: "https://ca/1"}, string(text)})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.storage.Store(t.Context(), i.accountKey(), stored); err != nil {
		t.Fatal(err)
	}
	account, err := i.account(t.Context())
	if err != nil || account.Location != "https://ca/1" || !private.Equal(account.PrivateKey) {
		t.Errorf("got %+v, %v", account, err)
	}
	file := s.acme.storage.Filename(i.accountKey())
	for _, bad := range []string{"{", `{"account":{"status":"valid"},"key":"x"}`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := i.account(t.Context()); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("account %q: %v", bad, err)
		}
	}
	if err := i.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := i.loadAccount(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a forgotten account: %v", err)
	}
	other := &issuer{key: i.key, email: "../../../x@example.org"}
	if key := other.accountKey(); key == i.accountKey() || strings.Contains(key, "..") {
		t.Errorf("the account of another address is kept in %s", key)
	}
}
