//go:build (amd64 || arm64) && !race

package swarm

import "unsafe"

// prefetches says whether a batch is walked through first. Not in race builds:
// the walk reads what others write, and trusts none of it.
const prefetches = true

// prefetchLine has memory fetch the cache line at p.
//
//go:noescape
func prefetchLine(p unsafe.Pointer)
