//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"
)

const trackerPort = 6969

// quickly makes clients announce as often as Shoal allows.
const quickly = `
[tracker]
interval = "10s"
min_interval = "10s"
peer_timeout = "2m"

[webtorrent]
interval = "10s"
`

// shoal is a Shoal that listens on both addresses of its host, UDP and HTTP.
type shoal struct {
	host *host
	dir  string // has data_dir, data, in it
	file string // its configuration
	proc *process
}

// startShoal starts Shoal with more settings than its listeners, and returns
// when it answers on all of them.
func startShoal(t *testing.T, h *host, settings string) *shoal {
	t.Helper()
	return startShoalWith(t, h, settings, "")
}

// startShoalWith adds keys to the [[http]] section, and maybe more sections
// behind it, and variables to the environment.
func startShoalWith(t *testing.T, h *host, settings, http string, environment ...string) *shoal {
	t.Helper()
	s := newShoal(t, h, settings, http)
	s.start(t, environment...)
	return s
}

// newShoal writes the configuration and does not start Shoal.
func newShoal(t *testing.T, h *host, settings, http string) *shoal {
	t.Helper()
	s := &shoal{host: h, dir: t.TempDir()}
	s.file = filepath.Join(s.dir, "shoal.toml")
	v4, v6 := s.address(h.v4), s.address(h.v6)
	put(t, s.file, fmt.Appendf(nil, "data_dir = %q\n%s\n[[udp]]\nlisten = [%q, %q]\n\n[[http]]\nlisten = [%q, %q]\n%s\n",
		filepath.Join(s.dir, "data"), settings, v4, v6, v4, v6, http))
	return s
}

// start returns when Shoal answers on all of its listeners. A private one
// answers that it wants a key.
func (s *shoal) start(t *testing.T, environment ...string) {
	t.Helper()
	s.proc = s.host.startWith(t, environment, shoalBinary, "serve", "-c", s.file)
	var unknown [20]byte
	await(t, 30*time.Second, func() error {
		var errs []error
		for _, addr := range []netip.Addr{s.host.v4, s.host.v6} {
			_, overHTTP := scrapeHTTP(s.host, s.address(addr), unknown)
			var refused *refusal
			if errors.As(overHTTP, &refused) {
				overHTTP = nil
			}
			_, overUDP := scrapeUDP(s.host, s.address(addr), unknown)
			errs = append(errs, overHTTP, overUDP)
		}
		return errors.Join(errs...)
	}, s.proc)
}

// stop ends Shoal as a service manager does, which it must take well.
func (s *shoal) stop(t *testing.T) {
	t.Helper()
	s.proc.stop()
	if code := s.proc.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("shoal was stopped and exited with %d (%v), want 0", code, s.proc.cmd.ProcessState)
	}
}

func (s *shoal) address(addr netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(addr, trackerPort)
}

// transport is a way to reach a tracker.
type transport struct {
	name   string
	scheme string
	v6     bool
}

var (
	http4  = transport{"http4", "http", false}
	http6  = transport{"http6", "http", true}
	https4 = transport{"https4", "https", false} // the same port as HTTP
	https6 = transport{"https6", "https", true}
	udp4   = transport{"udp4", "udp", false}
	udp6   = transport{"udp6", "udp", true}
	ws4    = transport{"ws4", "ws", false} // the same port as HTTP
	ws6    = transport{"ws6", "ws", true}
	wss4   = transport{"wss4", "wss", false}
	wss6   = transport{"wss6", "wss", true}
)

// web reports whether it is one that browsers use.
func (by transport) web() bool { return by.scheme == "ws" || by.scheme == "wss" }

// announceURL is what a .torrent names.
func (s *shoal) announceURL(by transport) string {
	return fmt.Sprintf("%s://%s/announce", by.scheme, s.listener(by))
}

// listener is the address that a transport goes to.
func (s *shoal) listener(by transport) netip.AddrPort {
	if by.v6 {
		return s.address(s.host.v6)
	}
	return s.address(s.host.v4)
}
