//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// gotorrentClient is the program in the directory gotorrent. It says what it
// holds on its output, a line at a time.
type gotorrentClient struct{ proc *process }

func startGotorrent(t *testing.T, h *host, j job) client {
	t.Helper()
	torrent := filepath.Join(t.TempDir(), "payload.torrent")
	if err := os.WriteFile(torrent, j.torrent, 0o600); err != nil {
		t.Fatal(err)
	}
	var environment []string
	if j.trusted != "" {
		environment = append(environment, "SSL_CERT_FILE="+j.trusted)
	}
	c := gotorrentClient{h.startWith(t, environment, gotorrentBinary,
		"-torrent", torrent, "-dir", j.dir, fmt.Sprintf("-web=%t", j.web))}
	await(t, 30*time.Second, func() error {
		_, err := c.progress()
		return err
	}, c.proc)
	return c
}

func (c gotorrentClient) process() *process { return c.proc }

// progress is the last whole line that has the form; the library's log lines
// stand between them.
func (c gotorrentClient) progress() (progress, error) {
	output, err := os.ReadFile(c.proc.log)
	if err != nil {
		return progress{}, err
	}
	lines := bytes.Split(output, []byte{'\n'})
	for i := len(lines) - 2; i >= 0; i-- {
		var p progress
		if n, err := fmt.Sscanf(string(lines[i]), "%d %d", &p.complete, &p.total); n == 2 && err == nil {
			return p, nil
		}
	}
	return progress{}, errNoTorrent
}
