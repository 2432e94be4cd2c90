//go:build linux

package e2e

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// npmFiles are a program that uses the JavaScript tracker's own client, and what
// it needs.
//
//go:embed testdata/npm
var npmFiles embed.FS

// npmProgram is where that program is ready to run, with what it needs beside
// it.
var npmProgram = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(workDir, "npm")
	files, err := fs.Sub(npmFiles, "testdata/npm")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, files); err != nil {
		return "", err
	}
	// What packages fetch or build when they are installed is left out: all
	// that is needed comes in packages.
	cmd := exec.Command("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w\n%s", err, out)
	}
	return filepath.Join(dir, "peer.mjs"), nil
})

// startNpmClient runs it. It says what it holds as gotorrent does.
func startNpmClient(t *testing.T, h *host, j job) client {
	t.Helper()
	program, err := npmProgram()
	if err != nil {
		t.Fatal(err)
	}
	var environment []string
	if j.trusted != "" {
		environment = append(environment, "NODE_EXTRA_CA_CERTS="+j.trusted)
	}
	return gotorrentClient{h.startWith(t, environment, "node", program,
		j.announce, fmt.Sprintf("%x", j.infoHash), fmt.Sprint(payloadSize), filepath.Join(j.dir, payloadName))}
}
