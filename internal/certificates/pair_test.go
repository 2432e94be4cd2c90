package certificates

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOpenFails(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	_, other := makeGood(t, "b.example.org")
	encrypted := bytes.ReplaceAll(key, []byte("PRIVATE KEY"), []byte("ENCRYPTED PRIVATE KEY"))
	legacy := bytes.Replace(key, []byte("-----\n"), []byte("-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n"), 1)
	tests := []struct {
		name      string
		cert, key []byte
		want      []string // CERT and KEY stand for the files
	}{
		{"no certificate", nil, key, []string{"read the certificate", "CERT", "no such file"}},
		{"no key", cert, nil, []string{"read the private key", "KEY", "no such file"}},
		{"empty certificate", []byte{}, key, []string{"CERT", "no PEM block"}},
		{"key is text", cert, []byte("hello"), []string{"KEY", "no PEM block"}},
		{"swapped", key, cert, []string{"CERT is not the PEM file of a certificate", "PRIVATE KEY"}},
		{"two certificates", cert, cert, []string{"KEY is not the PEM file of a private key", "CERTIFICATE"}},
		{"another key", cert, other, []string{"CERT", "KEY", "does not match"}},
		{"encrypted key", cert, encrypted, []string{"KEY is encrypted", "passphrase"}},
		{"encrypted key of old", cert, legacy, []string{"KEY is encrypted", "passphrase"}},
		{"broken certificate", bytes.Replace(cert, []byte("MII"), []byte("AAA"), 1), key, []string{"CERT"}},
		{"huge certificate", make([]byte, largest+1), key, []string{"CERT", "more than"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := files(t, test.cert, test.key)
			if test.cert == nil {
				os.Remove(c.Cert)
			}
			if test.key == nil {
				os.Remove(c.Key)
			}
			_, err := Open(c, t.TempDir(), new(journal).logger())
			if err == nil {
				t.Fatal("opened")
			}
			said := strings.NewReplacer(c.Cert, "CERT", c.Key, "KEY").Replace(err.Error())
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("the error is %q, want %q in it", said, want)
				}
			}
		})
	}
	if _, err := Open(DefaultConfig(), t.TempDir(), new(journal).logger()); err == nil {
		t.Error("opened without a certificate")
	}
}

// TestValidity: an expired certificate is served, because a client may take it
// all the same, and warned of.
func TestValidity(t *testing.T) {
	tests := []struct {
		name       string
		begin, end time.Duration // from now
		warning    string
	}{
		{"good", -day, 60 * day, ""},
		{"new and short", -day, 5 * day, ""},
		{"ends soon", -80 * day, 6 * day, "ends soon"},
		{"short and ends soon", -6 * time.Hour, time.Hour, "ends soon"},
		{"expired", -90 * day, -time.Second, "has expired"},
		{"not yet", day, 90 * day, "does not hold yet"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cert, key := makeCert(t, time.Now().Add(test.begin), time.Now().Add(test.end), "a.example.org")
			var j journal
			s := open(t, files(t, cert, key), j.logger())
			served(t, s, "a.example.org")
			j.wantLines(t, 1, "level=INFO", "certificate is served", "a.example.org", "not_after=", "ECDSA", "cert.pem")
			s.look(time.Now(), false)
			s.look(time.Now(), false)
			if test.warning == "" {
				j.wantLines(t, 0, "level=WARN")
			} else {
				j.wantLines(t, 1, "level=WARN")
				j.wantLines(t, 1, "level=WARN", test.warning, "a.example.org")
			}
		})
	}
}

// TestReplacedByOneThatDoesNotHold: clients refuse it, so the old one stays as
// long as they take that.
func TestReplacedByOneThatDoesNotHold(t *testing.T) {
	for _, test := range []struct {
		name       string
		begin, end time.Duration // from now
		taken      time.Duration // from now
	}{
		{"expired", -90 * day, -time.Hour, 31 * day},
		{"not yet", 10 * day, 90 * day, 11 * day},
		{"not before the old one has ended", 60 * day, 90 * day, 31 * day},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Now()
			cert, key := makeCert(t, now.Add(-60*day), now.Add(30*day), "a.example.org")
			c := files(t, cert, key)
			var j journal
			s := open(t, c, j.logger())
			next, key := makeCert(t, now.Add(test.begin), now.Add(test.end), "a.example.org")
			write(t, c.Key, key)
			write(t, c.Cert, next)
			for range 3 {
				s.look(now, false)
			}
			j.wantLines(t, 1, "level=WARN")
			j.wantLines(t, 1, "level=WARN", "the old one stays", c.Cert, "holds from")
			if got, want := served(t, s, ""), commonNameOf(t, cert); got != want {
				t.Errorf("certificate %s is served, want the old one, %s", got, want)
			}
			s.look(now.Add(test.taken), false)
			if got, want := served(t, s, ""), commonNameOf(t, next); got != want {
				t.Errorf("certificate %s is served, want the new one, %s", got, want)
			}
			j.wantLines(t, 1, "certificate is replaced")
		})
	}
}

func TestExpiries(t *testing.T) {
	end := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	cert, key := makeCert(t, time.Now().Add(-time.Hour), end, "a.example.org", "b.example.org")
	c := files(t, cert, key)
	got := open(t, c, new(journal).logger()).Expiries()
	if len(got) != 1 || strings.Join(got[0].Names, " ") != "a.example.org b.example.org" ||
		!got[0].NotAfter.Equal(end) || got[0].Source != c.Cert {
		t.Errorf("got %+v", got)
	}
}

// TestHalfWritten replaces one file and later the other, as tools do.
func TestHalfWritten(t *testing.T) {
	cert1, key1 := makeGood(t, "a.example.org")
	cert2, key2 := makeGood(t, "a.example.org")
	for _, certFirst := range []bool{true, false} {
		c := files(t, cert1, key1)
		var j journal
		s := open(t, c, j.logger())
		want := commonNameOf(t, cert1)
		look := func() {
			t.Helper()
			s.look(time.Now(), false)
			if got := served(t, s, ""); got != want {
				t.Errorf("certificate %s is served, want %s", got, want)
			}
		}
		look()
		if certFirst {
			write(t, c.Cert, cert2)
		} else {
			write(t, c.Key, key2)
		}
		for range 3 {
			look()
		}
		j.wantLines(t, 1, "level=WARN", "the old one stays", c.Cert, c.Key, "does not match")
		if certFirst {
			write(t, c.Key, key2)
		} else {
			write(t, c.Cert, cert2)
		}
		want = commonNameOf(t, cert2)
		look()
		look()
		j.wantLines(t, 1, "level=INFO", "certificate is replaced")
		j.wantLines(t, 1, "level=WARN")
	}
}

// TestReload: whoever asks gets an answer each time, and changes nothing by
// asking.
func TestReload(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	c := files(t, cert, key)
	var j journal
	s := open(t, c, j.logger())
	s.Reload()
	j.wantLines(t, 0, "replaced")
	for _, bad := range []struct {
		text []byte
		said string
	}{{nil, "no PEM block"}, {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "certificate"}} {
		write(t, c.Cert, bad.text)
		s.Reload()
		s.look(time.Now(), false)
		s.Reload()
		j.wantLines(t, 2, "level=WARN", "the old one stays", bad.said)
		j.text.Reset()
	}
	os.Remove(c.Cert)
	s.look(time.Now(), false)
	s.look(time.Now(), false)
	j.wantLines(t, 1, "level=WARN", "no such file")
	if got, want := served(t, s, ""), commonNameOf(t, cert); got != want {
		t.Errorf("certificate %s is served, want the old one, %s", got, want)
	}
	cert, key = makeGood(t, "a.example.org")
	write(t, c.Key, key)
	write(t, c.Cert, cert)
	s.Reload()
	j.wantLines(t, 1, "certificate is replaced")
	if got, want := served(t, s, ""), commonNameOf(t, cert); got != want {
		t.Errorf("certificate %s is served, want the new one, %s", got, want)
	}
}

// TestWatch: Run sees a file that is written in place, by the same inode.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert1, key1 := makeGood(t, "a.example.org")
		cert2, key2 := makeGood(t, "a.example.org", "b.example.org")
		c := files(t, cert1, key1)
		var j journal
		s := open(t, c, j.logger())
		stop := start(t, s)
		time.Sleep(time.Minute + time.Second) // between two looks
		j.wantLines(t, 0, "replaced")
		if err := os.WriteFile(c.Cert, cert2, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.Key, key2, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(watchEvery)
		j.wantLines(t, 1, "certificate is replaced", "b.example.org")
		j.wantLines(t, 0, "level=WARN")
		stop()
		s.every = time.Hour
		stop = start(t, s)
		time.Sleep(100 * day)
		j.wantLines(t, 1, "ends soon")
		j.wantLines(t, 1, "has expired")
		stop()
	})
}

// TestReplaceUnderHandshakes: none fails, each sees one of the certificates,
// and a connection from before stays.
func TestReplaceUnderHandshakes(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	c := files(t, cert, key)
	s := open(t, c, new(journal).logger())

	near, far := net.Pipe()
	defer near.Close()
	echoed := make(chan error, 1)
	go func() {
		defer far.Close()
		conn := tls.Server(far, s.TLSConfig())
		_, err := io.Copy(conn, conn)
		echoed <- err
	}()
	old := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	echo := func() {
		t.Helper()
		word := make([]byte, 4)
		if _, err := io.WriteString(old, "ping"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(old, word); err != nil || string(word) != "ping" {
			t.Fatalf("echo %q, %v", word, err)
		}
	}
	echo()

	var known sync.Map
	known.Store(commonNameOf(t, cert), true)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				state, err := shake(s, &tls.Config{})
				if err != nil {
					t.Errorf("handshake: %v", err)
					return
				}
				if name := commonName(state.PeerCertificates[0]); !has(&known, name) {
					t.Errorf("certificate %s is none of those written", name)
				}
			}
		})
	}
	for range 20 {
		cert, key := makeGood(t, "a.example.org")
		known.Store(commonNameOf(t, cert), true)
		write(t, c.Cert, cert)
		s.look(time.Now(), false) // half of it
		write(t, c.Key, key)
		s.look(time.Now(), false)
		if got, want := served(t, s, ""), commonNameOf(t, cert); got != want {
			t.Errorf("certificate %s is served, want %s", got, want)
		}
		echo()
	}
	close(stop)
	clients.Wait()
	near.Close()
	<-echoed
}

func has(m *sync.Map, key string) bool {
	_, ok := m.Load(key)
	return ok
}

func TestVersionsAndProtocols(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	c := files(t, cert, key)
	s := open(t, c, new(journal).logger())
	c.MinVersion, c.PostQuantum = "1.3", true
	modern := open(t, c, new(journal).logger())
	tests := []struct {
		name   string
		server *Certificates
		client *tls.Config
		curve  tls.CurveID
		proto  string
		fails  bool
	}{
		{"newest", s, &tls.Config{}, tls.X25519, "", false},
		{"1.2", s, &tls.Config{MaxVersion: tls.VersionTLS12}, tls.X25519, "", false},
		{"1.1", s, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, 0, "", true},
		{"1.2 with a modern one", modern, &tls.Config{MaxVersion: tls.VersionTLS12}, 0, "", true},
		{"post quantum", modern, &tls.Config{}, tls.X25519MLKEM768, "", false},
		{"http/1.1", s, &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, tls.X25519, "http/1.1", false},
		{"no challenges here", s, &tls.Config{NextProtos: []string{acmeProtocol}}, 0, "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			state, err := shake(test.server, test.client)
			if (err != nil) != test.fails {
				t.Fatalf("handshake: %v", err)
			}
			if err == nil && (state.CurveID != test.curve || state.NegotiatedProtocol != test.proto) {
				t.Errorf("got %v and %q, want %v and %q", state.CurveID, state.NegotiatedProtocol, test.curve, test.proto)
			}
		})
	}
}
