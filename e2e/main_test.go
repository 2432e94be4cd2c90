//go:build linux

package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// What the tests run, set before the first of them.
var (
	workDir         string // removed after the last
	shoalBinary     string
	gotorrentBinary string
	webpeerBinary   string
)

// transfersRun counts the transfers that were begun, of transfersInAll: those
// of the tables, TestCrowd and TestOrigins.
var (
	transfersRun   atomic.Int32
	transfersInAll = len(transfers) + len(httpsTransfers) + len(webTransfers) + len(privateTransfers) + 2
)

// parallel is how many networks are up at once. Clients mostly wait for one
// another, so it may well be more than the cores.
const parallel = "6"

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run prints a count of the transfers as its last line: what cannot be run
// fails, it is never passed over.
func run(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", parallel); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := 1
	if done, err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	} else {
		code = m.Run()
		if err := done(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: removing the namespaces:", err)
			code = 1
		}
	}
	ran := int(transfersRun.Load())
	fmt.Printf("transfers: %d run, %d skipped\n", ran, transfersInAll-ran)
	return code
}

// prepare installs and builds what the tests run. done removes every trace of
// the run.
func prepare() (done func() error, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("network namespaces need root")
	}
	if err := installPackages(); err != nil {
		return nil, err
	}
	if workDir, err = os.MkdirTemp("", "shoal-e2e-"); err != nil {
		return nil, err
	}
	if err := build(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(workDir))
	}
	guard, err := startGuard()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(workDir))
	}
	return func() error { return errors.Join(guard.close(), os.RemoveAll(workDir)) }, nil
}

// build takes shoal from SHOAL_BIN or builds it.
func build() error {
	gotorrentBinary = filepath.Join(workDir, "gotorrent")
	webpeerBinary = filepath.Join(workDir, "webpeer")
	for _, program := range []string{gotorrentBinary, webpeerBinary} {
		if err := goBuild(".", program, "./"+filepath.Base(program)); err != nil {
			return err
		}
	}
	if path := os.Getenv("SHOAL_BIN"); path != "" {
		var err error
		if shoalBinary, err = filepath.Abs(path); err != nil {
			return err
		}
		if _, err := os.Stat(shoalBinary); err != nil {
			return fmt.Errorf("SHOAL_BIN: %w", err)
		}
		return nil
	}
	shoalBinary = filepath.Join(workDir, "shoal")
	return goBuild("..", shoalBinary, "./cmd/shoal")
}

func goBuild(dir, output, pkg string) error {
	cmd := exec.Command("go", "build", "-o", output, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}
