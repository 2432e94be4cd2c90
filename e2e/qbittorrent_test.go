//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const qbittorrentURL = "http://127.0.0.1:8080/api/v2/"

// qbittorrentSettings is filled in with the directory of the data.
const qbittorrentSettings = `[BitTorrent]
Session\BTProtocol=TCP
Session\DHTEnabled=false
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\Port=6881
Session\QueueingSystemEnabled=false
Session\ValidateHTTPSTrackerCertificate=true
Session\DefaultSavePath=%s

[LegalNotice]
Accepted=true

[Network]
PortForwardingEnabled=false

[Preferences]
WebUI\Address=127.0.0.1
WebUI\LocalHostAuth=false
WebUI\Port=8080
`

type qbittorrentClient struct {
	proc *process
	http *http.Client
}

func startQbittorrent(t *testing.T, h *host, j job) client {
	t.Helper()
	profile := t.TempDir()
	config := filepath.Join(profile, "qBittorrent", "config")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf(qbittorrentSettings, j.dir)
	if err := os.WriteFile(filepath.Join(config, "qBittorrent.conf"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &qbittorrentClient{http: h.httpClient()}
	var environment []string
	if j.trusted != "" {
		// libtorrent checks against OpenSSL's own store, which these two move.
		environment = []string{"SSL_CERT_FILE=" + j.trusted, "SSL_CERT_DIR=" + t.TempDir()}
	}
	c.proc = h.startWith(t, environment, "qbittorrent-nox", "--profile="+profile)
	await(t, 60*time.Second, func() error { return c.add(j.torrent) }, c.proc)
	return c
}

func (c *qbittorrentClient) process() *process { return c.proc }

func (c *qbittorrentClient) progress() (progress, error) {
	var torrents []struct{ Completed, Downloaded, Size int64 }
	if err := call(c.http, http.MethodGet, qbittorrentURL+"torrents/info", nil, nil, &torrents); err != nil {
		return progress{}, err
	}
	if len(torrents) != 1 {
		return progress{}, errNoTorrent
	}
	return progress{max(torrents[0].Completed, torrents[0].Downloaded), torrents[0].Size}, nil
}

func (c *qbittorrentClient) add(torrent []byte) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("torrents", "payload.torrent")
	if err != nil {
		return err
	}
	if _, err := file.Write(torrent); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	header := http.Header{"Content-Type": {form.FormDataContentType()}}
	return call(c.http, http.MethodPost, qbittorrentURL+"torrents/add", header, body.Bytes(), nil)
}
