//go:build amd64 || arm64

package streamio

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// napTime is how long a busy loop that finds nothing to do naps before it
	// waits, so that events gather: to be woken for each, and to wake the other
	// side for each answer, costs more than most of them. The kernel adds up to
	// 50 microseconds.
	napTime = 300 * time.Microsecond

	// turnItems is how many events and messages make up a turn, for all of which
	// a loop either naps or does not. A wait that is not short (rawWait) begins it
	// anew: a loop that is hardly used never sees its end, and answers at once.
	turnItems = 512

	// napTurns is how many turns with naps follow one without.
	napTurns = 16

	// A nap is to bring worthNapping events or messages. After maxMisses in a row
	// that did not, there are no more of them for a while.
	worthNapping = 2
	maxMisses    = 8

	// A few clients that wait for each answer before they ask again get fewer of
	// them from a loop that naps. A turn that takes half as long again as the last
	// without naps is broken off: no more of them for leastRest turns, and for
	// twice as many each time that this happens again.
	leastRest = 16
	mostRest  = 64
)

// naps decides when a loop naps. The clock is read only where a turn ends, or a
// loop has nothing to do.
type naps struct {
	length unix.Timespec

	on     bool // this turn has naps
	busy   bool // the last wait was short
	items  int  // of this turn
	left   int  // turns until on changes; 1 or less: this is the last
	misses int  // naps in a row that brought too little
	rest   int  // turns without naps that the last break took; 0: naps pay

	since    time.Time     // when this turn began
	straight time.Duration // what the last turn without naps took
}

// did counts what was done since the last wait.
func (p *naps) did(items int) {
	if p.items += items; p.items < turnItems {
		return
	}
	now := time.Now()
	took := now.Sub(p.since)
	began := !p.since.IsZero()
	p.begin(now)
	switch {
	case !began:
	case p.on:
		p.spend()
	default:
		p.straight = took
		if p.left--; p.left <= 0 {
			p.on, p.left, p.misses = true, napTurns, 0
		}
	}
}

func (p *naps) begin(now time.Time) { p.items, p.since = 0, now }

// spend takes one of the turns with naps.
func (p *naps) spend() {
	if p.left--; p.left <= 0 {
		p.on, p.rest = false, 0
	}
}

// giveUp leaves naps out for a while.
func (p *naps) giveUp(now time.Time) {
	p.rest = min(max(2*p.rest, leastRest), mostRest)
	p.on, p.left = false, p.rest
	p.begin(now)
}

// waited says whether the last wait was short.
func (p *naps) waited(short bool) {
	if p.busy = short; short {
		return
	}
	if p.begin(time.Now()); p.on {
		p.spend()
	}
}

// pays decides on a nap where nothing was found to do.
func (p *naps) pays() bool {
	if !p.on || !p.busy {
		return false
	}
	if now := time.Now(); now.Sub(p.since) > p.straight+p.straight/2 {
		p.giveUp(now)
		return false
	}
	return true
}

// brought says how much the last nap has brought.
func (p *naps) brought(n int) {
	if n >= worthNapping {
		p.misses = 0
	} else if p.misses++; p.misses == maxMisses {
		p.giveUp(time.Now())
	}
}

// gather naps and returns the events that have come meanwhile. What is posted
// meanwhile wakes nobody.
func (l *loop) gather() (int, unix.Errno) {
	// By RawSyscall the loop keeps its processor: see rawWait.
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&l.naps.length)), 0, 0)
	n, e := l.ask(0)
	l.naps.brought(n + l.inbox.count())
	return n, e
}
