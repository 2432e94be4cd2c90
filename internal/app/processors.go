package app

import (
	"runtime"
	"sync"

	"github.com/shoal-tracker/shoal/internal/config"
)

// processors is the Go runtime's number of processors, and the lock that it
// needs: to change it is not atomic.
var processors sync.Mutex

// bringProcessors gives the runtime a processor more for each thread that naps
// or waits in a system call without telling it, and returns what takes them
// away again. Such a thread keeps its processor, the right to run Go code, and
// other goroutines would have to wait for it; the cores are shared out by the
// kernel.
//
// The price: to stop all goroutines the collector waits some tenths of a
// millisecond more, and Go no longer follows a CPU limit of a control group
// that changes while it runs.
func bringProcessors(cfg *config.Config, loops int) (back func()) {
	n := loops
	for i := range cfg.UDP {
		n += cfg.UDP[i].Sockets() * len(cfg.UDP[i].Listen)
	}
	change(n)
	return func() { change(-n) }
}

func change(n int) {
	processors.Lock()
	defer processors.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}
