package udpserver

import (
	"net/netip"
	"time"

	"github.com/shoal-tracker/shoal"
)

// A worker times one request of each 16th batch, and of its first 16 batches,
// so that there is something to say of a tracker with little to do. That takes
// two looks at a clock, and two more if it is an announce: in other batches
// there is none.
const (
	timedFirst = 16
	timedEvery = 16
)

// started is what the clock of the timing counts from.
var started = time.Now()

// sinceStarted is that clock. It is monotonic, and no system call where the
// kernel lets processes read its clock.
func sinceStarted() time.Duration { return time.Since(started) }

// timing is what a worker knows of the request that it times.
type timing struct {
	watch   func() time.Duration
	batches uint64

	gathered bool // it is an announce that was gathered, and is not answered yet
	place    int  // of it among them
	taken    time.Duration
}

// slot returns which of the n packets of the next batch is timed; n: none. Each
// place has its turn, because the first of a batch finds colder caches than
// those behind it.
func (t *timing) slot(n int) int {
	if n == 0 {
		return n
	}
	t.batches++
	switch {
	case t.batches <= timedFirst:
		return int((t.batches - 1) % uint64(n))
	case t.batches%timedEvery == 0:
		return int(t.batches / timedEvery % uint64(n))
	}
	return n
}

// packetTimed is packet for the one that is timed. It counts if it is answered,
// and not with an error: refusals and forgeries are quick, and whoever sends many
// would make requests look quick.
func (w *worker) packetTimed(slot int, data []byte, from netip.AddrPort, epoch uint64, own *ownListeners) {
	hadConnects, hadScrapes, hadAnnounces := w.tally[connects], w.tally[scrapes], w.announces
	begin := w.timing.watch()
	w.packet(slot, data, from, epoch, own)
	taken := w.timing.watch() - begin
	switch {
	case w.tally[connects] > hadConnects:
		w.tally[connectsTimed]++
		w.tally[connectsNS] += uint64(taken)
	case w.tally[scrapes] > hadScrapes:
		w.tally[scrapesTimed]++
		w.tally[scrapesNS] += uint64(taken)
	case w.announces > hadAnnounces:
		w.timing.gathered, w.timing.place, w.timing.taken = true, hadAnnounces, taken
	}
}

// answerAnnouncesTimed is answerAnnounces when one of them is timed. What all of them
// take together is an equal part of each: there is no telling them apart.
func (w *worker) answerAnnouncesTimed() {
	t := &w.timing
	t.gathered = false
	all := uint64(w.announces)
	begin := t.watch()
	w.answerAnnounces()
	taken := t.watch() - begin
	if w.failures[t.place] == shoal.OK {
		w.tally[announcesTimed]++
		w.tally[announcesNS] += uint64(t.taken) + uint64(taken)/all
	}
}

// mean returns what one of n took, in nanoseconds.
func mean(ns, n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return ns / n
}
