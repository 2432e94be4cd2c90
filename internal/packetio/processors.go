package packetio

import "runtime"

// A worker that naps keeps its processor, as the Go runtime calls the right to
// run Go code: to give it back and take it again would wake the runtime's own
// threads around every nap, which measured a tenth of a busy tracker's CPU. So
// that naps take nothing from other goroutines, each worker that naps brings a
// processor along. The cores themselves are shared out by the kernel.
//
// The price: to stop all goroutines the collector waits some tenths of a
// millisecond more, and Go no longer follows a CPU limit of a control group
// that changes while it runs.
//
// Others bring processors too, and nothing but the number is shared: what was
// written over meanwhile is added again.
func bringProcessors(n int) {
	if n == 0 {
		return
	}
	was := runtime.GOMAXPROCS(0)
	for want := was + n; ; {
		found := runtime.GOMAXPROCS(want)
		if found == was {
			return
		}
		was, want = want, want+found-was
	}
}

// cores is how many processors there are without those brought along.
var cores = runtime.GOMAXPROCS(0)
