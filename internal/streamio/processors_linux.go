//go:build amd64 || arm64

package streamio

import "runtime"

// bringProcessors changes how many processors there are by n.
//
// A loop waits for a moment before it sleeps, and keeps its processor, as the
// Go runtime calls the right to run Go code, while it does: to give it back and
// take it again would wake the runtime's own threads around every wait. So that
// this takes nothing from other goroutines, each loop brings a processor along.
// The cores themselves are shared out by the kernel.
//
// Others bring processors too, and nothing but the number is shared: what was
// written over meanwhile is added again.
func bringProcessors(n int) {
	was := runtime.GOMAXPROCS(0)
	for want := was + n; ; {
		found := runtime.GOMAXPROCS(want)
		if found == was {
			return
		}
		was, want = want, want+found-was
	}
}
