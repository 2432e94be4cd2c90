//go:build amd64 || arm64

package streamio

import (
	"math/bits"

	"github.com/shoal-tracker/shoal"
)

const (
	wheelStep  = 64   // milliseconds of a bucket
	wheelCount = 1024 // buckets: a little over a minute in all
)

// wheel has the connections that something is to happen to later, in buckets by
// the time. A connection stands where its alarm was when it was put there: one
// that is moved later costs nothing until the old time comes, which is when it
// is put where it belongs now. What lies beyond the last bucket waits in that
// one.
type wheel struct {
	at     int64 // the step that was visited last
	count  int
	heads  [wheelCount]*socket
	filled [wheelCount / 64]uint64 // buckets that are not empty
}

// set puts s where the alarm at is, away from where it was.
func (w *wheel) set(s *socket, at shoal.Tick) {
	w.remove(s)
	step := (int64(at) + wheelStep - 1) / wheelStep
	step = min(max(step, w.at+1), w.at+wheelCount)
	bucket := step % wheelCount
	s.armed, s.bucket = at, uint16(bucket)
	if s.next = w.heads[bucket]; s.next != nil {
		s.next.prev = s
	}
	w.heads[bucket] = s
	w.filled[bucket/64] |= 1 << (bucket % 64)
	w.count++
}

func (w *wheel) remove(s *socket) {
	if s.armed == 0 {
		return
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else if w.heads[s.bucket] = s.next; s.next == nil {
		w.filled[s.bucket/64] &^= 1 << (s.bucket % 64)
	}
	s.next, s.prev, s.armed = nil, nil, 0
	w.count--
}

// turn takes off what stands in the buckets up to now, and appends it to rung.
func (w *wheel) turn(now shoal.Tick, rung []*socket) []*socket {
	to := int64(now) / wheelStep
	if to <= w.at {
		return rung
	}
	from := max(w.at+1, to-wheelCount+1)
	w.at = to
	if w.count == 0 {
		return rung
	}
	for step := from; step <= to; step++ {
		for s := w.heads[step%wheelCount]; s != nil; s = w.heads[step%wheelCount] {
			w.remove(s)
			rung = append(rung, s)
		}
	}
	return rung
}

// next returns when the first bucket is due that is not empty. There must be
// one.
func (w *wheel) next() shoal.Tick {
	first := (w.at + 1) % wheelCount
	for i := int64(0); i <= wheelCount/64; i++ {
		word := (first/64 + i) % (wheelCount / 64)
		filled := w.filled[word]
		switch i {
		case 0:
			filled &= ^uint64(0) << (first % 64)
		case wheelCount / 64:
			filled &= 1<<(first%64) - 1
		}
		if filled != 0 {
			bucket := word*64 + int64(bits.TrailingZeros64(filled))
			ahead := (bucket - first + wheelCount) % wheelCount
			return shoal.Tick((w.at + 1 + ahead) * wheelStep)
		}
	}
	return shoal.Tick((w.at + wheelCount) * wheelStep)
}
