//go:build linux

package e2e

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pebbleProgram is the ACME server that Let's Encrypt tests clients with. Its
// version stands in go.mod.
const pebbleProgram = "github.com/letsencrypt/pebble/v2/cmd/pebble"

const (
	closedPort   = 1     // nobody listens there
	pebblePort   = 14000 // the directory
	pebbleManage = 15000 // the root that it issues under, which is another one each time
	pebbleLife   = 20    // seconds that a certificate holds
	untilRenewed = 3     // certificates that each test waits for
	renewTimeout = 3 * time.Minute
)

// TestACME has a real authority issue a certificate and renew it, by one
// challenge and by the other, while announces go on: none of them fails, and
// no connection is dropped.
func TestACME(t *testing.T) {
	t.Parallel()
	pebble := filepath.Join(t.TempDir(), "pebble")
	if err := goBuild(".", pebble, pebbleProgram); err != nil {
		t.Fatal(err)
	}
	for _, by := range []struct {
		challenge         string
		httpPort, tlsPort int
	}{
		{"http-01", trackerPort, closedPort},
		{"tls-alpn-01", closedPort, trackerPort},
	} {
		t.Run(by.challenge, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			asker, ca, tracker := net.host(t, "asker"), net.host(t, "pebble"), net.host(t, "shoal")
			a := startPebble(t, pebble, ca, tracker, by.httpPort, by.tlsPort)
			s := startShoalWith(t, tracker, "", a.tlsKey(t))
			announcesGoOn(t, asker, s, &tls.Config{RootCAs: a.root(t), ServerName: trackerName})
			for words, least := range map[string]int{
				"ACME account is made":   1,
				"certificate is served":  1,
				"certificate is renewed": untilRenewed - 1,
			} {
				if n := strings.Count(string(s.proc.words()), words); n < least {
					t.Errorf("the log says %d times that %q, want %d", n, words, least)
				}
			}
			if !t.Failed() {
				s.stop(t)
			}
		})
	}
}

// announcesGoOn announces over connections that stay, over new ones and
// without TLS until three certificates were seen. Until the first of them
// there is only the latter.
func announcesGoOn(t *testing.T, asker *host, s *shoal, config *tls.Config) {
	t.Helper()
	seen := map[string]bool{}
	fresh := func() error {
		k, err := openKeeper(asker, s.listener(https4), config)
		if err != nil {
			return err
		}
		defer k.conn.Close()
		seen[k.conn.ConnectionState().PeerCertificates[0].SerialNumber.String()] = true
		return nil
	}
	await(t, time.Minute, fresh, s.proc)

	stop := make(chan struct{})
	var all sync.WaitGroup
	var kept, plain atomic.Int64
	loop := func(what string, count *atomic.Int64, announce func() error) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				if err := announce(); err != nil {
					t.Errorf("%s: %v", what, err)
					return
				}
				count.Add(1)
			}
		})
	}
	for i := range 8 {
		by := []transport{https4, https6}[i%2]
		k, err := openKeeper(asker, s.listener(by), config)
		if err != nil {
			t.Fatal(err)
		}
		defer k.conn.Close()
		loop(fmt.Sprintf("connection %d", i), &kept, k.announce)
	}
	q := question{port: 6881, left: 1}
	rand.Read(q.infoHash[:])
	loop("without TLS", &plain, func() error {
		_, err := announceHTTP(asker, s.listener(http4), q, "")
		return err
	})

	connections, begin := 0, time.Now()
	for len(seen) < untilRenewed && !t.Failed() && !s.proc.ended() {
		if time.Since(begin) > renewTimeout {
			t.Errorf("%d certificates were seen in %v, want %d", len(seen), renewTimeout, untilRenewed)
			break
		}
		if err := fresh(); err != nil {
			t.Errorf("a new connection after %d others: %v", connections, err)
		}
		connections++
	}
	close(stop)
	all.Wait()
	t.Logf("%d certificates in %v: %d new connections, %d announces over old ones, %d without TLS",
		len(seen), time.Since(begin).Round(time.Second), connections, kept.Load(), plain.Load())
}

// acmeServer is a pebble that runs.
type acmeServer struct {
	host  *host
	owner *authority // of the certificate of its own directory
}

// startPebble starts pebble, and beside it what it asks for addresses: every
// name is that of the tracker.
func startPebble(t *testing.T, program string, h, tracker *host, httpPort, tlsPort int) *acmeServer {
	t.Helper()
	dir := t.TempDir()
	a := &acmeServer{host: h, owner: newAuthority(t, "Directory")}
	a.owner.issue(t, h.v4).write(t, dir)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           netip.AddrPortFrom(h.v4, pebblePort).String(),
		"managementListenAddress": netip.AddrPortFrom(h.v4, pebbleManage).String(),
		"certificate":             filepath.Join(dir, "cert.pem"),
		"privateKey":              filepath.Join(dir, "key.pem"),
		"httpPort":                httpPort,
		"tlsPort":                 tlsPort,
		"keyAlgorithm":            "ecdsa",
		"retryAfter":              map[string]int{"authz": 1, "order": 1}, // seconds
		"profiles":                map[string]any{"default": map[string]any{"description": "short", "validityPeriod": pebbleLife}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	put(t, file, config)
	environment := []string{
		"PEBBLE_VA_NOSLEEP=1",      // validate at once
		"PEBBLE_WFE_NONCEREJECT=5", // refuse some good nonces, as it does to teach clients
		"PEBBLE_AUTHZREUSE=0",      // a challenge for each renewal
		"PEBBLE_CHAIN_LENGTH=2",    // with an intermediate, as public authorities
	}
	proc := h.startWith(t, environment, program, "-config", file, "-dnsserver", startNames(t, h, tracker))
	await(t, 30*time.Second, func() error {
		_, err := a.get(pebblePort, "/dir")
		return err
	}, proc)
	return a
}

// tlsKey is the key of an [[http]] section whose certificate pebble issues.
func (a *acmeServer) tlsKey(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("tls = { acme = [%q], email = \"admin@%s\", acme_directory = \"https://%s/dir\", acme_roots = %q }\n",
		trackerName, trackerName, netip.AddrPortFrom(a.host.v4, pebblePort), a.owner.file(t))
}

// root is what clients must trust.
func (a *acmeServer) root(t *testing.T) *x509.CertPool {
	t.Helper()
	text, err := a.get(pebbleManage, "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("the root of pebble is %q", text)
	}
	return roots
}

func (a *acmeServer) get(port uint16, path string) ([]byte, error) {
	config := a.owner.client()
	c := &http.Client{
		Transport: &http.Transport{DialContext: a.host.dial, DisableKeepAlives: true, TLSClientConfig: config},
		Timeout:   5 * time.Second,
	}
	res, err := c.Get("https://" + netip.AddrPortFrom(a.host.v4, port).String() + path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, &statusError{status: res.StatusCode, header: res.Header}
	}
	return io.ReadAll(io.LimitReader(res.Body, 1<<20))
}

// startNames listens on a host for DNS queries, over TCP as pebble makes them,
// and answers each with the addresses of another.
func startNames(t *testing.T, at, named *host) string {
	t.Helper()
	listener := at.listen(t, 53)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveNames(conn, named)
		}
	}()
	return listener.Addr().String()
}

func serveNames(conn net.Conn, named *host) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := answerName(query, named)
		if answer == nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answerName answers the one question of a query (RFC 1035), or returns nil.
func answerName(query []byte, named *host) []byte {
	const head, typeA, typeAAAA = 12, 1, 28
	end := head
	for end < len(query) && query[end] != 0 {
		end += 1 + int(query[end])
	}
	if end += 5; end > len(query) { // the empty label, type and class
		return nil
	}
	var addr []byte
	switch binary.BigEndian.Uint16(query[end-4:]) {
	case typeA:
		addr = named.v4.AsSlice()
	case typeAAAA:
		addr = named.v6.AsSlice()
	}
	answer := append([]byte(nil), query[:end]...)
	copy(answer[2:], []byte{0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}) // an answer that is to be believed, one question
	if addr != nil {
		answer[7] = 1 // answer
		answer = append(answer, 0xc0, head)
		answer = append(answer, query[end-4:end]...)
		answer = binary.BigEndian.AppendUint32(answer, 1) // second
		answer = binary.BigEndian.AppendUint16(answer, uint16(len(addr)))
		answer = append(answer, addr...)
	}
	return answer
}
