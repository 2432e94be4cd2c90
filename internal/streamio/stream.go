package streamio

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/shoal-tracker/shoal"
)

const smallSize = 1 << 10 // input that a connection has memory of its own for, idle or not

type memory struct{ b []byte }

var (
	inputs  = sync.Pool{New: func() any { return &memory{make([]byte, readSize)} }}
	outputs = sync.Pool{New: func() any { return &memory{make([]byte, 0, writeSize)} }}
)

// stream is one connection of the portable engine. Only its own goroutine
// touches it, but for the deadlines of its socket and its mail.
type stream struct {
	Conn
	socket   net.Conn
	port     *port
	protocol Protocol // nil: not open yet
	secure   *secure  // nil: plain
	cipher   []byte   // what is read of secure

	armed   shoal.Tick // the alarm that the read deadline stands for; 0: none
	rang    bool       // the read deadline has passed and must be replaced
	writeBy shoal.Tick // the write deadline

	mail     mail
	queued   []byte   // by Queue, in the method that is running
	choked   bool     // Queue was over its bound
	upgraded bool     // protocol is not the one that the connection began with
	next     Protocol // the one that Bytes has called Upgrade with

	// A read needs memory while it waits, and most connections only wait: what
	// an ordinary request fits into is their own, more is borrowed.
	in    []byte  // small or large.b
	large *memory // nil: not borrowed
	small [smallSize]byte
}

func (s *stream) run() {
	s.in = s.small[:]
	have, why := s.begin()
	unread := false
	if why == nil {
		s.open()
		unread, why = s.talk(have)
		s.sayLast(why)
	}
	if s.secure != nil && (why == nil || errors.Is(why, ErrStopped)) {
		_ = s.writeRaw(s.secure.closeNotify(nil)) // a goodbye; it is over either way
	}
	if unread && why == nil {
		s.linger()
	}
	s.giveBack()
	s.Hold(0)
	s.socket.Close()
	s.port.lost.Add(uint64(s.mail.shut()))
	if s.protocol != nil {
		s.protocol.Closed(&s.Conn, why)
	}
}

func (s *stream) open() {
	if s.protocol == nil {
		s.protocol = s.port.config.NewProtocol()
	}
	s.protocol.Open(&s.Conn)
}

// sayLast gives the protocol the word when everything stops.
func (s *stream) sayLast(why error) {
	if p, ok := s.protocol.(Stopper); ok && errors.Is(why, ErrStopped) {
		p.Stopping(&s.Conn)
		_ = s.flush() // it is over either way
	}
}

// room is how many bytes of input may be there unused.
func (s *stream) room() int {
	if s.upgraded {
		return s.port.config.UpgradedInput
	}
	return s.port.config.MaxInput
}

// talk reads and answers until the connection is to be closed, and reports
// whether that leaves input unread. It begins with the first have bytes of the
// input, which are there already.
func (s *stream) talk(have int) (unread bool, why error) {
	if err := s.flush(); err != nil {
		return false, err
	}
	for fresh := have > 0; ; fresh = true {
		var err error
		if fresh && !s.closed {
			if have, err = s.burst(have); err != nil {
				return false, err
			}
		}
		for {
			if err := s.hear(); err != nil {
				return false, err
			}
			if s.closed {
				return have > 0, nil
			}
			s.arm()
			if s.port.stopping.Load() {
				return false, ErrStopped
			}
			if s.mail.waits() {
				continue
			}
			if have >= len(s.in) {
				s.enlarge(have + 1)
			}
			if s.port.limit.starves(len(s.in) + s.retained) {
				return false, ErrMemory
			}
			n, err := s.read(s.in[have:min(len(s.in), max(s.room(), have+1))])
			have += n
			if n > 0 {
				break
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
}

// hear gives the protocol its alarm and its mail.
func (s *stream) hear() error {
	if s.ring() {
		s.protocol.Tick(&s.Conn, s.Now())
		if err := s.flush(); err != nil {
			return err
		}
	}
	if !s.mail.waits() {
		return nil
	}
	receiver, ok := s.protocol.(Receiver)
	messages := s.mail.take()
	for i, message := range messages {
		if !ok || s.closed {
			s.port.lost.Add(uint64(len(messages) - i))
			break
		}
		receiver.Received(&s.Conn, message)
		if len(s.queued) >= flushSize {
			if err := s.flush(); err != nil {
				s.port.lost.Add(uint64(len(messages) - i - 1))
				return err
			}
		}
	}
	return s.flush()
}

// enlarge makes room for at least so many bytes of input, and keeps what is
// there.
func (s *stream) enlarge(room int) {
	if s.large == nil {
		s.large = inputs.Get().(*memory)
		s.port.limit.hold(len(s.large.b))
		copy(s.large.b, s.in)
	}
	for have := len(s.large.b); have < room; have = len(s.large.b) {
		s.large.b = append(s.large.b, make([]byte, have)...)
		s.port.limit.hold(have)
	}
	s.in = s.large.b
}

// keep moves the input from used to have to the front, into the connection's
// own memory or the least that is borrowed if it fits there, and returns its
// length.
func (s *stream) keep(used, have int) int {
	left := s.in[used:have]
	switch n := len(left); {
	case s.large != nil && n <= smallSize:
		copy(s.small[:], left)
		s.giveBack()
	case s.large != nil && n <= readSize && len(s.in) > readSize:
		s.port.limit.hold(readSize - len(s.in))
		s.large = inputs.Get().(*memory)
		s.in = s.large.b
		copy(s.in, left)
	case used > 0:
		copy(s.in, left)
	}
	return len(left)
}

// giveBack forgets the input, and returns the memory that was borrowed for it.
func (s *stream) giveBack() {
	if s.large == nil {
		return
	}
	s.port.limit.hold(-len(s.large.b))
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
	used, limit := 0, s.room()
	stuck := false
	for used < have && !s.closed && !stuck {
		in := s.in[used:min(have, used+limit)]
		s.next = nil
		n, reply, then := s.protocol.Bytes(&s.Conn, in, out)
		used += n
		out = reply
		if then == Close {
			s.closed = true
		}
		// A reply that had to grow leaves its memory to the next.
		if cap(reply) > cap(m.b) && cap(reply) <= poolSize {
			m.b = reply[:0]
		}
		if s.next != nil && !s.closed {
			used, have = 0, s.keep(used, have)
			if err := s.upgradeAfter(out); err != nil {
				return have, err
			}
			out, limit = m.b[:0], s.room()
			continue
		}
		if n == 0 {
			if len(in) == limit && !s.closed {
				err = ErrInput
			}
			stuck = true
			continue
		}
		if len(out) >= flushSize || len(s.queued) > 0 || s.choked {
			used, have = 0, s.keep(used, have)
			if err := s.write(out); err != nil {
				return have, err
			}
			if err := s.flush(); err != nil {
				return have, err
			}
			out = m.b[:0]
		}
	}
	left = s.keep(used, have)
	if err := s.write(out); err != nil {
		return left, err
	}
	if err := s.flush(); err != nil {
		return left, err
	}
	return left, err
}

// upgradeAfter says the last words of the protocol, and opens the next one.
func (s *stream) upgradeAfter(reply []byte) error {
	next := s.next
	if err := s.write(reply); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.protocol, s.upgraded, s.alarm = next, true, 0
	s.protocol.Open(&s.Conn)
	return s.flush()
}

// upgrade is Conn.Upgrade.
func (s *stream) upgrade(p Protocol) { s.next = p }

// waiting is Conn.Waiting.
func (s *stream) limit() *Limit { return s.port.limit }

func (s *stream) waiting() int { return len(s.queued) }

func (s *stream) localAddr() netip.AddrPort { return addrPort(s.socket.LocalAddr()) }

// queue is Conn.Queue. This engine waits in its writes, so that nothing is
// queued but within one method.
func (s *stream) queue(b []byte) bool {
	if s.choked || len(s.queued)+len(b) > s.port.config.MaxQueue {
		s.choked, s.closed = true, true
		return false
	}
	s.queued = append(s.queued, b...)
	return true
}

// flush writes what was queued by the method that has just returned.
func (s *stream) flush() error {
	b := s.queued
	s.queued = nil
	if s.choked {
		return ErrQueue
	}
	s.port.limit.hold(len(b))
	defer s.port.limit.hold(-len(b))
	if s.port.limit.starves(len(b)) {
		return ErrMemory
	}
	return s.write(b)
}
