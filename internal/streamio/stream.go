package streamio

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/shoal-tracker/shoal"
)

const (
	smallSize = 1 << 10  // input that a connection has memory of its own for, idle or not
	readSize  = 8 << 10  // input that is kept without growing
	writeSize = 16 << 10 // replies of a burst, likewise
	poolSize  = 64 << 10 // memory for replies that has grown beyond this is not kept

	// Replies are written as soon as they are this long together, with a burst
	// still to go. The other side may read none of them: what a connection
	// holds then is less than this and one reply.
	flushSize = 8 << 10

	// A connection that is closed over unread input is read on for as long as
	// this, so that its last reply is not lost to a reset.
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

type memory struct{ b []byte }

var (
	inputs  = sync.Pool{New: func() any { return &memory{make([]byte, readSize)} }}
	outputs = sync.Pool{New: func() any { return &memory{make([]byte, 0, writeSize)} }}
)

// stream is one connection of the portable engine. Only its own goroutine
// touches it, but for the deadlines of its socket.
type stream struct {
	Conn
	socket   net.Conn
	portable *portable
	protocol Protocol

	armed   shoal.Tick // the alarm that the read deadline stands for; 0: none
	rang    bool       // the read deadline has passed and must be replaced
	writeBy shoal.Tick // the write deadline

	// A read needs memory while it waits, and most connections only wait: what
	// an ordinary request fits into is their own, more is borrowed.
	in    []byte  // small or large.b
	large *memory // nil: not borrowed
	small [smallSize]byte
}

func (s *stream) run() {
	s.in = s.small[:]
	unread, why := s.talk()
	if unread && why == nil {
		s.linger()
	}
	s.giveBack()
	s.socket.Close()
	s.protocol.Closed(&s.Conn, why)
}

// talk reads and answers until the connection is to be closed, and reports
// whether that leaves input unread.
func (s *stream) talk() (unread bool, why error) {
	limit := s.portable.config.MaxInput
	have := 0
	s.protocol.Open(&s.Conn)
	for {
		if s.ring() {
			s.protocol.Tick(&s.Conn, s.Now())
		}
		if s.closed {
			return have > 0, nil
		}
		s.arm()
		if s.portable.stopping.Load() {
			return false, ErrStopped
		}
		if have == len(s.in) {
			s.enlarge(limit)
		}
		n, err := s.socket.Read(s.in[have:min(len(s.in), limit)])
		if n > 0 {
			var writeErr error
			if have, writeErr = s.burst(have + n); writeErr != nil {
				return false, writeErr
			}
			if s.closed {
				return have > 0, nil
			}
			if have == limit {
				return false, ErrInput
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.armed, s.rang = 0, true
		default:
			return false, err
		}
	}
}

// enlarge makes more room for input, up to limit bytes, and keeps what is there.
func (s *stream) enlarge(limit int) {
	if s.large == nil {
		s.large = inputs.Get().(*memory)
		copy(s.large.b, s.in)
	} else {
		have := len(s.in)
		s.large.b = append(s.large.b, make([]byte, min(have, limit-have))...)
	}
	s.in = s.large.b
}

// keep moves the input from used to have to the front, into the connection's
// own memory if it fits there, and returns its length.
func (s *stream) keep(used, have int) int {
	left := s.in[used:have]
	if len(left) <= smallSize && s.large != nil {
		copy(s.small[:], left)
		s.giveBack()
		return len(left)
	}
	return copy(s.in, left)
}

// giveBack forgets the input, and returns the memory that was borrowed for it.
func (s *stream) giveBack() {
	if s.large == nil {
		return
	}
	if len(s.large.b) == readSize {
		inputs.Put(s.large)
	}
	s.large, s.in = nil, s.small[:]
}

// arm makes the read deadline pass at the alarm. One that passes too early is
// left standing: it costs a wake-up, where moving it would cost a timer for
// every message.
func (s *stream) arm() {
	switch {
	case s.alarm != 0 && (s.armed == 0 || s.alarm < s.armed):
		s.armed, s.rang = s.alarm, false
		s.socket.SetReadDeadline(time.Now().Add(s.alarm.Sub(s.Now())))
	case s.rang && s.armed == 0:
		s.rang = false
		s.socket.SetReadDeadline(time.Time{})
	}
}

// burst hands the protocol one message of the first have bytes of the input
// after the other, and writes the replies together. It returns how much of the
// input is left. A write may wait for as long as the other side likes to, up to
// its deadline: input that is used is let go before.
func (s *stream) burst(have int) (left int, err error) {
	m := outputs.Get().(*memory)
	defer outputs.Put(m)
	out := m.b[:0]
	used := 0
	for used < have && !s.closed {
		n, reply, then := s.protocol.Bytes(&s.Conn, s.in[used:have], out)
		used += n
		out = reply
		if then == Close {
			s.closed = true
		}
		// A reply that had to grow leaves its memory to the next.
		if cap(reply) > cap(m.b) && cap(reply) <= poolSize {
			m.b = reply[:0]
		}
		if n == 0 {
			break
		}
		if len(out) >= flushSize {
			used, have = 0, s.keep(used, have)
			if err := s.write(out); err != nil {
				return have, err
			}
			out = m.b[:0]
		}
	}
	left = s.keep(used, have)
	return left, s.write(out)
}

func (s *stream) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	timeout := s.portable.config.WriteTimeout
	if now := s.Now(); s.writeBy.Sub(now) < timeout/2 {
		s.writeBy = now.Add(timeout)
		s.socket.SetWriteDeadline(time.Now().Add(timeout))
		if s.portable.stopping.Load() {
			s.socket.SetWriteDeadline(time.Now().Add(stopTimeout))
		}
	}
	_, err := s.socket.Write(b)
	return err
}

// linger ends the connection for this side and drops what the other still
// sends, within bounds that make it useless for holding connections open.
func (s *stream) linger() {
	half, ok := s.socket.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	s.socket.SetReadDeadline(time.Now().Add(lingerTime))
	if s.portable.stopping.Load() {
		return
	}
	if s.large == nil {
		s.enlarge(readSize)
	}
	for dropped := 0; dropped < lingerBytes; {
		n, err := s.socket.Read(s.in[:min(len(s.in), lingerBytes-dropped)])
		if err != nil {
			return
		}
		dropped += n
	}
}
