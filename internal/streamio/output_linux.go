//go:build amd64 || arm64

package streamio

import (
	"os"

	"golang.org/x/sys/unix"
)

// say sends plain bytes, behind everything that waits already. false: the
// connection has ended over it.
func (l *loop) say(s *socket, plain []byte) bool {
	if s.secure != nil && len(plain) > 0 {
		l.sealed = s.secure.write(plain, l.sealed[:0])
		plain = l.sealed
	}
	return l.transmit(s, plain)
}

// sayAside sends what the method that has just returned has Queued.
func (l *loop) sayAside(s *socket) bool {
	if len(l.aside) == 0 {
		return true
	}
	said := l.say(s, l.aside)
	if l.aside = l.aside[:0]; cap(l.aside) > poolSize {
		l.aside = nil
	}
	return said
}

// transmit sends bytes as they are. What the socket does not take waits in the
// queue.
func (l *loop) transmit(s *socket, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if s.out.len() == 0 && !l.gathers {
		n, e := sendSocket(s.fd, b, s.lastFlag())
		switch e {
		case 0:
			b = b[n:]
		case unix.EAGAIN, unix.EINTR:
		default:
			l.end(s, os.NewSyscallError("send", e))
			return false
		}
		if len(b) == 0 {
			return true
		}
	}
	if s.out.len()+len(b) > s.listening.config.MaxQueue && s.dirty && !l.drain(s) {
		return false
	}
	if s.out.len()+len(b) > s.listening.config.MaxQueue {
		l.end(s, ErrQueue)
		return false
	}
	if s.out.len() == 0 {
		s.writeBy = l.now.Add(s.listening.config.WriteTimeout)
	}
	s.out.add(b, &l.shelves)
	if l.gathers && !s.dirty {
		s.dirty = true
		l.dirty = append(l.dirty, s)
	}
	return true
}

// lastFlag is MSG_MORE for words after which over ends the sending: they and
// the end then leave in one segment.
func (s *socket) lastFlag() uintptr {
	if s.stage == stageClosing && s.why == nil {
		return unix.MSG_MORE
	}
	return 0
}

// send sends what waits in the queue, as far as it goes.
func (l *loop) send(s *socket) error {
	for s.out.len() > 0 {
		n, e := sendSocket(s.fd, s.out.bytes(), s.lastFlag())
		switch e {
		case 0:
			s.out.sent(n, &l.shelves)
			s.writeBy = l.now.Add(s.listening.config.WriteTimeout)
		case unix.EINTR:
		case unix.EAGAIN:
			return nil
		default:
			return os.NewSyscallError("send", e)
		}
	}
	return nil
}

// drain is send for a connection that ends if it fails. false: it has.
func (l *loop) drain(s *socket) bool {
	err := l.send(s)
	if err != nil {
		l.end(s, err)
	}
	return err == nil
}

// flush drains the queue, and goes on with the connection when it is empty.
func (l *loop) flush(s *socket) {
	if !l.drain(s) || s.out.len() > 0 {
		return
	}
	switch s.stage {
	case stageClosing:
		l.over(s)
	case stageOpen:
		if len(s.kept) > 0 {
			in, have := l.input(s, 0)
			l.burst(s, in[:have])
		}
		l.hangUp(s)
	}
}

// finish says the last words, and closes the connection when they are out.
func (l *loop) finish(s *socket, out []byte, unread bool, why error) {
	l.keep(s, nil)
	s.stage, s.unread, s.why = stageClosing, unread && why == nil, why
	if s.secure != nil {
		l.sealed = l.sealed[:0]
		for _, plain := range [][]byte{out, l.aside} {
			if len(plain) > 0 {
				l.sealed = s.secure.write(plain, l.sealed)
			}
		}
		l.sealed = s.secure.closeNotify(l.sealed)
		out, l.aside = l.sealed, l.aside[:0]
	}
	if l.transmit(s, out) && l.sayAside(s) && s.out.len() == 0 {
		l.over(s)
	}
}

// over follows the last words. More may have come from the other side since it
// was read. To close over that is to reset the connection, which takes back all
// that lastFlag or a slow network has held up, and which some systems let
// overtake what their programs have not read yet. So the sending ends first,
// and then one look tells whether closing is harmless.
func (l *loop) over(s *socket) {
	if s.why != nil || shutdownWrite(s.fd) != 0 || !l.stopBy.IsZero() {
		l.end(s, s.why)
		return
	}
	s.stage, s.deadline = stageLingering, l.now.Add(lingerTime)
	if !s.unread && !l.drop(s) {
		l.end(s, nil)
	}
}
