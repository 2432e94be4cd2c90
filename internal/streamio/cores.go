package streamio

import "runtime"

// cores is how many processors the process was started with: later there is one
// more for each thread that keeps its own while it waits.
var cores = runtime.GOMAXPROCS(0)
