package streamio

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// lentSize is the room a lent buffer has: for the longest record, and for what
// bytes.Buffer and crypto/tls want free behind it.
const lentSize = 18 << 10

// lent are the buffers that go round among the connections with something to
// read: a few a processor, whatever the number of connections.
var lent = sync.Pool{New: func() any { return new([lentSize]byte) }}

// buffers says where in a tls.Conn its input buffers are. They keep the room
// of the largest record for as long as the connection lives, up to 16 KiB, and
// crypto/tls has no way to ask for it back. So they are reached by their place,
// which is believed only after the fields were found under the names and types
// they should have and connections were seen to live on after it.
type buffers struct {
	raw   uintptr // bytes.Buffer: records that were not decrypted yet
	input uintptr // bytes.Reader: plaintext, in the memory of raw
	hand  uintptr // bytes.Buffer: handshake messages that are not complete
	ekm   uintptr // exporter: with TLS 1.2 it keeps the ClientHello, all of it
}

// exporter makes keys for other protocols out of a connection's own.
type exporter = func(label string, context []byte, length int) ([]byte, error)

// idleBuffers finds the places, and tries them, once in a process.
var idleBuffers = sync.OnceValues(func() (*buffers, error) {
	b, err := findBuffers(reflect.TypeFor[tls.Conn]())
	if err == nil {
		err = b.try()
	}
	if err != nil {
		return nil, fmt.Errorf("idle TLS connections keep their buffers: %w", err)
	}
	return b, nil
})

// trims says why trim does nothing, nil if it works: a Go whose crypto/tls is
// not the one that is known here costs memory and nothing else.
func trims() error {
	_, err := idleBuffers()
	return err
}

func findBuffers(conn reflect.Type) (*buffers, error) {
	b := new(buffers)
	for _, f := range []struct {
		name string
		is   reflect.Type
		at   *uintptr
	}{
		{"rawInput", reflect.TypeFor[bytes.Buffer](), &b.raw},
		{"input", reflect.TypeFor[bytes.Reader](), &b.input},
		{"hand", reflect.TypeFor[bytes.Buffer](), &b.hand},
		{"ekm", reflect.TypeFor[exporter](), &b.ekm},
	} {
		field, ok := conn.FieldByName(f.name)
		if !ok || len(field.Index) != 1 || field.Type != f.is {
			return nil, fmt.Errorf("%s has no field %s of type %s", conn, f.name, f.is)
		}
		*f.at = field.Offset
	}
	return b, nil
}

func (b *buffers) of(c *tls.Conn) (raw *bytes.Buffer, input *bytes.Reader, hand *bytes.Buffer) {
	p := unsafe.Pointer(c)
	raw = (*bytes.Buffer)(unsafe.Add(p, b.raw))
	input = (*bytes.Reader)(unsafe.Add(p, b.input))
	hand = (*bytes.Buffer)(unsafe.Add(p, b.hand))
	return raw, input, hand
}

// forget drops what nobody will ask for after the handshake: otherwise a client
// could have 16 KiB kept for as long as it stays.
func (b *buffers) forget(c *tls.Conn) { *b.exporter(c) = nil }

func (b *buffers) exporter(c *tls.Conn) *exporter {
	return (*exporter)(unsafe.Add(unsafe.Pointer(c), b.ekm))
}

// lend gives c room for records, if it has none.
func (b *buffers) lend(c *tls.Conn) {
	raw, input, _ := b.of(c)
	if raw.Cap() == 0 && input.Len() == 0 {
		*raw = *bytes.NewBuffer(lent.Get().(*[lentSize]byte)[:0])
	}
}

// trim takes back what c does not need while it waits. A record that is not
// complete stays, in a buffer of its own size: a few bytes of one must not be a
// way to hold the room of a whole one.
func (b *buffers) trim(c *tls.Conn) {
	raw, input, hand := b.of(c)
	if input.Len() > 0 {
		return // it is in the memory of raw
	}
	input.Reset(nil)
	if n := raw.Len(); raw.Cap() > 2*n+1024 || n == 0 {
		var kept []byte
		if n > 0 {
			kept = bytes.Clone(raw.Bytes())
		}
		raw.Reset()
		if room := raw.AvailableBuffer(); cap(room) >= lentSize && cap(room) < 2*lentSize {
			lent.Put((*[lentSize]byte)(room[:lentSize]))
		}
		*raw = *bytes.NewBuffer(kept)
	}
	if hand.Len() == 0 {
		*hand = bytes.Buffer{}
	}
}

// try shakes hands and talks with a client of crypto/tls, by TLS 1.2 and 1.3,
// and trims wherever an engine may.
func (b *buffers) try() error {
	certificate, err := passingCertificate()
	if err != nil {
		return err
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if err := b.tryVersion(certificate, version); err != nil {
			return fmt.Errorf("trying it with %s: %w", tls.VersionName(version), err)
		}
	}
	return nil
}

func (b *buffers) tryVersion(certificate tls.Certificate, version uint16) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	message := bytes.Repeat([]byte("0123456789"), 100)
	const rounds = 3

	// Room for more than a handshake and the rounds write, so that neither side
	// ever waits for the other to read.
	toServer, toClient := make(chan []byte, 64), make(chan []byte, 64)
	ended := make(chan error, 1)
	go func() {
		defer close(toServer)
		ended <- talk(tls.Client(&memoryConn{in: toClient, out: toServer}, &tls.Config{
			MinVersion:         version,
			MaxVersion:         version,
			InsecureSkipVerify: true, // there is nobody else in this memory
		}), message, rounds)
	}()
	defer func() {
		close(toClient)
		err = errors.Join(err, <-ended)
	}()

	w := &memoryConn{in: toServer, out: toClient}
	s := &secure{handshakes: &Handshakes{crypto: make(chan struct{}, 1)}, buffers: b}
	s.conn = tls.Server((*beneath)(s), &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err := s.handshake(w); err != nil {
		return err
	}
	if *b.exporter(s.conn) != nil {
		return errors.New("the exporter is not forgotten")
	}
	raw, input, hand := b.of(s.conn)
	if raw.Cap() == 0 || raw.Len() > 0 || input.Len() > 0 || hand.Cap() < messageHead || hand.Len() > 0 {
		return errors.New("the buffers are not as a handshake leaves them")
	}
	if !endsWithFinished(hand) {
		return errors.New("the last handshake message is not where it should be")
	}
	for range rounds {
		s.trim()
		if raw.Cap() > 0 || input.Size() > 0 || hand.Cap() > 0 {
			return errors.New("the buffers are not empty")
		}
		if err := b.hear(s, w, message); err != nil {
			return err
		}
		toClient <- s.write(message, nil)
	}
	return nil
}

// endsWithFinished reports whether the last that b held was a Finished message.
func endsWithFinished(b *bytes.Buffer) bool {
	used := b.Cap() - cap(b.AvailableBuffer())
	b.Reset()
	for _, n := range []int{12, 32, 48} { // bytes of it: TLS 1.2, and 1.3 with either hash
		if at := used - messageHead - n; at >= 0 {
			if last := b.AvailableBuffer()[at:used]; last[0] == messageFinished && int(last[3]) == n {
				return true
			}
		}
	}
	return false
}

// hear has s read message from one record, in pieces.
func (b *buffers) hear(s *secure, w *memoryConn, message []byte) error {
	raw, input, _ := b.of(s.conn)
	record, ok := <-w.in
	if !ok {
		return io.ErrUnexpectedEOF
	}
	half, plain := len(record)/2, make([]byte, len(message)+1)
	s.feed(record[:half])
	if _, err := s.read(plain); !errors.Is(err, errMore) {
		return errors.Join(errors.New("half a record was enough"), err)
	}
	for range 2 {
		if !bytes.Equal(raw.Bytes(), record[:half]) {
			return errors.New("half a record is not where it should be")
		}
		s.trim()
	}
	s.feed(record[half:])
	n, err := s.read(plain[:len(message)/3])
	if err != nil {
		return err
	}
	if input.Len() != len(message)-n {
		return errors.New("plaintext is not where it should be")
	}
	s.trim()
	m, err := s.read(plain[n:])
	if err != nil {
		return err
	}
	if !bytes.Equal(plain[:n+m], message) {
		return errors.New("what was read is not what was written")
	}
	if _, err := s.read(plain); !errors.Is(err, errMore) {
		return errors.Join(errors.New("there is something behind a record"), err)
	}
	return nil
}

// talk says message and hears it, again and again.
func talk(c *tls.Conn, message []byte, rounds int) error {
	heard := make([]byte, len(message))
	for range rounds {
		if _, err := c.Write(message); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, heard); err != nil {
			return err
		}
		if !bytes.Equal(heard, message) {
			return errors.New("the answer is not what was said")
		}
	}
	return nil
}

func passingCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// memoryConn is one end of a connection in memory.
type memoryConn struct {
	in   <-chan []byte
	out  chan<- []byte
	rest []byte
}

func (m *memoryConn) read(b []byte) (int, error) {
	for len(m.rest) == 0 {
		var ok bool
		if m.rest, ok = <-m.in; !ok {
			return 0, io.EOF
		}
	}
	n := copy(b, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func (m *memoryConn) write(b []byte) (int, error) {
	m.out <- bytes.Clone(b)
	return len(b), nil
}

func (m *memoryConn) Read(b []byte) (int, error)       { return m.read(b) }
func (m *memoryConn) Write(b []byte) (int, error)      { return m.write(b) }
func (m *memoryConn) Close() error                     { return nil }
func (m *memoryConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (m *memoryConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (m *memoryConn) SetDeadline(time.Time) error      { return nil }
func (m *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (m *memoryConn) SetWriteDeadline(time.Time) error { return nil }
