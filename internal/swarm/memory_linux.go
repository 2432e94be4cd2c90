//go:build linux && !race

package swarm

import (
	"syscall"
)

// onHeap says which of the two seams is built.
const onHeap = false

// mapSegment returns a segment outside the Go heap, or nil. Only pages that
// were written to are resident.
func mapSegment() segment {
	const noReserve = 0x4000 // MAP_NORESERVE, not a constant of every architecture's syscall
	b, err := syscall.Mmap(-1, 0, segmentBytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON|noReserve)
	if err != nil {
		return nil
	}
	return segment(b)
}

// hugePages asks for pages of 2 MiB. A system that has none to give, or does
// not want to, does as before.
func hugePages(b []byte) {
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE)
}

// discard returns the pages of b to the system: b is all zeroes then.
func discard(b []byte) {
	if syscall.Madvise(b, syscall.MADV_DONTNEED) != nil {
		clear(b)
	}
}
