//go:build amd64 || arm64

package streamio

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal"
)

// maxLoops is what a Link has room for.
const maxLoops = 256

func fastEngines() []engineKind {
	return []engineKind{{"epoll", epollWorks, newEpoll}}
}

// epollWorks says whether this kernel and sandbox have what the loops need.
var epollWorks = sync.OnceValue(func() error {
	l := loop{poll: -1, wake: -1}
	err := l.openDescriptors()
	if err == nil {
		if _, e := l.ask(0); e != 0 {
			err = os.NewSyscallError("epoll_pwait", e)
		}
	}
	return errors.Join(err, l.closeDescriptors())
})

// epoll serves connections with a few event loops. Each has a thread of its
// own, a listening socket for each address, and the connections that the kernel
// put there: they never move, so nothing of them is shared.
type epoll struct {
	config LoopsConfig
	clock  *shoal.Clock
	loops  []*loop

	listeners []*listening
	deferring int // seconds that the kernel waits for the first bytes; 0: not at all
	accept    acceptFunc

	handshakes sync.WaitGroup
	unbound    sync.WaitGroup // loops that still listen
	stopping   atomic.Bool
	lost       atomic.Uint64

	mu    sync.Mutex
	state engineState
}

type engineState uint8

const (
	engineNew engineState = iota
	engineServes
	engineEnded
)

func newEpoll(c LoopsConfig, clock *shoal.Clock) (engine, error) {
	if c.Count <= 0 {
		c.Count = cores
	}
	c.Count = min(c.Count, maxLoops)
	e := &epoll{config: c, clock: clock, deferring: int(deferAccept.Seconds()), accept: acceptSocket}
	for i := range c.Count {
		l := &loop{engine: e, index: uint8(i), clock: clock, poll: -1, wake: -1}
		l.shelves.limit = c.Limit
		l.naps.length = unix.NsecToTimespec(int64(napTime))
		e.loops = append(e.loops, l)
		if err := l.openDescriptors(); err != nil {
			return nil, errors.Join(err, e.free())
		}
	}
	return e, nil
}

// Descriptors returns how many file descriptors so many listeners take, at
// most.
func (c LoopsConfig) Descriptors(listeners int) int {
	if c.Engine == "portable" {
		return listeners
	}
	if c.Count <= 0 {
		c.Count = cores
	}
	return min(c.Count, maxLoops) * (listeners + 2) // epoll and eventfd
}

func (e *epoll) listen(addr netip.AddrPort, c Config) (netip.AddrPort, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != engineNew {
		return addr, errors.New("the loops serve already, or have ended")
	}
	sockets, bound, err := bindAll(addr, len(e.loops), e.deferring)
	if err != nil {
		return addr, err
	}
	shared := &listening{addr: bound, config: c, log: e.config.Log}
	if !bound.Addr().IsUnspecified() {
		shared.local = netip.AddrPortFrom(bound.Addr().WithZone(""), bound.Port())
	}
	e.listeners = append(e.listeners, shared)
	for i, fd := range sockets {
		e.loops[i].acceptors = append(e.loops[i].acceptors, &acceptor{fd: fd, listening: shared})
	}
	return bound, nil
}

func (e *epoll) serve(ctx context.Context) error {
	e.mu.Lock()
	switch e.state {
	case engineServes:
		e.mu.Unlock()
		return errors.New("the loops serve already")
	case engineEnded:
		e.mu.Unlock()
		return nil
	}
	e.state = engineServes
	e.unbound.Add(len(e.loops))
	e.mu.Unlock()
	defer context.AfterFunc(ctx, e.stop)()

	errs := make([]error, len(e.loops))
	var running sync.WaitGroup
	for i, l := range e.loops {
		running.Go(func() {
			errs[i] = l.run()
			if errs[i] != nil {
				e.stop() // one loop alone would leave its connections waiting
			}
		})
	}
	running.Wait()
	e.handshakes.Wait()

	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = engineEnded
	return errors.Join(errors.Join(errs...), e.free())
}

func (e *epoll) count() int { return len(e.loops) }

// stop has every loop close its sockets.
func (e *epoll) stop() {
	e.stopping.Store(true)
	for _, l := range e.loops {
		l.inbox.ring()
	}
}

func (e *epoll) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch e.state {
	case engineNew:
		e.state = engineEnded
		var errs []error
		for _, l := range e.loops {
			for _, a := range l.acceptors {
				errs = append(errs, unix.Close(a.fd))
			}
		}
		return errors.Join(errors.Join(errs...), e.free())
	case engineServes:
		e.stop()
		e.mu.Unlock()
		e.unbound.Wait()
		e.mu.Lock()
	}
	return nil
}

// free closes what the loops wait on.
func (e *epoll) free() error {
	var errs []error
	for _, l := range e.loops {
		l.inbox.shut()
		errs = append(errs, l.closeDescriptors())
	}
	return errors.Join(errs...)
}

func (e *epoll) post(to shoal.Link, message []byte) bool {
	if to.Node() != 0 || int(to.Loop()) >= len(e.loops) {
		return false
	}
	l := e.loops[to.Loop()]
	return l.table.current(to) && l.inbox.put(letter{to, message})
}

func (e *epoll) undelivered() uint64 { return e.lost.Load() }

func (l *loop) openDescriptors() (err error) {
	if l.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	// Edge-triggered: each write is an event, and nobody has to read it.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Pad: tagWake}
	if err := unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, l.wake, &event); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	l.inbox.wake = l.wake
	return nil
}

func (l *loop) closeDescriptors() error {
	var errs []error
	for _, fd := range []*int{&l.poll, &l.wake} {
		if *fd >= 0 {
			if err := unix.Close(*fd); err != nil {
				errs = append(errs, fmt.Errorf("closing an event loop: %w", err))
			}
		}
		*fd = -1
	}
	return errors.Join(errs...)
}
