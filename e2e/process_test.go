//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a program running on a host.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string        // file of what it prints
	done chan struct{} // closed when it has ended
}

// start runs a program on the host. It is ended with the test at the latest,
// and what it printed is shown if the test failed.
func (h *host) start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return h.startWith(t, nil, name, args...)
}

// startWith is start with more variables in the program's environment.
func (h *host) startWith(t *testing.T, environment []string, name string, args ...string) *process {
	t.Helper()
	home := t.TempDir()
	p := &process{
		name: filepath.Base(name),
		log:  filepath.Join(home, "output"),
		done: make(chan struct{}),
	}
	output, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", h.namespace, name}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.Dir = home
	// Nothing of the caller's: proxies and settings would change what a client does.
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8"}, environment...)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s on %s, %v:\n%s", p.name, h.namespace, p.cmd.ProcessState, p.words())
		}
	})
	return p
}

// stop asks the process to end, makes it after 10 seconds, and waits for it.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// words is what the process printed, without the middle if it is long.
func (p *process) words() []byte {
	const most = 8 << 10 // at either end
	words, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	if len(words) <= 2*most {
		return words
	}
	return fmt.Appendf(nil, "%s\n[… %d bytes …]\n%s", words[:most], len(words)-2*most, words[len(words)-most:])
}

// await calls check until it returns nil. After the timeout, or once one of
// the processes has ended, its last error fails the test.
func await(t *testing.T, timeout time.Duration, check func() error, needed ...*process) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := check()
		if err == nil {
			return
		}
		for _, p := range needed {
			if p.ended() {
				t.Fatalf("%s has ended (%v) while waiting: %v", p.name, p.cmd.ProcessState, err)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %v: %v", timeout, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
