//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// peerPage is a WebTorrent peer for a browser.
//
//go:embed testdata/peer.html
var peerPage []byte

// A message to the browser of more than a MiB would be its end: chromedp cuts
// it into frames, which Chromium does not take.
const evaluated = 255 << 10 // bytes of data at once; a multiple of 3

// chromiumClient is a headless Chromium, with a profile of its own, that shows
// peerPage.
type chromiumClient struct {
	proc   *process
	tab    context.Context
	size   int64
	dir    string // where received data goes
	stored bool
}

// pageState is what the page shows of itself.
type pageState struct {
	Connected, Lost, Replies, Offers, Answers, Channels int
	Received, Stored                                    int64
	Strange                                             []string
}

func startChromium(t *testing.T, h *host, j job) client {
	t.Helper()
	c := &chromiumClient{size: payloadSize, dir: j.dir}
	data, err := os.ReadFile(filepath.Join(j.dir, payloadName))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	c.stored = err == nil
	c.open(t, h, j.trusted)
	if _, err := do(c, chromedp.Navigate(h.site(t))); err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		n := min(evaluated, len(data))
		c.call(t, "provide(%q)", base64.StdEncoding.EncodeToString(data[:n]))
		data = data[n:]
	}
	c.call(t, `begin(%q, "%x", %d)`, j.announce, j.infoHash, c.size)
	return c
}

// open starts the browser and a tab of it.
func (c *chromiumClient) open(t *testing.T, h *host, trusted string) {
	t.Helper()
	// It leaves its children to end by themselves, and they may write until
	// then.
	profile, err := os.MkdirTemp("", "shoal-e2e-profile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	args := []string{
		"--headless",
		"--no-sandbox", // it is run by root
		"--disable-gpu",
		"--disable-dev-shm-usage",
		"--user-data-dir=" + profile,
		"--remote-debugging-port=0",
		"--no-first-run",
		"--no-default-browser-check",
		"--no-proxy-server",
		"--disable-background-networking",
		"--disable-background-timer-throttling",
		"--disable-backgrounding-occluded-windows",
		"--disable-breakpad",
		"--disable-component-update",
		"--disable-default-apps",
		"--disable-extensions",
		"--disable-renderer-backgrounding",
		"--disable-sync",
		"--mute-audio",
		// Addresses go to the other side as they are, not as names that only
		// multicast DNS knows.
		"--disable-features=WebRtcHideLocalIpsWithMdns",
		"--allow-loopback-in-peer-connection",
	}
	if trusted != "" {
		args = append(args, "--ignore-certificate-errors-spki-list="+publicKeyHash(t, trusted))
	}
	c.proc = h.startWith(t, []string{"HOME=" + profile}, "chromium", append(args, "about:blank")...)
	t.Cleanup(func() {
		c.proc.stop()
		h.clear(t)
	})

	var port, path string
	await(t, time.Minute, func() error {
		words, err := os.ReadFile(c.proc.log)
		if err != nil {
			return err
		}
		found := debuggerURL.FindSubmatch(words)
		if found == nil {
			return fmt.Errorf("Chromium does not say where its debugger listens")
		}
		port, path = string(found[1]), string(found[2])
		return nil
	}, c.proc)
	door := startRelay(t, 0, func() (net.Conn, error) {
		return h.dial(context.Background(), "tcp", "127.0.0.1:"+port)
	})
	ctx, cancel := remote.NewAllocator(context.Background(), "ws://"+door.socket.Addr().String()+path, remote.NoModifyURL)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {
		// Chromium is newer than the protocol that chromedp knows.
	}))
	t.Cleanup(cancel)
	c.tab = ctx
	if err := chromedp.Do(c.tab); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
}

var debuggerURL = regexp.MustCompile(`DevTools listening on ws://127\.0\.0\.1:([0-9]+)(/devtools/browser/\S+)`)

// publicKeyHash is how Chromium is told to take one key for good.
func publicKeyHash(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// clear ends every process on the host.
func (h *host) clear(t *testing.T) {
	t.Helper()
	await(t, 30*time.Second, func() error {
		pids, err := exec.Command("ip", "netns", "pids", h.namespace).Output()
		if err != nil || len(pids) == 0 {
			return err
		}
		exec.Command("kill", append([]string{"-9"}, strings.Fields(string(pids))...)...).Run()
		return fmt.Errorf("still on %s: %s", h.namespace, strings.Fields(string(pids)))
	})
}

// site is a web server on the host itself, whose only page is peerPage.
func (h *host) site(t *testing.T) string {
	t.Helper()
	if h.page == "" {
		listener := h.listen(t, 0)
		h.page = "http://" + listener.Addr().String()
		go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Write(peerPage)
		}))
	}
	return h.page
}

// do has the tab do something, and returns what it comes to.
func do[T any](c *chromiumClient, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(c.tab, 30*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		err = fmt.Errorf("Chromium: %w", err)
	}
	return value, err
}

// call calls a function of the page.
func (c *chromiumClient) call(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := do(c, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(format, args...))); err != nil {
		t.Fatal(err)
	}
}

func (c *chromiumClient) state() (pageState, error) {
	s, err := do(c, chromedp.Evaluate[pageState]("seen"))
	if err == nil && len(s.Strange) != 0 {
		err = fmt.Errorf("the page finds strange: %q", s.Strange)
	}
	return s, err
}

func (c *chromiumClient) process() *process { return c.proc }

// progress stores the data when it is there.
func (c *chromiumClient) progress() (progress, error) {
	s, err := c.state()
	if err != nil {
		return progress{}, err
	}
	if s.Stored == c.size && !c.stored {
		if err := c.store(); err != nil {
			return progress{}, err
		}
		c.stored = true
	}
	if s.Stored == c.size {
		return progress{c.size, c.size}, nil
	}
	return progress{min(s.Received, c.size-1), c.size}, nil
}

// store fetches the data from the page.
func (c *chromiumClient) store() error {
	file, err := os.Create(filepath.Join(c.dir, payloadName))
	if err != nil {
		return err
	}
	defer file.Close()
	for at := int64(0); at < c.size; at += evaluated {
		// The page makes a call with an argument for each byte of it, and
		// there is a limit to that.
		var parts []string
		const each = 48 << 10 // a multiple of 3
		for from := at; from < min(at+evaluated, c.size); from += each {
			parts = append(parts, fmt.Sprintf("take(%d, %d)", from, min(from+each, at+evaluated)))
		}
		text, err := do(c, chromedp.Evaluate[string](strings.Join(parts, " + ")))
		if err != nil {
			return err
		}
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("what the page received: %w", err)
		}
		if _, err := file.Write(data); err != nil {
			return err
		}
	}
	return nil
}
