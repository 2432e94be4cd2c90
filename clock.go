package shoal

import (
	"sync/atomic"
	"time"
)

// Tick is a moment of the coarse clock, in milliseconds since the Unix epoch.
type Tick int64

// TickOf returns t as a moment of the coarse clock.
func TickOf(t time.Time) Tick { return Tick(t.UnixMilli()) }

// Add returns the moment d after t.
func (t Tick) Add(d time.Duration) Tick { return t + Tick(d/time.Millisecond) }

// Sub returns the time from u to t.
func (t Tick) Sub(u Tick) time.Duration { return time.Duration(t-u) * time.Millisecond }

// Clock is the coarse time that everything on the road of an announce reads:
// one writer sets it a few times a second, so that a request costs a load and
// not a system call, and a test can set what time it is. The zero Clock stands
// at the Unix epoch.
type Clock struct{ now atomic.Int64 }

// Now returns the moment last set.
func (c *Clock) Now() Tick { return Tick(c.now.Load()) }

// Set moves the clock to t. A clock that drives expiry must not run backwards.
func (c *Clock) Set(t Tick) { c.now.Store(int64(t)) }
