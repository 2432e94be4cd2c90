//go:build amd64 || arm64

package httpload

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a connection is watched for. Edges: it is registered once and never
// again, whatever it waits for.
const (
	watchAnswer  = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET&0xFFFFFFFF
	watchRequest = watchAnswer | unix.EPOLLOUT
)

// begin sends a request on connection i. Only what no other request could do
// better is an error.
func (l *loop) begin(i int32, now int64) error {
	c := &l.conns[i]
	ok := false
	if c.state == kept {
		if c.job, c.source, ok = l.w.next(c.source, now); !ok {
			l.shut(c) // all peers of this address are announced
		}
	}
	if !ok {
		if c.job, c.source, ok = l.w.next(anySource, now); !ok {
			l.free = append(l.free, i)
			return nil
		}
	}
	return l.carry(i, c)
}

// carry sends the job of connection i, on a new socket where it has none.
func (l *loop) carry(i int32, c *connection) error {
	fresh := c.state != kept
	if fresh {
		err := l.open(c)
		switch {
		case errors.Is(err, unix.EADDRNOTAVAIL):
			return fmt.Errorf("no address or port left to connect from: keep connections alive, or announce from more --sources: %w", err)
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
			return fmt.Errorf("more --connections than this process may open: %w", err)
		case err != nil:
			l.refuse(i, c)
			return nil
		}
	}
	l.request = l.w.write(l.request[:0], &c.job)
	sent, e := send(c.fd, l.request)
	watch := uint32(watchAnswer)
	c.state = reading
	switch {
	case e == 0 && sent == len(l.request):
	case e == 0 || e == unix.EAGAIN || e == unix.ENOTCONN:
		c.unsent = append(c.unsent[:0], l.request[sent:]...)
		c.state, watch = connecting, watchRequest
	default:
		l.cut(i, c)
		return nil
	}
	if !fresh && c.state == reading {
		return nil
	}
	operation := unix.EPOLL_CTL_ADD
	if !fresh {
		operation = unix.EPOLL_CTL_MOD
	}
	event := unix.EpollEvent{Events: watch, Fd: i}
	if err := unix.EpollCtl(l.epoll, operation, c.fd, &event); err != nil {
		return fmt.Errorf("watching a connection: %w", err)
	}
	return nil
}

func send(fd int, b []byte) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// handle goes on with connection i.
func (l *loop) handle(i int32, events uint32) {
	c := &l.conns[i]
	if c.state == connecting && events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		n, e := send(c.fd, c.unsent)
		switch {
		case e == 0 && n == len(c.unsent):
			c.unsent = c.unsent[:0]
			c.state = reading
		case e == 0:
			c.unsent = c.unsent[:copy(c.unsent, c.unsent[n:])]
		case e != unix.EAGAIN:
			l.cut(i, c)
			return
		}
	}
	ended := events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	switch c.state {
	case reading:
		if events&unix.EPOLLIN != 0 || ended {
			l.read(i, c, ended)
		}
	case ending:
		if ended {
			l.shut(c)
			l.free = append(l.free, i)
		}
	case kept:
		if ended { // the target closes what is idle; i is free already
			l.shut(c)
		}
	}
}

// read reads what has come of an answer.
func (l *loop) read(i int32, c *connection, ended bool) {
	for {
		room := l.answer[len(c.part):]
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&room[0])), uintptr(len(room)), 0, 0, 0)
		switch {
		case e == unix.EAGAIN:
			return
		case e != 0:
			l.cut(i, c)
			return
		}
		copy(l.answer, c.part)
		raw := l.answer[:len(c.part)+int(n)]
		if l.take(i, c, raw, n == 0, ended) {
			return
		}
		c.part = append(c.part, raw[len(c.part):]...)
		if int(n) < len(room) && !ended {
			return
		}
	}
}

// take judges raw, which is all that came, if it is a whole answer or can
// become none. It reports whether it did.
func (l *loop) take(i int32, c *connection, raw []byte, eof, ended bool) bool {
	r, done, err := readResponse(raw, eof)
	if !done {
		return false
	}
	now := clock()
	switch {
	case errors.Is(err, errEmpty):
		l.cut(i, c)
	case err != nil:
		l.w.broken(&c.job, err, raw, now)
		l.shut(c)
		l.free = append(l.free, i)
	default:
		l.w.answered(&c.job, &r, raw, now)
		l.finish(i, c, r.close, eof || ended, now)
	}
	return true
}

// finish goes on after an answer.
func (l *loop) finish(i int32, c *connection, last, ended bool, now int64) {
	c.part, c.used = c.part[:0], true
	switch {
	case ended:
		l.shut(c)
	case l.w.plan.KeepAlive && !last:
		c.state = kept
	default:
		c.state, c.since = ending, now
		return
	}
	l.free = append(l.free, i)
}

// cut goes on after the target cut the connection without an answer. One that
// carried others before may have been closed for being idle: what it was to
// carry is sent again, unless an answer to it had begun.
func (l *loop) cut(i int32, c *connection) {
	again := c.used && len(c.part) == 0
	l.shut(c)
	if again && l.carry(i, c) == nil {
		return
	}
	l.refuse(i, c)
}

// refuse gives up the request of a connection, which rests a while: a target
// that refuses does so as fast as it is asked.
func (l *loop) refuse(i int32, c *connection) {
	l.w.lost(&c.job, true)
	l.parked = append(l.parked, i)
}

// sweep gives up what was not answered in time.
func (l *loop) sweep(now int64) {
	l.swept = now
	l.free = append(l.free, l.parked...)
	l.parked = l.parked[:0]
	for i := range l.conns {
		c := &l.conns[i]
		switch {
		case c.state == ending && now-c.since > endingTime:
			l.w.tally.Unclosed++
			_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &reset)
		case (c.state == reading || c.state == connecting) && now-c.job.at > int64(l.w.plan.Timeout):
			l.w.lost(&c.job, false)
		default:
			continue
		}
		l.shut(c)
		l.free = append(l.free, int32(i))
	}
}
