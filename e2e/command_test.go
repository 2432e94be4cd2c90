//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// exited is what a program that has ended left behind.
type exited struct {
	stdout, stderr string
	code           int
}

// commandTimeout bounds programs that end by themselves.
const commandTimeout = 2 * time.Minute

// run runs a program on the host to its end.
func (h *host) run(t *testing.T, stdin io.Reader, name string, args ...string) exited {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := h.command(ctx, t.TempDir(), name, args...)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("running %s %q: %v\n%s%s", name, args, err, stdout.String(), stderr.String())
	}
	return exited{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// command is a program on the host, in a directory of its own and with nothing
// of the caller's environment.
func (h *host) command(ctx context.Context, home, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.namespace, name}, args...)...)
	cmd.Dir = home
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8"}
	return cmd
}

// offline runs a command of Shoal's on its database. It must succeed.
func (s *shoal) offline(t *testing.T, args ...string) string {
	t.Helper()
	r := s.tryOffline(t, args...)
	if r.code != 0 {
		t.Fatalf("shoal %q exited with %d:\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

func (s *shoal) tryOffline(t *testing.T, args ...string) exited {
	t.Helper()
	r := s.host.run(t, nil, shoalBinary, append(args, "--offline", "-c", s.file)...)
	if strings.Contains(r.stdout+r.stderr, databasePassword) {
		t.Errorf("shoal %q tells the password of the database:\n%s%s", args, r.stdout, r.stderr)
	}
	return r
}

// logLine is what Shoal logs when it does not write to a terminal. attrs has
// everything, level and msg too.
type logLine struct {
	level, message string
	attrs          map[string]any
	text           string
}

// lines has what Shoal has logged, in order. What is no JSON is of a command
// that failed.
func (s *shoal) lines(t *testing.T) []logLine {
	t.Helper()
	words, err := os.ReadFile(s.proc.log)
	if err != nil {
		t.Fatal(err)
	}
	var lines []logLine
	for text := range strings.Lines(string(words)) {
		line := logLine{text: strings.TrimSpace(text)}
		if json.Unmarshal([]byte(text), &line.attrs) == nil {
			line.level, _ = line.attrs["level"].(string)
			line.message, _ = line.attrs["msg"].(string)
		}
		lines = append(lines, line)
	}
	return lines
}

// logged returns the lines of a level that have all of the words, whatever
// their case. Level "" is any.
func (s *shoal) logged(t *testing.T, level string, words ...string) []logLine {
	t.Helper()
	var found []logLine
	for _, line := range s.lines(t) {
		lower := strings.ToLower(line.text)
		if (level == "" || line.level == level) && containsAll(lower, words) {
			found = append(found, line)
		}
	}
	return found
}

// keepsSecret fails if Shoal has printed any of these words.
func (s *shoal) keepsSecret(t *testing.T, secrets ...string) {
	t.Helper()
	words, err := os.ReadFile(s.proc.log)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if strings.Contains(string(words), secret) {
			t.Errorf("Shoal has printed %q, which is a secret", secret)
		}
	}
}
