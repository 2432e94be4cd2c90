//go:build amd64 || arm64

package streamio

import (
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal"
)

const (
	maxEvents = 256

	// What epoll hands back with an event is a slot and its generation, which
	// is 1 or more, or one of these.
	tagAcceptor = -1
	tagWake     = -2

	// keptSockets is how many connections' memory a loop holds for the next
	// ones.
	keptSockets = 1024

	// secureRead is how many encrypted bytes are read at once. secureRoom is what
	// may come out of them: they may complete a record of which the rest was
	// there, or be what was read while a handshake was under way.
	secureRead = 16 << 10
	secureRoom = 4 * secureRead

	// longestRecord is more than TLS has of one, encrypted or not: of what came
	// before, as much as may be waiting for its end.
	longestRecord = 17 << 10

	// stayingInput is how much unused input stays where it is when more comes,
	// instead of being copied in front of it: a large message that comes by the
	// byte would cost its square.
	stayingInput = 16 << 10
)

// loop is an event loop: one thread, and connections that it alone touches.
type loop struct {
	engine *epoll
	index  uint8
	clock  *shoal.Clock
	poll   int // epoll
	wake   int // eventfd

	acceptors []*acceptor
	paused    int // of them
	table     table
	wheel     wheel
	holders   holders
	shelves   shelves
	inbox     inbox
	naps      naps

	now     shoal.Tick // of this round
	items   int        // events and messages of this round
	events  [maxEvents]unix.EpollEvent
	name    socketName
	in      []byte   // input, of one connection at a time
	cipher  []byte   // the same before it is decrypted
	out     []byte   // replies
	sealed  []byte   // the same after they were encrypted
	aside   []byte   // what current has Queued
	current *socket  // whose protocol runs
	next    Protocol // current's, if it has called Upgrade

	gathers bool // what is said waits for the end of the round
	dirty   []*socket
	rung    []*socket
	ended   []*socket
	spare   []*socket
	letters []letter
	news    []news

	stopBy time.Time // zero: it does not stop
}

func (l *loop) link(s *socket) shoal.Link { return shoal.NewLink(0, l.index, s.slot, s.generation) }

func (l *loop) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := l.start()
	for err == nil {
		var n int
		if n, err = l.wait(); err != nil {
			break
		}
		l.now = l.clock.Now()
		l.items = n
		for i := range n {
			l.handle(&l.events[i])
		}
		l.deliver()
		l.naps.did(l.items)
		l.tick()
		if l.paused > 0 {
			l.resume() // also while there are events without end
		}
		if l.engine.stopping.Load() && l.stop() {
			break
		}
		l.recycle()
	}
	if err != nil {
		l.stop()
	}
	l.endAll(ErrStopped)
	l.engine.lost.Add(uint64(l.inbox.shut()))
	return err
}

// start makes the memory of the loop, and begins to listen.
func (l *loop) start() error {
	room := preludeRoom
	for _, a := range l.acceptors {
		need := max(a.listening.config.MaxInput, a.listening.config.UpgradedInput)
		if a.listening.config.TLS != nil {
			need += secureRoom
			if l.cipher == nil {
				l.cipher = make([]byte, secureRead)
			}
		}
		room = max(room, need)
	}
	l.in = make([]byte, room)
	l.out = make([]byte, 0, writeSize)
	l.now = l.clock.Now()
	l.wheel.at = int64(l.now) / wheelStep
	for i := range l.acceptors {
		if err := l.listenTo(i); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) handle(e *unix.EpollEvent) {
	switch e.Pad {
	case tagWake:
		l.items-- // what is posted counts
	case tagAcceptor:
		if a := l.acceptors[e.Fd]; a.until.IsZero() && a.fd >= 0 {
			l.accept(a)
		}
	default:
		if s := l.table.find(uint32(e.Fd), uint32(e.Pad)); s != nil {
			l.ready(s, e.Events)
			l.settle(s)
		}
	}
}

// tick gives those their alarm whose time has come.
func (l *loop) tick() {
	l.rung = l.wheel.turn(l.now, l.rung[:0])
	for _, s := range l.rung {
		l.ring(s)
		l.settle(s)
	}
	if len(l.rung) > keptSockets {
		l.rung = nil
	}
}

func (l *loop) ring(s *socket) {
	switch {
	case s.stage == stageEnded:
	case s.deadline != 0 && l.now >= s.deadline:
		if s.stage == stageLingering {
			l.end(s, s.why)
		} else {
			l.end(s, os.ErrDeadlineExceeded)
		}
	case s.out.len() > 0 && l.now >= s.writeBy:
		// Epoll says only when a third of what the kernel holds is gone. A slow
		// reader may have taken less, and is to have its time.
		if l.flush(s); s.stage != stageEnded && s.out.len() > 0 && l.now >= s.writeBy {
			l.end(s, os.ErrDeadlineExceeded)
		}
	case s.stage == stageOpen && s.Conn.ring():
		l.enter(s)
		s.protocol.Tick(&s.Conn, l.now)
		l.after(s)
	}
}

// settle tells epoll and the wheel what s waits for now. Everything that
// happens to a connection ends here.
func (l *loop) settle(s *socket) {
	if s.stage == stageEnded {
		return
	}
	if l.weigh(s); s.stage == stageEnded {
		return
	}
	if want := s.wants(); !s.known || want != s.interest {
		operation := unix.EPOLL_CTL_ADD
		if s.known {
			operation = unix.EPOLL_CTL_MOD
		}
		event := unix.EpollEvent{Events: want, Fd: int32(s.slot), Pad: int32(s.generation)}
		_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(l.poll), uintptr(operation), uintptr(s.fd), uintptr(unsafe.Pointer(&event)), 0, 0)
		if e != 0 {
			l.end(s, os.NewSyscallError("epoll_ctl", e))
			return
		}
		s.known, s.interest = true, want
	}
	if due := s.due(); due != 0 && (s.armed == 0 || due < s.armed) {
		l.wheel.set(s, due)
	}
}

// end closes s, whatever it was doing.
func (l *loop) end(s *socket, why error) {
	if s.stage == stageEnded {
		return
	}
	s.stage = stageEnded
	if l.current == s {
		l.aside = l.aside[:0]
	}
	l.wheel.remove(s)
	l.table.remove(s)
	l.holders.remove(s)
	if s.shake != nil {
		s.shake.leave(why) // before the number of its socket is another's
	}
	closeSocket(s.fd)
	l.engine.config.Limit.give()
	l.engine.config.Limit.hold(-s.retained)
	s.retained = 0
	l.shelves.giveBack(s.kept)
	s.out.drop(&l.shelves)
	s.kept, s.secure, s.shake = nil, nil, nil
	if s.protocol != nil {
		s.protocol.Closed(&s.Conn, why)
	}
	l.ended = append(l.ended, s)
}

func (l *loop) newSocket() *socket {
	n := len(l.spare)
	if n == 0 {
		return new(socket)
	}
	s := l.spare[n-1]
	l.spare = l.spare[:n-1]
	return s
}

// recycle keeps the memory of connections that have ended, now that nothing of
// this round can name them.
func (l *loop) recycle() {
	for i, s := range l.ended {
		*s = socket{}
		l.ended[i] = nil
		if len(l.spare) < keptSockets {
			l.spare = append(l.spare, s)
		}
	}
	l.ended = l.ended[:0]
	l.current = nil
}
