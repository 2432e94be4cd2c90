//go:build !linux || race

package swarm

// onHeap says which of the two seams is built. The race detector sees nothing
// outside the Go heap, which is why race builds use this one.
const onHeap = true

// spareRegions are always there: Go ends the process when memory does.
const spareRegions = 1

// mapSegment returns a segment of the Go heap. It holds no pointers, so the
// garbage collector does not look into it.
func mapSegment() segment { return new([segmentBytes]byte) }

// discard leaves b as fresh memory is.
func discard(b []byte) { clear(b) }

// hugePages leaves the pages of the Go heap to the runtime.
func hugePages([]byte) {}

// collapse leaves them there too.
func collapse([]byte) {}
