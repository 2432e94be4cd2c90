package streamio

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

var (
	tlsRemote = netip.MustParseAddrPort("192.0.2.7:40000")
	tlsLocal  = netip.MustParseAddrPort("198.51.100.1:443")

	ecdsaCertificate = sync.OnceValue(func() tls.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return signOwn(key, err)
	})
	rsaCertificate = sync.OnceValue(func() tls.Certificate {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return signOwn(key, err)
	})
)

func signOwn(key crypto.Signer, err error) tls.Certificate {
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"tracker.example.org"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Unix(1<<32, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsQueue is one direction of a tlsLink: bytes that were sent and not received.
type tlsQueue struct {
	mu    sync.Mutex
	moved *sync.Cond
	bytes []byte
	ended bool
}

func newTLSQueue() *tlsQueue {
	q := new(tlsQueue)
	q.moved = sync.NewCond(&q.mu)
	return q
}

func (q *tlsQueue) put(b []byte) {
	q.mu.Lock()
	q.bytes = append(q.bytes, b...)
	q.mu.Unlock()
	q.moved.Broadcast()
}

func (q *tlsQueue) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.moved.Broadcast()
}

// get waits for bytes and receives at most len(b) of them.
func (q *tlsQueue) get(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.bytes) == 0 {
		if q.ended {
			return 0, io.EOF
		}
		q.moved.Wait()
	}
	n := copy(b, q.bytes)
	q.bytes = q.bytes[n:]
	return n, nil
}

// all receives what is there, without waiting.
func (q *tlsQueue) all() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.bytes
	q.bytes = nil
	return b
}

// tlsLink joins a client and the server's side of one connection, in memory.
// chunk is how many bytes the server's side is given at once, 0: all there are.
// What the client writes travels when it next waits for an answer, as if the
// network had joined it.
type tlsLink struct {
	toServer, toClient *tlsQueue
	chunk              int

	pending []byte
	opening []byte // what the server sent first
}

func newTLSLink(chunk int) *tlsLink {
	return &tlsLink{toServer: newTLSQueue(), toClient: newTLSQueue(), chunk: chunk}
}

// read and write are the server's side, as a wire.
func (l *tlsLink) read(b []byte) (int, error) {
	if l.chunk > 0 {
		b = b[:min(len(b), l.chunk)]
	}
	return l.toServer.get(b)
}

func (l *tlsLink) write(b []byte) (int, error) {
	if len(l.opening) < 100 {
		l.opening = append(l.opening, b...)
	}
	l.toClient.put(b)
	return len(b), nil
}

// tlsClientSide is the client's side, as a net.Conn.
type tlsClientSide struct{ *tlsLink }

func (l tlsClientSide) flush() {
	if len(l.pending) > 0 {
		l.toServer.put(l.pending)
		l.pending = nil
	}
}

func (l tlsClientSide) Read(b []byte) (int, error) {
	l.flush()
	return l.toClient.get(b)
}

func (l tlsClientSide) Write(b []byte) (int, error) {
	l.pending = append(l.pending, b...)
	return len(b), nil
}

func (l tlsClientSide) Close() error {
	l.flush()
	l.toServer.end()
	return nil
}

func (l tlsClientSide) LocalAddr() net.Addr              { return net.TCPAddrFromAddrPort(tlsRemote) }
func (l tlsClientSide) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(tlsLocal) }
func (l tlsClientSide) SetDeadline(time.Time) error      { return nil }
func (l tlsClientSide) SetReadDeadline(time.Time) error  { return nil }
func (l tlsClientSide) SetWriteDeadline(time.Time) error { return nil }

// tlsPair is a connection after its handshake.
type tlsPair struct {
	t      testing.TB
	link   *tlsLink
	client *tls.Conn
	server *secure
	log    *bytes.Buffer // keys, if the stand is keyed
}

// tlsStand says how pairs are made.
type tlsStand struct {
	handshakes *Handshakes
	server     *tls.Config
	client     *tls.Config
	chunk      int
	keep       bool   // idle buffers
	early      []byte // written by the client with its Finished
}

func newTLSStand(version uint16) *tlsStand {
	return &tlsStand{
		handshakes: NewHandshakes(HandshakeLimits{}),
		server: &tls.Config{
			Certificates: []tls.Certificate{ecdsaCertificate()},
			MinVersion:   version,
			MaxVersion:   version,
		},
		client: &tls.Config{
			InsecureSkipVerify: true,
			ServerName:         "tracker.example.org",
		},
	}
}

// meet shakes hands.
func (s *tlsStand) meet(t testing.TB) *tlsPair {
	t.Helper()
	link := newTLSLink(s.chunk)
	p := &tlsPair{
		t:      t,
		link:   link,
		client: tls.Client(tlsClientSide{link}, s.client),
		server: newSecure(&TLS{Config: s.server, Handshakes: s.handshakes}, tlsRemote, tlsLocal),
	}
	p.log, _ = s.client.KeyLogWriter.(*bytes.Buffer)
	if s.keep {
		p.server.buffers = nil
	}
	ended := make(chan error, 1)
	go func() {
		err := p.server.handshake(link)
		if err != nil {
			link.toClient.end()
		}
		ended <- err
	}()
	err := p.client.Handshake()
	if err == nil && s.early != nil {
		_, err = p.client.Write(s.early)
	}
	if err != nil {
		link.toServer.end()
	}
	tlsClientSide{link}.flush() // TLS 1.3: there was nothing to wait for after Finished
	if serverErr := <-ended; err != nil || serverErr != nil {
		t.Fatalf("handshake: client %v, server %v", err, serverErr)
	}
	return p
}

// arrive feeds cipher to the server, a chunk at a time, and returns what it
// reads and how that ended: nil while there may be more.
func (p *tlsPair) arrive(cipher []byte) (plain []byte, err error) {
	step := p.link.chunk
	if step == 0 {
		step = max(len(cipher), 1)
	}
	room := make([]byte, 1000)
	for first := true; first || len(cipher) > 0; first = false {
		n := min(step, len(cipher))
		p.server.feed(cipher[:n])
		for err == nil {
			var m int
			m, err = p.server.read(room)
			plain = append(plain, room[:m]...)
		}
		clear(cipher[:n]) // it was the server's until errMore, and is not now
		cipher = cipher[n:]
		if err != errMore {
			return plain, err
		}
		err = nil
		p.server.trim()
	}
	return plain, nil
}

// hear has the server read what the client has written.
func (p *tlsPair) hear() ([]byte, error) {
	tlsClientSide{p.link}.flush()
	return p.arrive(p.link.toServer.all())
}

// tell has the client say message and the server hear it.
func (p *tlsPair) tell(message []byte) {
	p.t.Helper()
	if _, err := p.client.Write(message); err != nil {
		p.t.Fatal(err)
	}
	heard, err := p.hear()
	if err != nil || !bytes.Equal(heard, message) {
		p.t.Fatalf("the server heard %d bytes of %d: %v", len(heard), len(message), err)
	}
}

// answer has the server say message and the client hear it.
func (p *tlsPair) answer(message []byte) {
	p.t.Helper()
	before := []byte("sent before ")
	out := p.server.write(message, bytes.Clone(before))
	if !bytes.HasPrefix(out, before) {
		p.t.Fatal("write did not append")
	}
	p.link.toClient.put(out[len(before):])
	heard := make([]byte, len(message))
	if _, err := io.ReadFull(p.client, heard); err != nil || !bytes.Equal(heard, message) {
		p.t.Fatalf("the client did not hear what the server said: %v", err)
	}
}

// takes gives the client what TLS itself has to say, and returns what the
// client makes of it.
func (p *tlsPair) takes() error {
	p.link.toClient.put(p.server.take(nil))
	p.link.toClient.end()
	_, err := p.client.Read(make([]byte, 1))
	return err
}

// eachVersion runs test for TLS 1.2 and 1.3.
func eachVersion(t *testing.T, test func(t *testing.T, version uint16)) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) { test(t, version) })
	}
}

// eachDelivery runs test for both versions over a wire that gives one byte at a
// time and over one that gives all there is, and with a few bytes at a time.
func eachDelivery(t *testing.T, test func(t *testing.T, s *tlsStand)) {
	for name, chunk := range map[string]int{"one byte at a time": 1, "17 bytes at a time": 17, "all at once": 0} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				s := newTLSStand(version)
				s.chunk = chunk
				test(t, s)
			})
		})
	}
}
