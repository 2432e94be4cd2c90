package streamio

import "sync/atomic"

// ownMemory is what a connection may hold of messages that are not complete and
// of replies that are not accepted, however scarce memory is.
const ownMemory = 8 << 10

// Limit bounds how many connections are open at once, over all the listeners
// it is given to, and what they hold together. A connection beyond it is closed
// as soon as it is accepted.
type Limit struct {
	most    atomic.Int64
	open    atomic.Int64
	refused atomic.Uint64

	mostMemory atomic.Int64 // bytes
	memory     atomic.Int64 // that connections hold
	starved    atomic.Uint64
}

// exceeded reports whether connections hold more than they may.
func (l *Limit) exceeded() bool {
	most := l.mostMemory.Load()
	return most > 0 && l.memory.Load() > most
}

// NewLimit returns a limit of n open connections; 0 or less is no bound.
func NewLimit(n int) *Limit {
	l := new(Limit)
	l.Set(n)
	return l
}

// Set changes the bound. Connections that are open stay open.
func (l *Limit) Set(n int) { l.most.Store(int64(n)) }

// SetMemory bounds the bytes of messages that are not complete, and of replies
// that are not accepted, over all connections. Beyond it those are closed that hold
// more than 8 KiB of them, first who has done so for longest. 0 or less is no
// bound. (The portable engine closes whoever sends or is sent something.)
func (l *Limit) SetMemory(bytes int64) { l.mostMemory.Store(bytes) }

// Memory returns how many bytes connections hold now.
func (l *Limit) Memory() int64 { return l.memory.Load() }

// Starved returns the number of connections that were closed because all of them
// together held too much.
func (l *Limit) Starved() uint64 { return l.starved.Load() }

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

// hold counts bytes that a connection holds, or with less than 0 no more.
func (l *Limit) hold(bytes int) { l.memory.Add(int64(bytes)) }

// starves reports whether a connection that holds so many bytes is to be closed,
// and counts it then.
func (l *Limit) starves(held int) bool {
	if held <= ownMemory || !l.exceeded() {
		return false
	}
	l.starved.Add(1)
	return true
}
