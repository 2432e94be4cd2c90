package report

import "sync/atomic"

// Live is what is known of a run while it goes on. Each worker has a line of
// its own, so that they do not slow each other down.
type Live struct{ lines []line }

type line struct {
	responses, lost, wrong atomic.Uint64
	_                      [104]byte
}

// NewLive makes room for so many workers.
func NewLive(workers int) *Live { return &Live{make([]line, workers)} }

// Publish says how far a worker has come.
func (l *Live) Publish(worker int, t *Tally) {
	at := &l.lines[worker]
	at.responses.Store(t.Responses())
	at.lost.Store(t.Lost)
	at.wrong.Store(t.WrongCount() + t.Errors)
}

// Totals returns how far all have come.
func (l *Live) Totals() (responses, lost, wrong uint64) {
	for i := range l.lines {
		responses += l.lines[i].responses.Load()
		lost += l.lines[i].lost.Load()
		wrong += l.lines[i].wrong.Load()
	}
	return responses, lost, wrong
}
