package streamio

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

const (
	// handshakeSpare is what a client may send during a handshake beyond twice
	// its ClientHello (the server may ask for another one): its key and
	// its Finished. crypto/tls itself would keep a quarter of a megabyte.
	handshakeSpare = 4 << 10

	// maxBarren is how many bytes may come to a parked connection without any
	// plaintext: more than the longest record, and far less than the longest
	// handshake message that crypto/tls would wait for.
	maxBarren = 20 << 10
)

// Why a connection was given up, beside the errors of crypto/tls.
var (
	errLongHandshake = errors.New("a TLS handshake with more bytes than it can need")
	errBarren        = errors.New("TLS records without end and without data")
)

// errMore says that what was fed is used up. crypto/tls remembers every error
// of the connection beneath and gives it again for ever, except those of a read
// that call themselves temporary.
var errMore error = moreError{}

type moreError struct{}

func (moreError) Error() string   { return "more bytes are needed" }
func (moreError) Timeout() bool   { return false }
func (moreError) Temporary() bool { return true }

// wire is the other side during a handshake.
type wire interface {
	read(b []byte) (int, error)  // blocks until the other side has sent something, or fails
	write(b []byte) (int, error) // sends or buffers, never fails short of closing
}

// secure is the TLS of one connection. The handshake has a goroutine of its
// own, because crypto/tls cannot be interrupted there. Afterwards nothing in
// it waits: bytes are fed and taken, and it belongs to whoever calls it, one
// at a time.
type secure struct {
	conn       *tls.Conn
	handshakes *Handshakes
	buffers    *buffers // nil: idle buffers stay where they are

	wire   wire   // during the handshake
	fed    []byte // after it: what conn has not read yet
	out    []byte // after it: what conn has written and nobody has taken
	broken error  // why nothing can be read any more

	holds  bool  // one of handshakes.crypto
	wrote  bool  // something, in the handshake: the ClientHello was read
	hello  int32 // bytes read in the handshake before that
	taken  int32 // bytes read in the handshake
	barren int32 // bytes read after it since the last plaintext

	remote, local netip.AddrPort
}

func newSecure(t *TLS, remote, local netip.AddrPort) *secure {
	s := &secure{handshakes: t.Handshakes, remote: remote, local: local}
	s.buffers, _ = idleBuffers()
	s.conn = tls.Server((*beneath)(s), t.Config)
	return s
}

// handshake shakes hands over w, and blocks while w does. An alert that says
// why it failed has been written to w then.
//
// What the client sent right behind its Finished may be inside already:
// whoever takes over calls read before waiting for more.
func (s *secure) handshake(w wire) error {
	s.wire = w
	outcome := &s.handshakes.failed
	defer func() { // whatever became of it: also a panic, or the end of the goroutine
		s.release()
		s.wire = nil
		outcome.Add(1)
	}()
	if err := s.conn.Handshake(); err != nil {
		return err
	}
	outcome = &s.handshakes.full
	if s.conn.ConnectionState().DidResume {
		outcome = &s.handshakes.resumed
	}
	if s.buffers != nil {
		s.buffers.forget(s.conn)
	}
	return nil
}

func (s *secure) acquire() {
	if !s.holds {
		s.handshakes.crypto <- struct{}{}
		s.holds = true
	}
}

func (s *secure) release() {
	if s.holds {
		s.holds = false
		<-s.handshakes.crypto
	}
}

// feed hands over what has arrived. It is not copied: it must stay as it is
// until read has returned errMore. It must not be called before then either.
func (s *secure) feed(cipher []byte) {
	s.fed = cipher
	if s.buffers != nil && len(cipher) > 0 {
		s.buffers.lend(s.conn)
	}
}

// read decrypts into plain, which must not be empty. errMore: all that was fed
// is used up, or kept in a record that is not complete. io.EOF: the other side
// has said that nothing follows. Any other error: the connection is broken, and
// take has an alert that says why, if the other side is to know. All but errMore
// are final.
func (s *secure) read(plain []byte) (n int, err error) {
	if s.broken != nil {
		return 0, s.broken
	}
	n, err = s.conn.Read(plain)
	switch {
	case n > 0:
		s.barren = 0
		return n, nil // crypto/tls will say the error again
	case err != nil && !errors.Is(err, errMore):
		s.broken = err
		s.fed = nil
	}
	return n, err
}

// write encrypts plain and appends the records to out, behind what take would
// have appended. A connection that is broken, or that has said goodbye, appends
// nothing more.
func (s *secure) write(plain, out []byte) []byte {
	return s.into(out, func() { _, _ = s.conn.Write(plain) })
}

// closeNotify appends the alert that nothing follows. Reading goes on.
func (s *secure) closeNotify(out []byte) []byte {
	return s.into(out, func() { _ = s.conn.CloseWrite() })
}

// take appends what TLS itself has to say: alerts and key updates. There may be
// something after each read.
func (s *secure) take(out []byte) []byte {
	out = append(out, s.out...)
	s.out = nil
	return out
}

// into has do write to out. The errors of do are not needed: the connection
// beneath never fails, so they say what an earlier error of read said, or that
// closeNotify was called.
func (s *secure) into(out []byte, do func()) []byte {
	s.out = s.take(out)
	do()
	out, s.out = s.out, nil
	return out
}

// trim gives back what buffers are empty, or much too large for what they hold.
// It is for a connection that has nothing to do: after errMore.
func (s *secure) trim() {
	if s.buffers != nil {
		s.buffers.trim(s.conn)
	}
	if len(s.fed) == 0 {
		s.fed = nil
	}
}

// beneath is secure as the connection under crypto/tls sees it.
type beneath secure

// Read is where handshakes wait, without the processor that others could use,
// and where parked connections run out of bytes.
func (b *beneath) Read(p []byte) (int, error) {
	s := (*secure)(b)
	switch {
	case s.wire != nil:
		return s.await(p)
	case len(s.fed) == 0:
		s.fed = nil
		return 0, errMore
	case s.barren > maxBarren:
		return 0, errBarren
	}
	n := copy(p, s.fed)
	s.fed = s.fed[n:]
	s.barren += int32(n)
	return n, nil
}

func (s *secure) await(p []byte) (int, error) {
	most := maxHello + handshakeSpare
	if s.wrote {
		most = 2*int(s.hello) + handshakeSpare
	}
	left := most - int(s.taken)
	if left <= 0 {
		return 0, errLongHandshake
	}
	s.release()
	n, err := s.wire.read(p[:min(len(p), left)])
	if n > 0 {
		s.acquire()
		s.taken += int32(n)
	}
	return n, err
}

// Write never fails once the handshake is done, because crypto/tls would never
// forget it.
func (b *beneath) Write(p []byte) (int, error) {
	s := (*secure)(b)
	if s.wire == nil {
		s.out = append(s.out, p...)
		return len(p), nil
	}
	if !s.wrote {
		s.wrote = true
		s.hello = s.taken
	}
	return s.wire.write(p)
}

// Close does nothing: the socket is the engine's.
func (b *beneath) Close() error { return nil }

// LocalAddr and RemoteAddr are for those who choose a certificate.
func (b *beneath) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(b.local) }
func (b *beneath) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(b.remote) }

// The time a handshake may take is the engine's to watch, in wire.
func (b *beneath) SetDeadline(time.Time) error      { return nil }
func (b *beneath) SetReadDeadline(time.Time) error  { return nil }
func (b *beneath) SetWriteDeadline(time.Time) error { return nil }

var (
	_ net.Conn  = (*beneath)(nil)
	_ net.Error = moreError{}
	_ io.Reader = (*beneath)(nil)
)
