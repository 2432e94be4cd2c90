//go:build amd64 || arm64

package streamio

import (
	"time"

	"golang.org/x/sys/unix"
)

// stop brings the loop to its end, and reports whether that is reached. The
// first time it frees the addresses and closes every connection to which
// nothing is left to say.
func (l *loop) stop() bool {
	if !l.stopBy.IsZero() {
		return l.table.open == 0 || !time.Now().Before(l.stopBy)
	}
	l.stopBy = time.Now().Add(stopTimeout)
	for _, a := range l.acceptors {
		_ = unix.Close(a.fd) // it has no data that could be lost
		a.fd, a.until = -1, time.Time{}
	}
	l.paused = 0
	l.engine.unbound.Done()
	for _, s := range l.table.sockets {
		switch {
		case s == nil:
		case s.stage == stageLingering:
			l.end(s, s.why)
		case s.stage == stageClosing:
			s.unread = false
		case s.stage == stageOpen:
			l.enter(s)
			if p, ok := s.protocol.(Stopper); ok {
				p.Stopping(&s.Conn)
			}
			l.finish(s, nil, false, ErrStopped)
		default:
			l.end(s, ErrStopped)
		}
		if s != nil {
			l.settle(s)
		}
	}
	return l.table.open == 0
}

// endAll closes what is left.
func (l *loop) endAll(why error) {
	for _, s := range l.table.sockets {
		if s != nil {
			l.end(s, why)
		}
	}
}
