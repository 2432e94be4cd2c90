package swarm

import (
	"time"

	"github.com/shoal-tracker/shoal"
)

// times turns moments into the seven bits that a peer's time takes: a count of
// units modulo 128. A peer times out after at most 100 of them, and is swept
// before 120 have gone by, so an age is never mistaken for a small one.
type times struct {
	timeout time.Duration
	unit    int64 // milliseconds
	most    uint8 // age in units that a peer may reach
}

const timeMask = 1<<7 - 1

func makeTimes(timeout time.Duration) times {
	ms := max(1, timeout.Milliseconds())
	unit := max(1000, (ms+99)/100)
	return times{timeout: timeout, unit: unit, most: uint8((ms + unit - 1) / unit)}
}

// of returns now as a peer's time byte.
func (t *times) of(now shoal.Tick) uint8 { return uint8(int64(now)/t.unit) & timeMask }

// gone reports whether a peer last seen then has timed out.
func (t *times) gone(then, now uint8) bool { return (now-then)&timeMask > t.most }
