//go:build amd64 || arm64

package streamio

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// rawWait is how long a loop waits for events without telling the Go
	// runtime, in milliseconds. To tell it costs little by itself, but has its
	// monitor thread take the processor away and hand it back, and look for
	// such cases all the time. Longer than this the loop must not keep its
	// processor. The program is to have a processor more for each loop, so that
	// this takes nothing from other goroutines. 0: not at all.
	rawWait = 1

	// shortestWait is how long a loop waits at least for an alarm. The clock
	// moves in steps: what it says is left may be left several times.
	shortestWait = 50 * time.Millisecond
	longestWait  = 10 * time.Second
)

// ask returns the events that are there, or come within so many milliseconds,
// and keeps the processor meanwhile. Signals end it early.
func (l *loop) ask(timeout int) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.poll), uintptr(unsafe.Pointer(&l.events[0])), maxEvents, uintptr(timeout), 0, 0)
	return count(n, e)
}

func count(n uintptr, e unix.Errno) (int, unix.Errno) {
	switch e {
	case 0:
		return int(n), 0
	case unix.EINTR:
		return 0, 0
	}
	return 0, e
}

// wait returns the number of events, which may be 0: something was posted, an
// alarm is due, or nothing at all.
func (l *loop) wait() (int, error) {
	n, e := l.ask(0)
	if n == 0 && e == 0 && l.inbox.count() == 0 && !l.engine.stopping.Load() && l.naps.pays() {
		n, e = l.gather()
	}
	if n > 0 || e != 0 {
		return l.came(n, e)
	}
	timeout := l.patience()
	if timeout == 0 || !l.inbox.sleep() {
		return 0, nil
	}
	if rawWait > 0 {
		n, e = l.ask(rawWait)
	}
	l.naps.waited(n > 0)
	if n == 0 && e == 0 {
		r, _, err := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.poll), uintptr(unsafe.Pointer(&l.events[0])), maxEvents, uintptr(timeout), 0, 0)
		n, e = count(r, err)
	}
	l.inbox.rise()
	return l.came(n, e)
}

func (l *loop) came(n int, e unix.Errno) (int, error) {
	if e != 0 {
		return 0, os.NewSyscallError("epoll_pwait", e)
	}
	return n, nil
}

// patience returns how many milliseconds the loop may wait, below 0 for ever.
func (l *loop) patience() int {
	left := time.Duration(-1)
	sooner := func(d time.Duration) {
		if left < 0 || d < left {
			left = d
		}
	}
	if l.wheel.count > 0 {
		sooner(min(max(l.wheel.next().Sub(l.clock.Now()), shortestWait), longestWait))
	}
	if l.paused > 0 {
		if pause := l.resume(); l.paused > 0 {
			sooner(pause)
		}
	}
	if !l.stopBy.IsZero() {
		sooner(max(time.Until(l.stopBy), 0))
	}
	if left < 0 {
		return -1
	}
	return int((left + time.Millisecond - 1) / time.Millisecond)
}
