//go:build amd64 || arm64

package httpload

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// loop runs a worker's connections in one thread, by epoll and without the
// runtime's poller. While answers are right it allocates nothing.
type loop struct {
	w        *worker
	family   int
	target   unix.Sockaddr
	sources  []unix.Sockaddr // nil: the kernel chooses
	epoll    int
	conns    []connection
	free     []int32 // connections without a request
	parked   []int32 // connections that were refused, until the next sweep
	events   []unix.EpollEvent
	request  []byte
	answer   []byte
	swept    int64
	gathered int // events since the last nap or wait
}

func newEngine(p *plan.Plan, w *worker) (engine, error) {
	if p.Portable || p.Idle || p.TLS != nil {
		return newDispatcher(p, w), nil
	}
	l := &loop{
		w: w, family: unix.AF_INET, target: sockaddr(p.Target),
		conns: make([]connection, p.ConnectionsOf(w.index)), events: make([]unix.EpollEvent, 512),
		request: make([]byte, 0, 4096), answer: make([]byte, maxResponse),
	}
	if p.Target.Addr().Is6() {
		l.family = unix.AF_INET6
	}
	for _, s := range w.sources {
		var from unix.Sockaddr
		if a := p.Sources[s.index]; !a.IsUnspecified() {
			from = sockaddr(netip.AddrPortFrom(a, 0))
		}
		l.sources = append(l.sources, from)
	}
	l.free = make([]int32, len(l.conns))
	l.parked = make([]int32, 0, len(l.conns))
	for i := range l.conns {
		l.conns[i].fd = -1
		l.conns[i].source = anySource
		l.free[i] = int32(len(l.conns) - 1 - i)
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

func (l *loop) worker() *worker { return l.w }

func (l *loop) close() {
	for i := range l.conns {
		if c := &l.conns[i]; c.fd >= 0 {
			l.shut(c)
		}
	}
	_ = unix.Close(l.epoll)
}

func (l *loop) run(ctx context.Context, start int64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := l.w
	w.start(start)
	l.swept = start
	for {
		now := clock()
		if now-l.swept > int64(sweepInterval) {
			l.sweep(now)
			w.sweep(now, ctx.Err() != nil)
		}
		if err := l.start(now); err != nil {
			return err
		}
		if w.idle(now) && len(l.free)+len(l.parked) == len(l.conns) {
			break
		}
		if err := l.wait(now); err != nil {
			return err
		}
	}
	w.tally.Missed += w.pace.Missed(clock())
	return nil
}

// start begins the requests that are due, as far as connections are free.
func (l *loop) start(now int64) error {
	w := l.w
	due := min(w.pace.Due(now, len(l.free))+len(w.retry), len(l.free))
	for range due {
		i := l.free[len(l.free)-1]
		l.free = l.free[:len(l.free)-1]
		if err := l.begin(i, now); err != nil {
			return err
		}
	}
	return nil
}

// Fewer events than this at a time cost more to wake up for than to handle.
const worthWaking = 16

// wait waits for events and handles them.
func (l *loop) wait(now int64) error {
	w := l.w
	if busy := len(l.conns) - len(l.free); w.plan.Nap > 0 && l.gathered < worthWaking &&
		(w.plan.Closed() && busy >= 4*worthWaking || w.pace.Crowded(w.plan.Nap)) {
		spec := unix.NsecToTimespec(int64(w.plan.Nap))
		_, _, _ = unix.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&spec)), 0, 0)
	}
	timeout := sweepInterval
	if !w.plan.Closed() && !w.pace.Ended(now) && len(l.free) > 0 {
		timeout = min(timeout, time.Duration(max(0, w.pace.Until(now))))
	}
	spec := unix.NsecToTimespec(int64(timeout))
	n, _, e := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), uintptr(unsafe.Pointer(&spec)), 0, 0)
	if e == unix.ENOSYS { // before Linux 5.11
		n, _, e = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
			uintptr(len(l.events)), uintptr((timeout+time.Millisecond-1)/time.Millisecond), 0, 0)
	}
	if e != 0 && e != unix.EINTR {
		return fmt.Errorf("waiting for connections: %w", e)
	}
	if e != 0 {
		n = 0
	}
	l.gathered = int(n)
	for i := range int(n) {
		l.handle(l.events[i].Fd, l.events[i].Events)
	}
	return nil
}
