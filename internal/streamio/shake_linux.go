//go:build amd64 || arm64

package streamio

import (
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal"
)

// shakeInput is how much of what a client sends may wait for its handshake.
// Then its socket is not read for a while.
const shakeInput = 16 << 10

// shake is the wire of a handshake whose goroutine is not the loop. The loop
// reads for it; it writes by itself, so that its flight leaves at once.
type shake struct {
	inbox *inbox
	link  shoal.Link
	fd    int32
	most  int           // bytes in out
	more  chan struct{} // one waits in it when in, ended or err has changed

	mu     sync.Mutex
	in     []byte // not read yet
	out    []byte // not accepted yet
	paused bool   // the loop does not read until in is used up
	ended  bool   // the other side sends nothing more
	err    error  // the loop has done with it
}

// beginShake starts a handshake, for which the whole ClientHello is there.
func (l *loop) beginShake(s *socket, hello []byte) {
	config := &s.listening.config
	of := config.TLS.Handshakes
	from := s.remote.Addr()
	if !of.admit(from) {
		l.end(s, errHandshakes)
		return
	}
	w := &shake{
		inbox: &l.inbox, link: s.link, fd: s.fd, most: config.MaxQueue,
		more: make(chan struct{}, 1),
		in:   append([]byte(nil), hello...),
	}
	made := newSecure(config.TLS, s.remote, s.Local())
	l.keep(s, nil)
	s.secure, s.shake = made, w
	s.stage, s.deadline = stageShaking, l.now.Add(config.shakeTime)
	l.engine.handshakes.Go(func() {
		defer of.done(from)
		err := made.handshake(w)
		w.inbox.tell(news{of: w.link, done: true, err: err})
	})
}

func (w *shake) read(b []byte) (int, error) {
	for {
		if n, err := w.take(b); n > 0 || err != nil {
			return n, err
		}
		<-w.more
	}
}

func (w *shake) take(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	if len(w.in) == 0 && w.ended {
		return 0, io.EOF
	}
	n := copy(b, w.in)
	if w.in = w.in[n:]; len(w.in) == 0 {
		w.in = nil
		if w.paused {
			w.paused = false
			w.inbox.tell(news{of: w.link})
		}
	}
	return n, nil
}

func (w *shake) write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, net.ErrClosed
	}
	left := b
	if len(w.out) == 0 {
		if n, e := sendSocket(w.fd, b, 0); e == 0 {
			left = b[n:] // if it failed for good, the loop will hear of it
		}
	}
	if len(left) > 0 {
		if len(w.out)+len(left) > w.most {
			return 0, ErrQueue
		}
		if w.out = append(w.out, left...); len(w.out) == len(left) {
			w.inbox.tell(news{of: w.link})
		}
	}
	return len(b), nil
}

// leave ends the handshake for the loop: from now on nobody uses the socket.
func (w *shake) leave(why error) {
	if why == nil {
		why = net.ErrClosed
	}
	w.mu.Lock()
	w.err = why
	w.mu.Unlock()
	w.signal()
}

func (w *shake) signal() {
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *shake) wants() (events uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.paused && !w.ended {
		events = unix.EPOLLIN
	}
	if len(w.out) > 0 {
		events |= unix.EPOLLOUT
	}
	return events
}

// feedShake moves bytes between the socket and the handshake.
func (l *loop) feedShake(s *socket, events uint32) {
	w := s.shake
	w.mu.Lock()
	for len(w.out) > 0 {
		n, e := sendSocket(s.fd, w.out, 0)
		if e != 0 {
			break
		}
		if w.out = w.out[n:]; len(w.out) == 0 {
			w.out = nil
		}
	}
	deaf := w.paused || w.ended
	w.mu.Unlock()
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 && deaf {
		l.end(s, hangup(s.fd))
		return
	}
	if events&^unix.EPOLLOUT == 0 || deaf {
		return
	}
	n, e := readSocket(s.fd, l.in[:shakeInput])
	switch {
	case e == unix.EAGAIN || e == unix.EINTR:
	case e != 0:
		l.end(s, os.NewSyscallError("read", e))
	case n == 0:
		// What came before may be all that is needed, and a request behind it:
		// once that is answered, the end is read again.
		w.mu.Lock()
		w.ended = true
		w.mu.Unlock()
		w.signal()
	default:
		w.mu.Lock()
		w.in = append(w.in, l.in[:n]...)
		w.paused = len(w.in) >= shakeInput
		w.mu.Unlock()
		w.signal()
	}
}

// shaken follows the end of a handshake.
func (l *loop) shaken(s *socket, err error) {
	w := s.shake
	if err != nil {
		l.end(s, err)
		return
	}
	w.mu.Lock()
	in, out := w.in, w.out
	w.mu.Unlock()
	s.shake, s.secured = nil, true
	if len(out) > 0 {
		s.out.add(out, &l.shelves)
		s.writeBy = l.now.Add(s.listening.config.WriteTimeout)
	}
	if l.open(s); s.stage == stageOpen {
		l.decrypt(s, in)
	}
}
