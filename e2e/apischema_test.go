//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Debian's Python, and what it needs to install packages.
const (
	systemPython  = "/usr/bin/python3"
	pythonModules = "/usr/lib/python3*/ensurepip"
)

// schemathesisFiles has the versions of all that is installed, and its settings.
const schemathesisFiles = "testdata/schemathesis"

// schemathesisProgram is a program that asks an API for everything that its
// OpenAPI allows and much that it does not, ready to run.
var schemathesisProgram = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(workDir, "schemathesis")
	for _, args := range [][]string{
		{systemPython, "-m", "venv", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join(schemathesisFiles, "requirements.txt")},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%q: %w\n%s", args, err, out)
		}
	}
	return filepath.Join(dir, "bin", "schemathesis"), nil
})

const (
	seedVariable        = "SHOAL_E2E_SEED" // of schemathesis, 1 if it is not set
	schemathesisTimeout = 5 * time.Minute
	// exampleHash is the info hash that the OpenAPI has as its example.
	exampleHash = "0123456789abcdef0123456789abcdef01234567"
)

// TestSchemathesis has the API of running trackers asked for everything that its
// OpenAPI allows, and much that it does not. Each answer must be what the OpenAPI
// says; none may be the tracker's own mistake.
func TestSchemathesis(t *testing.T) {
	for name, access := range map[string]string{
		"open":               "",
		"private and listed": "[access]\nprivate = true\nlisted = true\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schemathesis(t, access)
		})
	}
}

func schemathesis(t *testing.T, access string) {
	program, err := schemathesisProgram()
	if err != nil {
		t.Fatal(err)
	}
	net := newNetwork(t)
	h, asker := net.host(t, "shoal"), net.host(t, "asker")
	s := newShoal(t, h, access+apiSettings(h, ""), "")
	s.start(t)
	m := newManager(t, asker, s, adminToken)
	operations := everyOperation(t, m)

	// There is a torrent to be asked for, and again if it is removed.
	key, stop := newKeys(1)[0], make(chan struct{})
	var announcing sync.WaitGroup
	announcing.Go(func() {
		for {
			v, err := newVisitor(asker, s.listener(udp4), true)
			if err == nil {
				for _, path := range []string{"/key/" + key, "/whitelist/" + exampleHash} {
					_, err = m.do(http.MethodPut, path, nil)
				}
				for port := range uint16(5) {
					err = errors.Join(err, v.announce(visit{infoHash: hashOfText(t, exampleHash), peerID: randomID(), port: 6881 + port, left: uint64(port), key: key}))
				}
				v.conn.Close()
			}
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	base := fmt.Sprintf("http://%s", s.apiAddress())
	took := time.Now()
	r := runSchemathesis(t, asker, program, base+"/api/v1/openapi.json", "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "12")
	close(stop)
	announcing.Wait()
	_, closing, found := strings.Cut(r.stdout, " SUMMARY ")
	if r.code != 0 || !found {
		t.Errorf("schemathesis exited with %d:\n%s%s", r.code, shortLines(r.stdout), shortLines(r.stderr))
	}
	if !strings.Contains(r.stdout, fmt.Sprintf("Tested: %d\n", operations)) {
		t.Errorf("not all of the %d operations were tested:\n%s", operations, shortLines(r.stdout))
	}
	t.Logf("schemathesis in %v: %s", time.Since(took).Round(time.Second), closing)

	// The tracker does not mind.
	if _, err := m.do(http.MethodPut, "/key/"+key, nil); err != nil {
		t.Error(err)
	}
	infoHash := randomID()
	if _, err := m.do(http.MethodPut, fmt.Sprintf("/whitelist/%x", infoHash), nil); err != nil {
		t.Error(err)
	}
	for _, by := range []transport{udp4, http6} {
		v, err := newVisitor(asker, s.listener(by), by.scheme == "udp")
		if err != nil {
			t.Fatal(err)
		}
		defer v.conn.Close()
		if err := v.announce(visit{infoHash: infoHash, peerID: randomID(), port: 6881, left: 1, key: key}); err != nil {
			t.Errorf("an announce by %s afterwards: %v", by.name, err)
		}
	}
	for _, line := range s.logged(t, "ERROR") {
		t.Errorf("logged: %s", line.text)
	}

	// A promise that is not kept would be noticed.
	if access == "" {
		schemathesisNotices(t, m, asker, program, base)
	}
	s.keepsSecret(t, adminToken)
	s.stop(t)
}

// runSchemathesis runs it to its end. It can reach the tracker and nothing else.
// The check ignored_auth is left out: it tries wrong tokens, and those who do are
// slowed, so that the rest would not be looked at.
func runSchemathesis(t *testing.T, asker *host, program, schema string, args ...string) exited {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), schemathesisTimeout)
	defer cancel()
	home := t.TempDir()
	settings, err := os.ReadFile(filepath.Join(schemathesisFiles, "schemathesis.toml"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(home, "schemathesis.toml"), settings)
	cmd := asker.command(ctx, home, program, append([]string{
		"--no-color", "run", schema, "--header", "Authorization: Bearer " + adminToken, "--checks", "all", "--exclude-checks", "ignored_auth",
		"--continue-on-failure", "--generation-database", "none", "--request-timeout", "30", "--seed", orElse(os.Getenv(seedVariable), "1"),
	}, args...)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("schemathesis: %v\n%s%s", err, shortLines(stdout.String()), stderr.String())
	}
	return exited{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// everyOperation reads how many operations the OpenAPI has, and asks for each
// without a token, which only those let pass that say so.
func everyOperation(t *testing.T, m *manager) (n int) {
	t.Helper()
	var schema struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Security    []map[string][]string
		}
	}
	m.get(t, "/openapi.json", &schema)
	stranger := *m
	stranger.base, stranger.token = strings.TrimSuffix(m.base, "/api/v1"), ""
	watcher := stranger
	watcher.token = readToken
	admins := 0
	for path, methods := range schema.Paths {
		path = strings.NewReplacer("{key}", "0123456789abcdef", "{info_hash}", exampleHash).Replace(path)
		for method, op := range methods {
			n++
			method = strings.ToUpper(method)
			want := http.StatusUnauthorized
			if len(op.Security) == 0 {
				want = http.StatusOK
			}
			if a, err := stranger.try(method, path, nil); err != nil || a.status != want {
				t.Errorf("%s %s without a token: %v, %v, want %d", method, path, a, err, want)
			}
			if len(op.Security) == 0 || op.Security[0]["bearer"][0] != "admin" {
				continue
			}
			admins++
			if a, err := watcher.try(method, path, nil); err != nil || a.status != http.StatusForbidden {
				t.Errorf("%s %s with a token of scope read: %v, %v, want 403", method, path, a, err)
			}
		}
	}
	t.Logf("%d operations in the OpenAPI; none lets anyone in without a token but /api/health_check, and %d are for tokens of scope admin", n, admins)
	return n
}

// schemathesisNotices runs it with an OpenAPI that says otherwise than what is.
func schemathesisNotices(t *testing.T, m *manager, asker *host, program, base string) {
	t.Helper()
	text, err := m.do(http.MethodGet, "/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	build := schema["components"].(map[string]any)["schemas"].(map[string]any)["Build"].(map[string]any)
	build["properties"].(map[string]any)["version"] = map[string]any{"type": "integer"}
	if text, err = json.Marshal(schema); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "openapi.json")
	put(t, file, bytes.TrimSpace(text))
	r := runSchemathesis(t, asker, program, file, "--url", base, "--include-path", "/api/v1/build", "--phases", "fuzzing", "--max-examples", "2")
	if r.code == 0 || !strings.Contains(r.stdout, "Response violates schema") {
		t.Errorf("a field of another type than promised, and schemathesis exits with %d:\n%s", r.code, shortLines(r.stdout))
	}
}

// shortLines cuts long ones: it repeats what it was answered.
func shortLines(text string) string {
	const most = 1000
	var b strings.Builder
	for line := range strings.Lines(text) {
		if len(line) > most {
			line = line[:most] + "… " + strconv.Itoa(len(line)) + " bytes\n"
		}
		b.WriteString(line)
	}
	return b.String()
}
