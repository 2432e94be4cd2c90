//go:build amd64 || arm64

package wsload

import (
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// loop runs a worker's connections in one thread, by epoll and without the
// runtime's poller. It never waits for a connection to take what is sent.
type loop struct {
	w        *worker
	family   int
	target   unix.Sockaddr
	sources  map[int]unix.Sockaddr // by their index in the plan; none: the kernel chooses
	epoll    int
	events   []unix.EpollEvent
	input    []byte
	said     []*connection // those that have something to send
	gathered int           // events since the last nap or wait
}

// wire is a connection's socket.
type wire struct {
	fd   int
	part []byte // input that is not understood yet
	said bool   // it is among those that have something to send
}

func newEngine(p *plan.Plan, w *worker) (engine, error) {
	if p.Portable || p.TLS != nil {
		return newTeam(p, w), nil
	}
	l := &loop{
		w: w, family: unix.AF_INET, target: sockaddr(p.Target), sources: map[int]unix.Sockaddr{},
		events: make([]unix.EpollEvent, 512), input: make([]byte, 2*maxFrame),
	}
	if p.Target.Addr().Is6() {
		l.family = unix.AF_INET6
	}
	for _, i := range p.SourcesOf(w.index) {
		if a := p.Sources[i]; !a.IsUnspecified() {
			l.sources[i] = sockaddr(netip.AddrPortFrom(a, 0))
		}
	}
	for _, c := range w.conns {
		c.wire.fd = -1
	}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("making an epoll: %w", err)
	}
	return l, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// A connection that is closed by us waits in TIME_WAIT for a minute, and its
// port with it, unless it is reset.
var reset = unix.Linger{Onoff: 1}

func (l *loop) close() {
	for _, c := range l.w.conns {
		if c.wire.fd >= 0 {
			_ = unix.SetsockoptLinger(c.wire.fd, unix.SOL_SOCKET, unix.SO_LINGER, &reset)
			l.shut(c)
		}
	}
	_ = unix.Close(l.epoll)
}

func (l *loop) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		now := clock()
		if !l.w.advance(now) {
			return l.w.err
		}
		l.send()
		if err := l.wait(now); err != nil {
			return err
		}
		l.send()
	}
}

// dial implements engine.
func (l *loop) dial(c *connection) {
	if err := l.open(c); err != nil {
		l.w.closed(c, err)
	}
}

func (l *loop) open(c *connection) error {
	fd, err := unix.Socket(l.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making a socket: %w", err)
	}
	if from := l.sources[c.source]; from != nil {
		// The port is chosen when connecting: one port serves many targets, and
		// the search is shorter.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		err = unix.Bind(fd, from)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		err = unix.Connect(fd, l.target)
	}
	if err == nil || err == unix.EINPROGRESS {
		// Edges: a socket is registered once and never again.
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xFFFFFFFF, Fd: int32(l.place(c))}
		err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event)
	}
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("connecting: %w", err)
	}
	c.wire.fd = fd
	return nil
}

// place is where the worker has a connection.
func (l *loop) place(c *connection) int { return int(c.slot) / l.w.plan.Workers }

// flush implements engine.
func (l *loop) flush(c *connection) {
	if !c.wire.said {
		c.wire.said = true
		l.said = append(l.said, c)
	}
}

// shut implements engine.
func (l *loop) shut(c *connection) {
	if c.wire.fd < 0 {
		return
	}
	if c.unsent() > 0 { // a farewell perhaps; nobody waits until it is taken
		_, _ = write(c.wire.fd, c.out[c.outAt:])
	}
	_ = unix.Close(c.wire.fd) // leaves the epoll with it
	c.wire.fd = -1
	l.w.keep(c.wire.part)
	c.wire.part = nil
}

// send sends what has been said since the last time, as far as it is taken.
func (l *loop) send() {
	for i := 0; i < len(l.said); i++ { // what fails may be told of, and more be said
		c := l.said[i]
		c.wire.said = false
		l.push(c)
	}
	l.said = l.said[:0]
}

// push sends what a connection has to say.
func (l *loop) push(c *connection) {
	for c.wire.fd >= 0 && c.state != dialing && c.unsent() > 0 {
		n, e := write(c.wire.fd, c.out[c.outAt:])
		switch {
		case e == unix.EAGAIN: // an edge follows
			return
		case e == unix.EINTR:
		case e != 0:
			l.cut(c, e)
			return
		default:
			c.outAt += n
		}
	}
	if c.unsent() == 0 {
		l.w.release(c)
	}
}

// cut closes a connection that has failed.
func (l *loop) cut(c *connection, err error) {
	c.outAt = len(c.out)
	l.shut(c)
	l.w.closed(c, err)
}

func write(fd int, b []byte) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), e
}

// Fewer events than this at a time cost more to wake up for than to handle.
const worthWaking = 16

// wait waits for events and handles them.
func (l *loop) wait(now int64) error {
	w := l.w
	if w.plan.Nap > 0 && l.gathered < worthWaking && w.stage == loading && len(l.said) == 0 &&
		(w.plan.Closed() && w.busy >= 4*worthWaking || w.pace.Crowded(w.plan.Nap)) {
		spec := unix.NsecToTimespec(int64(w.plan.Nap))
		_, _, _ = unix.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&spec)), 0, 0)
	}
	rest := w.rest(now)
	spec := unix.NsecToTimespec(rest)
	n, _, e := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), uintptr(unsafe.Pointer(&spec)), 0, 0)
	if e == unix.ENOSYS { // before Linux 5.11
		n, _, e = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
			uintptr(len(l.events)), uintptr((time.Duration(rest)+time.Millisecond-1)/time.Millisecond), 0, 0)
	}
	if e != 0 && e != unix.EINTR {
		return fmt.Errorf("waiting for connections: %w", e)
	}
	if e != 0 {
		n = 0
	}
	l.gathered = int(n)
	for i := range int(n) {
		l.handle(w.conns[l.events[i].Fd], l.events[i].Events)
	}
	return nil
}

// handle goes on with a connection.
func (l *loop) handle(c *connection, events uint32) {
	if c.wire.fd < 0 { // closed over what another one heard
		return
	}
	if c.state == dialing {
		if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			number, err := unix.GetsockoptInt(c.wire.fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil {
				err = unix.Errno(number)
			}
			l.cut(c, err)
			return
		}
		if events&unix.EPOLLOUT == 0 {
			return
		}
		l.w.opened(c, clock())
	}
	if events&unix.EPOLLOUT != 0 && c.unsent() > 0 {
		l.flush(c)
	}
	const ended = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if events&(unix.EPOLLIN|ended) != 0 {
		l.read(c, events&ended != 0)
	}
}

// read reads what has come.
func (l *loop) read(c *connection, ended bool) {
	fd := c.wire.fd
	for {
		have := copy(l.input, c.wire.part)
		room := l.input[have:]
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&room[0])), uintptr(len(room)), 0, 0, 0)
		switch {
		case e == unix.EAGAIN:
			return
		case e == unix.EINTR:
			continue
		case e != 0:
			l.cut(c, e)
			return
		case n == 0:
			l.cut(c, io.EOF)
			return
		}
		raw := l.input[:have+int(n)]
		used, ok := l.w.feed(c, raw, clock())
		if !ok {
			return
		}
		if rest := raw[used:]; len(rest) > 0 {
			if c.wire.part == nil {
				c.wire.part = l.w.lend()
			}
			c.wire.part = append(c.wire.part[:0], rest...)
		} else if c.wire.part != nil {
			l.w.keep(c.wire.part)
			c.wire.part = nil
		}
		if int(n) < len(room) && !ended {
			return
		}
	}
}
