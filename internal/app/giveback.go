package app

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The collector keeps the memory of a peak for minutes, since it expects the
// next one. A tracker that was flooded has no use for it, and its neighbours on
// the machine do. To collect costs about a millisecond of CPU a MiB, so a large
// heap is looked at less often: a core is kept busy for a few thousandths of its
// time, and a tracker at rest for none.
const (
	giveBackEvery  = 10 * time.Second // a small heap, and at most
	giveBackMiB    = 300 * time.Millisecond
	giveBackAtMost = 2 * time.Minute // then Go does it by itself
	sparedHeap     = 1 << 20         // growth that is not worth it
)

// giveBack returns memory to the system after a peak, of which the start is one,
// until ctx ends.
func giveBack(ctx context.Context) {
	debug.FreeOSMemory()
	giveBackAt(ctx, giveBackEvery, goMemory())
}

// giveBackAt looks every so often whether more is held than there has been at
// the least, which is least so far.
func giveBackAt(ctx context.Context, every time.Duration, least uint64) {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if goMemory() > least+least/16+sparedHeap {
			runtime.GC() // what pools hold goes with the second one
			debug.FreeOSMemory()
		}
		now := goMemory()
		least = min(least, now)
		timer.Reset(min(max(every, time.Duration(now>>20)*giveBackMiB), giveBackAtMost))
	}
}

// goMemory returns the bytes that the Go runtime has of the system and has not
// returned.
func goMemory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
