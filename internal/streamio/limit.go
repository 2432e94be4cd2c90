package streamio

import "sync/atomic"

// Limit bounds how many connections are open at once, over all the listeners
// it is given to. A connection beyond it is closed as soon as it is accepted.
type Limit struct {
	most    atomic.Int64
	open    atomic.Int64
	refused atomic.Uint64
}

// NewLimit returns a limit of n open connections; 0 or less is no bound.
func NewLimit(n int) *Limit {
	l := new(Limit)
	l.Set(n)
	return l
}

// Set changes the bound. Connections that are open stay open.
func (l *Limit) Set(n int) { l.most.Store(int64(n)) }

// Open returns the number of connections that are open.
func (l *Limit) Open() int { return int(l.open.Load()) }

// Refused returns the number of connections that were closed at once.
func (l *Limit) Refused() uint64 { return l.refused.Load() }

// take claims a place, and counts the refusal if there is none.
func (l *Limit) take() bool {
	if most := l.most.Load(); l.open.Add(1) > most && most > 0 {
		l.open.Add(-1)
		l.refused.Add(1)
		return false
	}
	return true
}

func (l *Limit) give() { l.open.Add(-1) }
