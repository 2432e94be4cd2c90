package main

import "os"

// reloadSignals is empty: Windows has no signal that could mean it.
var reloadSignals []os.Signal
