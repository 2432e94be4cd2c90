//go:build (amd64 || arm64) && !race

package swarm

import "unsafe"

// prefetches says whether a batch is walked through first. Not in race builds:
// the walk reads what others write, and trusts none of it.
const prefetches = true

// prefetchLines has memory fetch n cache lines from p on, at least one.
//
//go:noescape
func prefetchLines(p unsafe.Pointer, n uint)
