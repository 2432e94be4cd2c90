//go:build amd64 || arm64

package streamio

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ready does what the events of a connection ask for.
func (l *loop) ready(s *socket, events uint32) {
	switch {
	case s.stage == stageShaking:
		l.feedShake(s, events)
	case s.out.len() > 0:
		if l.flush(s); s.out.len() > 0 && events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			l.end(s, hangup(s.fd)) // it would be said for ever
		}
	case s.stage == stageLingering:
		l.drop(s)
	case s.secure != nil:
		l.receiveSecure(s)
	default:
		l.receive(s)
	}
}

func hangup(fd int32) error {
	if e := socketError(fd); e != 0 {
		return os.NewSyscallError("send", e)
	}
	return io.EOF
}

// receive reads once: a connection that has more must wait until the others
// had their turn.
func (l *loop) receive(s *socket) {
	room := s.room()
	in, have := l.input(s, min(secureRead, max(room-len(s.kept), 1)))
	n, e := readSocket(s.fd, in[have:min(len(in), max(room, have+1))])
	switch {
	case e == unix.EAGAIN || e == unix.EINTR:
	case e != 0:
		l.end(s, os.NewSyscallError("read", e))
	case n == 0:
		l.end(s, io.EOF)
	case s.stage == stagePrelude:
		l.prelude(s, in[:have+n])
	default:
		l.burst(s, in[:have+n])
	}
}

// input returns memory that begins with what s has kept, have bytes, and has
// spare bytes of room behind it or more.
func (l *loop) input(s *socket, spare int) (in []byte, have int) {
	have = len(s.kept)
	if have < stayingInput {
		copy(l.in, s.kept)
		return l.in, have
	}
	if cap(s.kept)-have < spare {
		grown := append(l.shelves.borrow(have+spare), s.kept...)
		l.shelves.giveBack(s.kept)
		s.kept = grown
	}
	return s.kept[:cap(s.kept)], have
}

// prelude gets on with what comes before the protocol.
func (l *loop) prelude(s *socket, in []byte) {
	used, end, err := s.listening.config.prelude(&s.Conn, in)
	in = in[used:]
	switch {
	case err != nil:
		l.end(s, err)
	case end == preludePlain:
		if l.open(s); s.stage == stageOpen {
			l.burst(s, in)
		}
	case end == preludeTLS:
		l.beginShake(s, in)
	default:
		l.keep(s, in)
	}
}

func (l *loop) open(s *socket) {
	s.stage, s.deadline = stageOpen, 0
	s.protocol = s.listening.config.NewProtocol()
	l.enter(s)
	s.protocol.Open(&s.Conn)
	l.after(s)
}

// receiveSecure is receive through TLS.
func (l *loop) receiveSecure(s *socket) {
	n, e := readSocket(s.fd, l.cipher)
	switch {
	case e == unix.EAGAIN || e == unix.EINTR:
	case e != 0:
		l.end(s, os.NewSyscallError("read", e))
	case n == 0:
		l.end(s, io.EOF)
	default:
		l.decrypt(s, l.cipher[:n])
	}
}

// decrypt reads what cipher holds, to the end: only then is that memory free
// for others.
func (l *loop) decrypt(s *socket, cipher []byte) {
	in, have := l.input(s, len(cipher)+longestRecord)
	s.secure.feed(cipher)
	var err error
	for err == nil {
		if have == len(in) {
			err = ErrInput // more than such a number of bytes can hold
			break
		}
		var n int
		n, err = s.secure.read(in[have:])
		have += n
	}
	if errors.Is(err, errMore) {
		err = nil
		s.secure.trim()
	}
	l.sealed = s.secure.take(l.sealed[:0])
	if !l.transmit(s, l.sealed) {
		return
	}
	s.why = err
	l.burst(s, in[:have])
	l.hangUp(s)
}

// hangUp ends s if the other side has ended it and everything is answered.
func (l *loop) hangUp(s *socket) {
	if s.why != nil && s.stage == stageOpen && s.out.len() == 0 {
		l.end(s, s.why)
	}
}

// burst hands the protocol one message of in after the other, and writes the
// replies together. It stops where the other side accepts no more of them.
func (l *loop) burst(s *socket, in []byte) {
	out := l.out[:0]
	used, limit := 0, s.room()
	var why error
	for used < len(in) && !s.closed && s.out.len() == 0 {
		window := in[used:min(len(in), used+limit)]
		l.enter(s)
		n, reply, then := s.protocol.Bytes(&s.Conn, window, out)
		used += n
		out = reply
		if then == Close {
			s.closed = true
		}
		// A reply that had to grow leaves its memory to the next.
		if cap(reply) > cap(l.out) && cap(reply) <= poolSize {
			l.out = reply[:0]
		}
		if l.next != nil && !s.closed {
			if !l.upgrade(s, out) {
				return
			}
			out, limit = l.out[:0], s.room()
			continue
		}
		if n == 0 {
			if len(window) == limit && !s.closed {
				why = ErrInput
			}
			break
		}
		if (len(out) >= flushSize || len(l.aside) > 0) && used < len(in) && !s.closed {
			if !l.say(s, out) || !l.sayAside(s) {
				return
			}
			out = l.out[:0]
		}
	}
	rest := in[used:]
	switch {
	case s.choked != nil:
		l.end(s, s.choked)
	case s.closed:
		l.finish(s, out, len(rest) > 0, nil)
	case why != nil:
		l.finish(s, out, true, why)
	default:
		l.keep(s, rest)
		if l.say(s, out) {
			l.sayAside(s)
		}
	}
}

// upgrade says the last words of the protocol of s, and opens the next one.
// false: the connection has ended over it.
func (l *loop) upgrade(s *socket, out []byte) bool {
	next := l.next
	if !l.say(s, out) || !l.sayAside(s) {
		return false
	}
	s.protocol, s.upgraded, s.alarm = next, true, 0
	l.enter(s)
	s.protocol.Open(&s.Conn)
	return s.closed || l.sayAside(s)
}

// enter comes before each method of a protocol but Closed: what s Queues in it
// is nobody else's.
func (l *loop) enter(s *socket) {
	l.current, l.next = s, nil
	l.aside = l.aside[:0]
}

// after follows each method of a protocol but Bytes and Closed.
func (l *loop) after(s *socket) {
	switch {
	case s.choked != nil:
		l.end(s, s.choked)
	case s.closed:
		l.finish(s, nil, len(s.kept) > 0, nil)
	default:
		l.sayAside(s)
	}
}

// keep remembers input that is not used yet, which may stand in the memory of
// what was kept before. A little of it must not hold the memory of much.
func (l *loop) keep(s *socket, rest []byte) {
	kept := s.kept
	switch n := len(rest); {
	case n == 0:
		s.kept = nil
	case n > cap(kept) || cap(kept) > max(8*n, readSize):
		s.kept = append(l.shelves.borrow(n), rest...)
	case len(kept) > 0 && &kept[0] == &rest[0]:
		s.kept = kept[:n]
		return
	default:
		s.kept = append(kept[:0], rest...)
		return
	}
	l.shelves.giveBack(kept)
}

// drop reads what nobody wants any more. false: nothing is there.
func (l *loop) drop(s *socket) bool {
	n, e := readSocket(s.fd, l.in[:min(len(l.in), lingerBytes-int(s.dropped))])
	switch {
	case e == unix.EAGAIN:
		return false
	case e == unix.EINTR:
	case e != 0 || n == 0:
		l.end(s, s.why)
	default:
		if s.dropped += int32(n); s.dropped >= lingerBytes {
			l.end(s, s.why)
		}
	}
	return true
}
