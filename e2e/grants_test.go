//go:build linux

package e2e

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	grantedKeys = 10_000
	fewestKills = 3 // of the command
)

// newKeys are such as Shoal draws.
func newKeys(n int) []string {
	const characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	keys := make([]string, n)
	for i := range keys {
		b := make([]byte, 32)
		rand.Read(b)
		for k := range b {
			b[k] = characters[int(b[k])%len(characters)]
		}
		keys[i] = string(b)
	}
	return keys
}

// granting is a command that grants the keys which it is told one after the
// other. What it prints it has promised to keep.
type granting struct {
	cmd    *exec.Cmd
	stderr strings.Builder
	ended  chan struct{}

	mu       sync.Mutex
	promised []string
	enough   int
	reached  chan struct{} // closed when so many are promised, or the command has ended
}

// grant starts the command. reached tells when enough keys are promised.
func (s *shoal) grant(t *testing.T, keys []string, enough int) *granting {
	t.Helper()
	g := &granting{ended: make(chan struct{}), enough: enough, reached: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	g.cmd = s.host.command(ctx, t.TempDir(), shoalBinary, "key", "add", "--offline", "-c", s.file, "-")
	g.cmd.Stderr = &g.stderr
	g.cmd.Stdin = strings.NewReader(strings.Join(keys, "\n") + "\n")
	read, written := io.Pipe()
	g.cmd.Stdout = written
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { g.read(read) })
	go func() {
		g.cmd.Wait() // when all is read that it printed
		written.Close()
		reading.Wait()
		cancel()
		close(g.ended)
	}()
	t.Cleanup(func() {
		g.cmd.Process.Kill()
		<-g.ended
	})
	return g
}

// read takes whole lines: half a one is no promise.
func (g *granting) read(output io.Reader) {
	reached := false
	for r := bufio.NewReader(output); ; {
		line, err := r.ReadString('\n')
		if err == nil {
			g.mu.Lock()
			g.promised = append(g.promised, strings.TrimSpace(line))
			enough := len(g.promised) >= g.enough
			g.mu.Unlock()
			if !enough {
				continue
			}
		}
		if !reached {
			close(g.reached)
			reached = true
		}
		if err != nil {
			return
		}
	}
}

// end waits for the command.
func (g *granting) end(t *testing.T) (promised []string, success bool) {
	t.Helper()
	select {
	case <-g.ended:
	case <-time.After(commandTimeout):
		t.Fatal("the command that grants keys does not end")
	}
	if strings.Contains(g.stderr.String(), databasePassword) {
		t.Errorf("it tells the password of the database: %s", g.stderr.String())
	}
	return g.promised, g.cmd.ProcessState.Success()
}

// keys has those of the list that Shoal's database holds. The form in which
// they are listed is the commands' own tests' business.
func (s *shoal) keys(t *testing.T) map[string]bool {
	t.Helper()
	held := map[string]bool{}
	for _, word := range strings.FieldsFunc(s.offline(t, "key", "list"), func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		if len(word) == 32 {
			held[word] = true
		}
	}
	return held
}

// ledger is which keys there are, and which were promised.
type ledger struct {
	all      []string
	promised map[string]bool
	kept     int // promised ones that were looked up after a kill, in all
	surplus  int // found without a promise, in all
}

// check fails if a promise was broken, and returns the keys still to grant.
func (l *ledger) check(t *testing.T, s *shoal, when string) (rest []string) {
	t.Helper()
	held := s.keys(t)
	known := map[string]bool{}
	lost := 0
	for _, key := range l.all {
		known[key] = true
		switch {
		case l.promised[key] && !held[key]:
			lost++
		case l.promised[key]:
			l.kept++
		case held[key]:
			l.surplus++
			rest = append(rest, key)
		default:
			rest = append(rest, key)
		}
	}
	if lost != 0 {
		t.Fatalf("%s: %d of %d promised keys are lost", when, lost, len(l.promised))
	}
	for key := range held {
		if !known[key] {
			t.Fatalf("%s: there is a key that nobody granted: %s", when, key)
		}
	}
	return rest
}

func (l *ledger) note(promised []string) {
	for _, key := range promised {
		l.promised[key] = true
	}
}

// TestGrantsSurviveKills grants 10,000 keys on each database, and kills the
// command that does so again and again. Each key that it promised is there
// afterwards, and those are granted again that were not promised.
func TestGrantsSurviveKills(t *testing.T) {
	t.Parallel()
	for _, e := range databaseEngines {
		t.Run(e.driver, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			_, settings := storing(t, net, e)
			s := newShoal(t, net.host(t, "shoal"), settings, "")
			l := &ledger{all: newKeys(grantedKeys), promised: map[string]bool{}}
			kills := 0
			for rest := l.all; len(rest) > 0; {
				enough := len(rest) + 1
				if kills < 2*fewestKills {
					enough = 1 + mathrand.IntN(grantedKeys/(2*fewestKills))
				}
				g := s.grant(t, rest, enough)
				<-g.reached
				time.Sleep(time.Duration(mathrand.IntN(20)) * time.Millisecond)
				g.cmd.Process.Kill()
				promised, _ := g.end(t)
				l.note(promised)
				if len(promised) == 0 {
					t.Fatalf("no key was granted: %s", g.stderr.String())
				}
				if len(promised) < len(rest) {
					kills++
				}
				rest = l.check(t, s, fmt.Sprintf("after %d kills", kills))
			}
			if held := len(s.keys(t)); held != grantedKeys || kills < fewestKills {
				t.Errorf("%d keys after %d kills, want %d after %d or more", held, kills, grantedKeys, fewestKills)
			}
			t.Logf("%s: %d keys granted while the command was killed %d times; %d times a promised key was looked up after a kill, 0 were lost; %d were stored and not promised yet",
				e.name, grantedKeys, kills, l.kept, l.surplus)
		})
	}
}

// TestGrantsSurviveServerKills kills the database's server while 10,000 keys
// are granted, and again.
func TestGrantsSurviveServerKills(t *testing.T) {
	t.Parallel()
	for _, e := range databaseServers {
		t.Run(e.driver, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			d, settings := storing(t, net, e)
			s := newShoal(t, net.host(t, "shoal"), settings, "")
			l := &ledger{all: newKeys(grantedKeys), promised: map[string]bool{}}
			kills := 0
			rest := l.all
			for kills < fewestKills && len(rest) > 0 {
				g := s.grant(t, rest, 1+mathrand.IntN(grantedKeys/(2*fewestKills)))
				<-g.reached
				time.Sleep(time.Duration(mathrand.IntN(50)) * time.Millisecond)
				d.kill(t)
				promised, success := g.end(t)
				l.note(promised)
				if len(promised) == 0 {
					t.Fatalf("no key was granted: %s", g.stderr.String())
				}
				if success != (len(promised) == len(rest)) {
					t.Errorf("%d of %d keys were promised, and the command ended with %v:\n%s",
						len(promised), len(rest), g.cmd.ProcessState, g.stderr.String())
				}
				if !success {
					if kills == 0 {
						t.Logf("without its server the command says: %s", strings.TrimSpace(g.stderr.String()))
					}
					kills++
				}
				d.start(t)
				rest = l.check(t, s, fmt.Sprintf("after %d kills", kills))
			}
			if len(rest) > 0 {
				g := s.grant(t, rest, len(rest))
				promised, success := g.end(t)
				if l.note(promised); !success {
					t.Errorf("the last of the keys: %v\n%s", g.cmd.ProcessState, g.stderr.String())
				}
				rest = l.check(t, s, "in the end")
			}
			if held := len(s.keys(t)); held != grantedKeys || len(rest) != 0 || kills < fewestKills {
				t.Errorf("%d keys after %d kills of the server, want %d after %d", held, kills, grantedKeys, fewestKills)
			}
			t.Logf("%s: %d keys granted while the server was killed %d times; %d times a promised key was looked up after a kill, 0 were lost; %d were stored and not promised yet",
				e.name, grantedKeys, kills, l.kept, l.surplus)
		})
	}
}

// awaitExit waits until Shoal has ended by itself.
func (s *shoal) awaitExit(t *testing.T, timeout time.Duration) int {
	t.Helper()
	await(t, timeout, func() error {
		if !s.proc.ended() {
			return errors.New("Shoal goes on running")
		}
		return nil
	})
	return s.proc.cmd.ProcessState.ExitCode()
}
