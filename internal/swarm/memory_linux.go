//go:build linux && !race

package swarm

import (
	"syscall"
	"unsafe"
)

// onHeap says which of the two seams is built.
const onHeap = false

// spareRegions are always mapped and in nobody's use: one for each shard.
const spareRegions = shardCount

// mapSegment returns a segment outside the Go heap, or nil. Only pages that
// were written to are resident. It begins where a huge page can.
func mapSegment() segment {
	const (
		noReserve = 0x4000 // MAP_NORESERVE, not a constant of every architecture's syscall
		hugePage  = 2 << 20
	)
	b, err := syscall.Mmap(-1, 0, segmentBytes+hugePage, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON|noReserve)
	if err != nil {
		return nil
	}
	from := int(-uintptr(unsafe.Pointer(&b[0])) % hugePage)
	return segment(b[from:])
}

// hugePages asks for pages of 2 MiB. A system that has none to give, or does
// not want to, does as before.
func hugePages(b []byte) {
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE)
}

// collapse puts what is in b into pages of 2 MiB now, where the system can.
func collapse(b []byte) {
	const advice = 25 // MADV_COLLAPSE, of Linux 6.1, not a constant of syscall
	_ = syscall.Madvise(b, advice)
}

// discard returns the pages of b to the system: b is all zeroes then.
func discard(b []byte) {
	if syscall.Madvise(b, syscall.MADV_DONTNEED) != nil {
		clear(b)
	}
}
