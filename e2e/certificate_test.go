//go:build linux

package e2e

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// keeper is a client with one TLS connection, over which it announces all the
// time.
type keeper struct {
	conn      *tls.Conn
	reader    *bufio.Reader
	question  question
	announces atomic.Int64
}

// openKeeper makes a connection from the host and announces once.
func openKeeper(h *host, tracker netip.AddrPort, config *tls.Config) (*keeper, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	raw, err := h.dial(ctx, "tcp", tracker.String())
	if err != nil {
		return nil, err
	}
	k := &keeper{conn: tls.Client(raw, config), question: question{port: 6881, left: 1}}
	k.reader = bufio.NewReader(k.conn)
	rand.Read(k.question.infoHash[:])
	rand.Read(k.question.peerID[:])
	if err := k.announce(); err != nil {
		raw.Close()
		return nil, err
	}
	return k, nil
}

func (k *keeper) announce() error {
	k.conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := fmt.Fprintf(k.conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", k.question.target(), trackerName); err != nil {
		return fmt.Errorf("after %d announces: %w", k.announces.Load(), err)
	}
	res, err := http.ReadResponse(k.reader, nil)
	if err != nil {
		return fmt.Errorf("after %d announces: %w", k.announces.Load(), err)
	}
	defer res.Body.Close()
	if _, err := readHTTP(res); err != nil {
		return err
	}
	if res.Close {
		return fmt.Errorf("Shoal closes the connection after %d announces", k.announces.Load())
	}
	k.announces.Add(1)
	return nil
}

// serial is that of the certificate this connection was shown.
func (k *keeper) serial() int64 {
	return k.conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// TestCertificateIsReplaced replaces the files of a certificate, well and
// badly, under connections that announce all the time: none of them is
// dropped, and new ones are shown the newest certificate that was good.
func TestCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	asker, tracker := net.host(t, "asker"), net.host(t, "shoal")
	issuer := newAuthority(t, "Authority")
	config := issuer.client()

	// The directory that is named is a link, and moving it is atomic for both
	// files, as in a Kubernetes secret.
	dir := t.TempDir()
	live := filepath.Join(dir, "live")
	first := issuer.issue(t, tracker.v4, tracker.v6)
	first.write(t, filepath.Join(dir, "1"))
	if err := os.Symlink("1", live); err != nil {
		t.Fatal(err)
	}
	s := startShoalWith(t, tracker, "", tlsKey(live))

	shown := func() (int64, error) {
		k, err := openKeeper(asker, s.listener(https4), config)
		if err != nil {
			return 0, err
		}
		defer k.conn.Close()
		return k.serial(), nil
	}
	awaitShown := func(what string, want pemPair) {
		t.Helper()
		await(t, time.Minute, func() error {
			got, err := shown()
			if err != nil {
				t.Errorf("%s: a new connection fails: %v", what, err)
			}
			if got != want.serial {
				return fmt.Errorf("%s: certificate %d is shown, want %d", what, got, want.serial)
			}
			return nil
		}, s.proc)
	}
	awaitLogged := func(what string, words ...string) {
		t.Helper()
		await(t, time.Minute, func() error {
			for line := range strings.Lines(string(s.proc.words())) {
				if containsAll(line, words) {
					return nil
				}
			}
			return fmt.Errorf("%s: no line of the log has all of %q", what, words)
		}, s.proc)
	}
	stays := func(what string, want pemPair) {
		t.Helper()
		for range 5 {
			if got, err := shown(); err != nil || got != want.serial {
				t.Errorf("%s: certificate %d is shown (%v), want %d", what, got, err, want.serial)
			}
		}
	}
	awaitShown("at start", first)

	const connections = 24
	old := make([]*keeper, connections)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range old {
		by := []transport{https4, https6}[i%2]
		k, err := openKeeper(asker, s.listener(by), config)
		if err != nil {
			t.Fatal(err)
		}
		defer k.conn.Close()
		old[i] = k
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				if err := k.announce(); err != nil {
					t.Errorf("connection %d is dropped: %v", i, err)
					return
				}
			}
		})
	}
	// goOn fails unless every old connection has announces answered that were
	// sent after what has just happened.
	goOn := func(what string) {
		t.Helper()
		before := make([]int64, connections)
		for i, k := range old {
			before[i] = k.announces.Load()
		}
		await(t, time.Minute, func() error {
			for i, k := range old {
				if now := k.announces.Load(); now < before[i]+3 {
					return fmt.Errorf("%s: connection %d stands at %d announces", what, i, now)
				}
				if got := k.serial(); got != first.serial {
					return fmt.Errorf("%s: connection %d has certificate %d", what, i, got)
				}
			}
			return nil
		}, s.proc)
	}
	goOn("before anything")

	second := issuer.issue(t, tracker.v4, tracker.v6)
	second.write(t, filepath.Join(dir, "2"))
	relink(t, "2", live)
	awaitShown("replaced atomically", second)
	awaitLogged("replaced atomically", "certificate is replaced", "cert.pem")
	goOn("replaced atomically")

	// Then in place, as an editor or cp does it: half a certificate for a while.
	third := issuer.issue(t, tracker.v4, tracker.v6)
	certFile, keyFile := filepath.Join(live, "cert.pem"), filepath.Join(live, "key.pem")
	put(t, certFile, third.cert[:len(third.cert)/2])
	awaitLogged("half a certificate", "certificate is not replaced, the old one stays", "cert.pem", "PEM")
	stays("half a certificate", second)
	goOn("half a certificate")

	// The whole certificate, but the key of the last one.
	put(t, certFile, third.cert)
	awaitLogged("another key", "certificate is not replaced, the old one stays", "key.pem", "does not match")
	stays("another key", second)
	hangUp(t, s) // who reloads by hand is told again
	stays("another key and SIGHUP", second)
	goOn("another key")

	put(t, keyFile, third.key)
	awaitShown("whole again", third)
	goOn("whole again")

	// No files at all.
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	awaitLogged("no key", "certificate is not replaced, the old one stays", "key.pem", "no such file")
	stays("no key", third)

	// A SIGHUP does not wait for the next look.
	fourth := issuer.issue(t, tracker.v4, tracker.v6)
	fourth.write(t, filepath.Join(dir, "2"))
	hangUp(t, s)
	awaitShown("SIGHUP", fourth)
	goOn("SIGHUP")

	close(stop)
	all.Wait()
	var announces int64
	for _, k := range old {
		announces += k.announces.Load()
	}
	t.Logf("%d announces over %d connections while the certificate was replaced three times", announces, connections)
	if !t.Failed() {
		s.stop(t)
	}
}

func containsAll(line string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(line, word) {
			return false
		}
	}
	return true
}

// relink makes link point to target in one step.
func relink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hangUp makes Shoal read its configuration again.
func hangUp(t *testing.T, s *shoal) {
	t.Helper()
	if err := s.proc.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}
