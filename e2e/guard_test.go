//go:build linux

package e2e

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// guardScript waits for the end of its input, which comes however the tests
// end, then kills what is left in the namespaces of this run and removes them.
const guardScript = `
cat >/dev/null
for namespace in $(ip netns list | cut -d' ' -f1); do
	case $namespace in
	"$1"*)
		for pid in $(ip netns pids "$namespace"); do kill -9 "$pid"; done
		ip netns del "$namespace"
		;;
	esac
done`

// guard is a process that outlives the tests, so that not even a panic or a
// timeout leaves a client running.
type guard struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

func startGuard() (*guard, error) {
	cmd := exec.Command("sh", "-c", guardScript, "guard", namespacePrefix)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is for the tests alone
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	return &guard{cmd: cmd, stdin: stdin}, nil
}

func (g *guard) close() error {
	g.stdin.Close()
	return g.cmd.Wait()
}
