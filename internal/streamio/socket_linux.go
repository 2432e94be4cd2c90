//go:build amd64 || arm64

package streamio

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal"
)

// stage is how far a connection has come.
type stage uint8

const (
	stagePrelude   stage = iota // PROXY header, ClientHello
	stageShaking                // a goroutine shakes hands, the loop reads for it
	stageOpen                   // the protocol speaks
	stageClosing                // the last words wait to be accepted
	stageLingering              // they are out, and what still comes is dropped
	stageEnded                  // closed; the memory is used again after this round
)

// socket is one connection of a loop. While it is idle there is no more of it
// than this.
type socket struct {
	Conn
	loop      *loop
	listening *listening
	protocol  Protocol // nil before stageOpen
	secure    *secure  // nil: plain
	shake     *shake   // nil: not in stageShaking

	kept []byte // input that is not used yet, in borrowed memory
	out  queue  // what the other side has not accepted yet
	why  error  // stageOpen: how the other side has ended, its last words are to be answered; afterwards: how this one ends

	next, prev *socket // in a bucket of the wheel

	younger, older *socket // in loop.holders, while it holds much
	armed          shoal.Tick
	deadline       shoal.Tick // of the stage; 0: none
	writeBy        shoal.Tick // while something is in out

	fd         int32
	slot       uint32
	generation uint32
	interest   uint32 // what epoll was told; 0: nothing
	dropped    int32  // stageLingering: bytes
	bucket     uint16
	stage      stage
	known      bool  // epoll has been told of it
	unread     bool  // stageClosing: linger afterwards
	dirty      bool  // in loop.dirty
	holds      bool  // in loop.holders
	upgraded   bool  // protocol is not the one that the connection began with
	choked     error // why Queue refused something; the connection is to end over it
}

// due returns when something is to happen to s by itself, 0 for never.
func (s *socket) due() shoal.Tick {
	due := s.deadline
	if s.stage == stageOpen {
		due = sooner(due, s.alarm)
	}
	if s.out.len() > 0 {
		due = sooner(due, s.writeBy)
	}
	return due
}

// sooner returns the sooner of two alarms, of which 0 is none.
func sooner(a, b shoal.Tick) shoal.Tick {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// wants returns the events that s waits for. While something is in its queue it
// reads nothing: who does not listen is not listened to.
func (s *socket) wants() uint32 {
	switch {
	case s.stage == stageShaking:
		return s.shake.wants()
	case s.out.len() > 0:
		return unix.EPOLLOUT
	}
	return unix.EPOLLIN
}

// room is how many bytes of input may be there unused.
func (s *socket) room() int {
	switch {
	case s.stage == stagePrelude:
		return preludeRoom
	case s.upgraded:
		return s.listening.config.UpgradedInput
	}
	return s.listening.config.MaxInput
}

func (s *socket) localAddr() netip.AddrPort {
	switch {
	case s.listening.local.IsValid():
		return s.listening.local
	case s.stage == stageEnded:
		return netip.AddrPort{} // the number is another's
	}
	return localName(s.fd)
}

func (s *socket) limit() *Limit { return s.loop.engine.config.Limit }

// waiting is Conn.Waiting. What only waits for the other messages of this round
// is sent when there is enough of it: a protocol that looks must not take it for
// a reader who is slow.
func (s *socket) waiting() int {
	l := s.loop
	if l == nil || s.stage == stageEnded {
		return 0
	}
	if s.dirty && s.out.len() >= writeSize && s.choked == nil {
		if s.choked = l.send(s); s.choked != nil {
			s.closed = true
		}
	}
	n := s.out.len()
	if l.current == s {
		n += len(l.aside)
	}
	return n
}

// upgrade is Conn.Upgrade. Only burst looks whether it was called.
func (s *socket) upgrade(p Protocol) {
	if l := s.loop; l != nil && l.current == s {
		l.next = p
	}
}

// queue is Conn.Queue. What it is given stays with the loop until the method
// that is running returns.
func (s *socket) queue(b []byte) bool {
	l := s.loop
	if l == nil || l.current != s || s.stage != stageOpen || s.choked != nil {
		return false
	}
	most := s.listening.config.MaxQueue
	if s.out.len()+len(l.aside)+len(b) > most && s.dirty {
		// What is there only waits for the other messages of this round.
		s.choked = l.send(s)
	}
	if s.out.len()+len(l.aside)+len(b) > most && s.choked == nil {
		s.choked = ErrQueue
	}
	if s.choked != nil {
		s.closed = true
		return false
	}
	l.aside = append(l.aside, b...)
	return true
}
