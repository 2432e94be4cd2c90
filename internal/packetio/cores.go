package packetio

import "runtime"

// cores is how many processors the process was started with: later there is one
// more for each worker that naps.
var cores = runtime.GOMAXPROCS(0)
