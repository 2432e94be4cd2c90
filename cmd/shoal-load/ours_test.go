package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestOurLine: what the bench says of a program is what the program was built
// from, wherever the working tree stands.
func TestOurLine(t *testing.T) {
	for _, tool := range []string{"bash", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s", tool)
		}
	}
	script, err := filepath.Abs("../../bench/ours.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// What git was told of another tree, by a hook perhaps, must not reach this one.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
	env = append(env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
		"CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	do := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	line := func(program string) string {
		t.Helper()
		return do("bash", "-euc", `house=.; source "$1"; our_line "$2"`, "bash", script, program)
	}
	write("go.mod", "module example.org/m\n\ngo 1.24\n")
	write("main.go", "package main\n\nfunc main() {}\n")
	write(".gitignore", "/built*\n")
	do("git", "init", "-q")
	do("git", "add", ".")
	do("git", "commit", "-q", "-m", "one")
	commit := do("git", "rev-parse", "HEAD")
	do("go", "build", "-buildvcs=true", "-o", "built", ".")
	write("main.go", "package main\n\nfunc main() { println() }\n")
	do("go", "build", "-buildvcs=true", "-o", "built-dirty", ".")
	do("go", "build", "-buildvcs=false", "-o", "built-bare", ".")
	do("git", "commit", "-q", "-a", "-m", "two")
	for program, want := range map[string]string{
		"built":       "commit " + commit + ", " + runtime.Version(),
		"built-dirty": "commit " + commit + ", modified, " + runtime.Version(),
		"built-bare":  "commit unknown, " + runtime.Version(),
	} {
		if got := line("./" + program); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got, want := do("bash", "-euc", `house=.; source "$1"; tree_line`, "bash", script), "commit "+do("git", "rev-parse", "HEAD")+", "+runtime.Version(); got != want {
		t.Errorf("of the tree: %q, want %q", got, want)
	}
	write("text", "no program")
	if got := line("./text"); got != "not built by Go" {
		t.Errorf("of a text: %q", got)
	}
}
