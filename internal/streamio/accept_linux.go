//go:build amd64 || arm64

package streamio

import (
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// acceptBatch is how many connections of one socket are accepted in a row,
// before those that are open get their turn.
const acceptBatch = 64

// listening is one address, as all loops see it.
type listening struct {
	addr   netip.AddrPort
	local  netip.AddrPort // of every connection; invalid: they differ
	config Config
	log    *slog.Logger

	mu   sync.Mutex
	said time.Time // when the log was told of failing accepts
}

// acceptor is the listening socket of one loop.
type acceptor struct {
	fd        int
	listening *listening
	pause     time.Duration
	until     time.Time // zero: it does not pause
}

// accept takes the connections that wait, each of which is served at once.
func (l *loop) accept(a *acceptor) {
	for range acceptBatch {
		fd, e := l.engine.accept(a.fd, &l.name)
		switch e {
		case 0:
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED, unix.EPROTO, unix.EPERM, unix.ENOPROTOOPT, unix.EOPNOTSUPP,
			unix.ENETDOWN, unix.ENETUNREACH, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ENONET:
			continue // this one connection is gone
		default:
			l.pause(a, e)
			return
		}
		a.pause = 0
		if !l.engine.config.Limit.take() {
			closeSocket(fd)
			continue
		}
		l.welcome(a.listening, fd)
	}
}

// welcome begins with a connection that has just come. Whoever asks one thing
// and goes is served without ever being shown to epoll.
func (l *loop) welcome(of *listening, fd int32) {
	s := l.newSocket()
	s.loop, s.listening, s.fd = l, of, fd
	s.Conn = Conn{remote: l.name.addrPort(), clock: l.clock, carrier: s}
	if !l.table.add(s) {
		closeSocket(fd)
		l.engine.config.Limit.give()
		return
	}
	s.link = l.link(s)
	s.trusted = of.config.Proxies.Contain(s.remote.Addr())
	s.proxied = s.trusted
	if of.config.hasPrelude(&s.Conn) {
		s.stage, s.deadline = stagePrelude, l.now.Add(of.config.preludeTime)
	} else {
		l.open(s)
	}
	if s.stage != stageEnded {
		l.ready(s, unix.EPOLLIN)
	}
	l.settle(s)
}

// pause leaves a listening socket alone for a while. Errors here are of the
// moment (EMFILE, ENFILE, ENOBUFS, ENOMEM): an attacker who holds all
// descriptors must not be able to end the accepting, nor to keep the loop busy
// with it, nor to fill the log.
func (l *loop) pause(a *acceptor, e unix.Errno) {
	now := time.Now()
	a.pause = min(max(2*a.pause, shortestPause), longestPause)
	a.until = now.Add(a.pause)
	l.paused++
	_ = unix.EpollCtl(l.poll, unix.EPOLL_CTL_DEL, a.fd, nil)

	of := a.listening
	of.mu.Lock()
	say := now.Sub(of.said) >= warnEvery
	if say {
		of.said = now
	}
	of.mu.Unlock()
	if say {
		warnAccept(of.log, of.addr, os.NewSyscallError("accept4", e))
	}
}

// resume listens again where the pause is over, and returns how long the next
// one still takes, 0 if there is none.
func (l *loop) resume() (left time.Duration) {
	now := time.Now()
	for i, a := range l.acceptors {
		switch rest := a.until.Sub(now); {
		case a.until.IsZero():
		case rest > 0:
			if left == 0 || rest < left {
				left = rest
			}
		default:
			a.until = time.Time{}
			l.paused--
			if err := l.listenTo(i); err != nil {
				l.pause(a, unix.ENOMEM)
				left = shortestPause
			}
		}
	}
	return left
}

func (l *loop) listenTo(i int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i), Pad: tagAcceptor}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, l.acceptors[i].fd, &event))
}
