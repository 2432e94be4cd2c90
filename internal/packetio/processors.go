package packetio

import (
	"runtime"
	"sync"
)

// A worker that naps keeps its processor, as the Go runtime calls the right to
// run Go code: to give it back and take it again would wake the runtime's own
// threads around every nap, which measured a tenth of a busy tracker's CPU. So
// that naps take nothing from other goroutines, each worker that naps brings a
// processor along. The cores themselves are shared out by the kernel.
//
// The price: to stop all goroutines the collector waits some tenths of a
// millisecond more, and Go no longer follows a CPU limit of a control group
// that changes while it runs.
var processors struct {
	sync.Mutex
	brought int
}

// bringProcessors changes how many processors there are by n.
func bringProcessors(n int) {
	if n == 0 {
		return
	}
	processors.Lock()
	defer processors.Unlock()
	processors.brought += n
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}

// cores returns how many processors there are without those brought along.
func cores() int {
	processors.Lock()
	defer processors.Unlock()
	return runtime.GOMAXPROCS(0) - processors.brought
}
