package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"shoal": main})
}

func TestScript(t *testing.T) { runScripts(t, "testdata/script") }

// commands are what scripts may use beside those of testscript.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"await": await,
	"exits": exits,
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true, Cmds: commands})
}

// await FILE REGEXP [VARIABLE...] waits until the file has a match, and puts
// its groups into variables.
func await(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await FILE REGEXP [VARIABLE...]")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	name := ts.MkAbs(args[0])
	var text []byte
	for range 1000 {
		text, _ = os.ReadFile(name) // it may not be there yet
		if match := pattern.FindSubmatch(text); match != nil {
			for i, variable := range args[2:] {
				ts.Setenv(variable, string(match[i+1]))
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("no match for %q in %s:\n%s", args[1], args[0], text)
}

// exits CODE PROGRAM [ARGUMENT...] runs a program that must end with the code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT...]")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}
