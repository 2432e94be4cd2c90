//go:build linux

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

type aria2Client struct {
	proc *process
	http *http.Client
}

func startAria2(t *testing.T, h *host, j job) client {
	t.Helper()
	config := t.TempDir()
	torrent := filepath.Join(config, "payload.torrent")
	if err := os.WriteFile(torrent, j.torrent, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--no-conf",
		"--enable-rpc",
		"--rpc-listen-port=6800",
		"--listen-port=6881",
		"--bt-enable-lpd=false",
		"--enable-peer-exchange=false",
		"--enable-dht6=false",
		"--check-integrity=true",
		"--file-allocation=none",
		"--seed-ratio=0.0", // for ever
		"--show-console-readout=false",
		"--enable-color=false",
		"--console-log-level=info",
		"--dir=" + j.dir,
	}
	if j.trusted != "" {
		args = append(args, "--check-certificate=true", "--ca-certificate="+j.trusted)
	}
	if j.udp {
		// aria2 asks UDP trackers through its DHT socket. The one node that it is
		// told of does not exist, and a private torrent keeps out of DHT anyway.
		args = append(args,
			"--enable-dht=true",
			"--dht-listen-port=6882",
			"--dht-entry-point=10.77.0.253:6882",
			"--dht-file-path="+filepath.Join(config, "dht.dat"))
	} else {
		args = append(args, "--enable-dht=false")
	}
	c := &aria2Client{http: h.httpClient()}
	c.proc = h.start(t, "aria2c", append(args, torrent)...)
	await(t, 30*time.Second, func() error {
		_, err := c.progress()
		return err
	}, c.proc)
	return c
}

func (c *aria2Client) process() *process { return c.proc }

func (c *aria2Client) progress() (progress, error) {
	var reply struct {
		Result []struct{ CompletedLength, TotalLength string }
	}
	const body = `{"jsonrpc":"2.0","id":"e2e","method":"aria2.tellActive","params":[]}`
	if err := call(c.http, http.MethodPost, "http://127.0.0.1:6800/jsonrpc", nil, []byte(body), &reply); err != nil {
		return progress{}, err
	}
	if len(reply.Result) != 1 {
		return progress{}, errNoTorrent
	}
	complete, err := strconv.ParseInt(reply.Result[0].CompletedLength, 10, 64)
	if err != nil {
		return progress{}, err
	}
	total, err := strconv.ParseInt(reply.Result[0].TotalLength, 10, 64)
	return progress{complete, total}, err
}
