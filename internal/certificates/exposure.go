package certificates

import (
	"fmt"
	"log/slog"
	"runtime"
)

// exposure warns of a file of secrets that is open to every user, once for each
// change of it. That a group may read it is how several services share one.
type exposure struct{ warned stamp }

func (e *exposure) look(said, path string, now stamp, log *slog.Logger) {
	const everyone = 0o007
	mode := now.mode()
	if mode&everyone == 0 || runtime.GOOS == "windows" { // where the mode says nothing of who may
		e.warned = stamp{}
		return
	}
	if e.warned.same(now) && e.warned.mode() == mode {
		return
	}
	e.warned = now
	log.Warn(said, "file", path, "mode", fmt.Sprintf("%#o", mode))
}
