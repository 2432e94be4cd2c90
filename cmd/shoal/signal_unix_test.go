//go:build unix

package main

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestUnixScript runs the scripts that send signals.
func TestUnixScript(t *testing.T) { runScripts(t, "testdata/script/unix") }

func init() { commands["signal"] = sendSignal }

var signals = map[string]os.Signal{
	"HUP":  syscall.SIGHUP,
	"INT":  os.Interrupt,
	"TERM": syscall.SIGTERM,
	"USR1": syscall.SIGUSR1,
}

// signal NAME... sends signals, one right after the other, to every program in
// the background.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 || slices.ContainsFunc(args, func(name string) bool { return signals[name] == nil }) {
		ts.Fatalf("usage: signal INT|TERM|HUP|USR1...")
	}
	for _, cmd := range ts.BackgroundCmds() {
		for i, name := range args {
			err := cmd.Process.Signal(signals[name])
			if i == 0 || !errors.Is(err, os.ErrProcessDone) { // the first may have ended it
				ts.Check(err)
			}
		}
	}
}
