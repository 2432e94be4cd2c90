//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const transmissionURL = "http://127.0.0.1:9091/transmission/rpc"

type transmissionClient struct {
	proc    *process
	http    *http.Client
	session string // token against cross-site requests, given with the first refusal
}

func startTransmission(t *testing.T, h *host, j job) client {
	t.Helper()
	config := t.TempDir()
	settings, err := json.Marshal(map[string]any{
		"dht-enabled":             false,
		"lpd-enabled":             false,
		"pex-enabled":             false,
		"utp-enabled":             false,
		"port-forwarding-enabled": false,
		"download-dir":            j.dir,
		"rename-partial-files":    false,
		"rpc-bind-address":        "127.0.0.1",
		"rpc-port":                9091,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "settings.json"), settings, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &transmissionClient{http: h.httpClient()}
	c.proc = h.start(t, "transmission-daemon", "--foreground", "--log-info", "--config-dir", config)
	await(t, 30*time.Second, func() error {
		return c.rpc("torrent-add", map[string]any{"metainfo": j.torrent}, nil)
	}, c.proc)
	return c
}

func (c *transmissionClient) process() *process { return c.proc }

func (c *transmissionClient) progress() (progress, error) {
	var reply struct {
		Torrents []struct {
			HaveValid, HaveUnchecked, TotalSize int64
		}
	}
	fields := map[string]any{"fields": []string{"haveValid", "haveUnchecked", "totalSize"}}
	if err := c.rpc("torrent-get", fields, &reply); err != nil {
		return progress{}, err
	}
	if len(reply.Torrents) != 1 {
		return progress{}, errNoTorrent
	}
	torrent := reply.Torrents[0]
	return progress{torrent.HaveValid + torrent.HaveUnchecked, torrent.TotalSize}, nil
}

func (c *transmissionClient) rpc(method string, arguments map[string]any, result any) error {
	body, err := json.Marshal(map[string]any{"method": method, "arguments": arguments})
	if err != nil {
		return err
	}
	var reply struct {
		Result    string
		Arguments json.RawMessage
	}
	header := http.Header{"X-Transmission-Session-Id": {c.session}}
	err = call(c.http, http.MethodPost, transmissionURL, header, body, &reply)
	var refused *statusError
	if errors.As(err, &refused) && refused.status == http.StatusConflict {
		c.session = refused.header.Get("X-Transmission-Session-Id")
		header.Set("X-Transmission-Session-Id", c.session)
		err = call(c.http, http.MethodPost, transmissionURL, header, body, &reply)
	}
	if err != nil {
		return err
	}
	if reply.Result != "success" {
		return fmt.Errorf("transmission's %s: %s", method, reply.Result)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(reply.Arguments, result)
}
