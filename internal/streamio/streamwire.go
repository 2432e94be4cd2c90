package streamio

import (
	"bytes"
	"errors"
	"os"
	"time"

	"github.com/shoal-tracker/shoal"
)

// cipherSize is how many encrypted bytes are read at once for a connection of
// the portable engine.
const cipherSize = 4 << 10

// begin gets through what comes before the protocol, and returns how many bytes
// of the protocol's own input were read on the way.
func (s *stream) begin() (have int, err error) {
	config := &s.port.config
	if !config.hasPrelude(&s.Conn) {
		return 0, nil
	}
	if err := s.deadline(config.preludeTime); err != nil {
		return 0, err
	}
	for {
		if have == len(s.in) {
			s.enlarge(have + 1)
		}
		n, err := s.socket.Read(s.in[have:min(len(s.in), preludeRoom)])
		if err != nil {
			return have, err
		}
		used, end, err := config.prelude(&s.Conn, s.in[:have+n])
		if err != nil {
			return have, err
		}
		have = s.keep(used, have+n)
		switch end {
		case preludePlain:
			s.rang = true // the deadline is not the protocol's
			return have, nil
		case preludeTLS:
			hello := bytes.Clone(s.in[:have])
			s.giveBack()
			s.rang = true
			return 0, s.shake(hello)
		}
	}
}

// shake makes the connection one of TLS.
func (s *stream) shake(hello []byte) error {
	of := s.port.config.TLS
	if !of.Handshakes.admit(s.remote.Addr()) {
		return errHandshakes
	}
	defer of.Handshakes.done(s.remote.Addr())
	if err := s.deadline(s.port.config.shakeTime); err != nil {
		return err
	}
	made := newSecure(of, s.remote, s.Local())
	wire := &streamWire{stream: s, in: hello}
	if err := made.handshake(wire); err != nil {
		return err
	}
	s.secure, s.secured = made, true
	s.cipher = make([]byte, cipherSize)
	s.secure.feed(wire.in)
	return nil
}

// deadline sets the read deadline, and fails if everything is to end.
func (s *stream) deadline(d time.Duration) error {
	s.socket.SetReadDeadline(time.Now().Add(d))
	if s.port.stopping.Load() {
		return ErrStopped
	}
	return nil
}

// streamWire is the wire of a handshake whose goroutine is the connection's
// own.
type streamWire struct {
	stream *stream
	in     []byte // read already
}

func (w *streamWire) read(b []byte) (int, error) {
	if len(w.in) > 0 {
		n := copy(b, w.in)
		w.in = w.in[n:]
		return n, nil
	}
	return w.stream.socket.Read(b)
}

func (w *streamWire) write(b []byte) (int, error) {
	if err := w.stream.writeRaw(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// read reads plain bytes.
func (s *stream) read(b []byte) (int, error) {
	if s.secure == nil {
		return s.socket.Read(b)
	}
	for {
		n, err := s.secure.read(b)
		if own := s.secure.take(nil); len(own) > 0 {
			if err := s.writeRaw(own); err != nil {
				return n, err
			}
		}
		if n > 0 || err != nil && !errors.Is(err, errMore) {
			return n, err
		}
		s.secure.trim()
		n, err = s.socket.Read(s.cipher)
		if n == 0 {
			return 0, err
		}
		s.secure.feed(s.cipher[:n])
	}
}

// write writes plain bytes.
func (s *stream) write(b []byte) error {
	if s.secure == nil || len(b) == 0 {
		return s.writeRaw(b)
	}
	m := outputs.Get().(*memory)
	defer outputs.Put(m)
	sealed := s.secure.write(b, m.b[:0])
	if cap(sealed) > cap(m.b) && cap(sealed) <= poolSize {
		m.b = sealed[:0]
	}
	return s.writeRaw(sealed)
}

// writeRaw gives the other side WriteTimeout to accept something, again and
// again until it has everything.
func (s *stream) writeRaw(b []byte) error {
	timeout := s.port.config.WriteTimeout
	for len(b) > 0 {
		if now := s.Now(); s.writeBy.Sub(now) < timeout/2 {
			s.extend(now.Add(timeout))
		}
		n, err := s.socket.Write(b)
		b = b[n:]
		switch {
		case err == nil:
		case n > 0 && errors.Is(err, os.ErrDeadlineExceeded) && !s.port.stopping.Load():
			s.extend(s.Now().Add(timeout))
		default:
			return err
		}
	}
	return nil
}

func (s *stream) extend(by shoal.Tick) {
	s.writeBy = by
	s.socket.SetWriteDeadline(time.Now().Add(s.port.config.WriteTimeout))
	if s.port.stopping.Load() {
		s.socket.SetWriteDeadline(time.Now().Add(stopTimeout))
	}
}

// linger ends the connection for this side and drops what the other still
// sends, within bounds that make it useless for holding connections open.
func (s *stream) linger() {
	half, ok := s.socket.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	until := time.Now().Add(lingerTime)
	s.socket.SetReadDeadline(until)
	if s.port.stopping.Load() {
		return
	}
	if s.large == nil {
		s.enlarge(readSize)
	}
	for dropped := 0; dropped < lingerBytes; {
		n, err := s.socket.Read(s.in[:min(len(s.in), lingerBytes-dropped)])
		dropped += n
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(until) {
			return
		}
		s.socket.SetReadDeadline(until) // it was post's
		if s.port.stopping.Load() {
			return
		}
	}
}
