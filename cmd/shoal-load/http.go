package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/httpload"
)

func newHTTPCommand() *cobra.Command {
	return newCommand(transport{
		name:  "http",
		short: "Load a tracker over HTTP or HTTPS (BEP 3)",
		long: `Load a tracker over HTTP (BEP 3), with a connection for each request as most
clients have it, or, with --keep-alive, with connections that are kept. A target
of https://, or --tls, is loaded over TLS.

With --idle it announces once on each connection, holds all of them without
traffic for --duration, and announces once more, to see which are still open.

The exit code is 1 when an answer was wrong or an error.`,
		defaults: settings{
			target: "http://127.0.0.1:6969/announce", connections: 256, torrents: manyTorrents, seeders: mostSeeders,
			numWant: 50, timeout: 5 * time.Second,
		},
		usage: map[string]string{
			"target":      "`URL` of announces, or HOST:PORT",
			"connections": "connections, all workers together, each with one request at a time, or one handshake; requests of --rate R that find none free wait, and their latency counts the wait",
		},
		flags: func(cmd *cobra.Command, s *settings) {
			f := cmd.Flags()
			f.BoolVar(&s.keepAlive, "keep-alive", false, "keep connections; a connection stays at its source address")
			f.BoolVar(&s.idle, "idle", false, "announce once on each of --connections, hold them without traffic for --duration, and announce again on those that are still open")
			s.addTLS(f)
		},
		aim: func(s *settings, named origin) (string, loader, error) {
			hostPort, err := s.aimConnections(named, "http", "/announce")
			s.keepAlive = s.keepAlive || s.idle
			return hostPort, httpload.Run, err
		},
	})
}

// aimConnections takes the target apart, and checks and makes what every transport
// of connections has. A URL without a path gets one.
func (s *settings) aimConnections(named origin, scheme, path string) (hostPort string, err error) {
	if hostPort, err = s.aimURL(scheme, path); err != nil {
		return "", err
	}
	if err := errors.Join(s.checkIdle(named), s.checkTLS(named)); err != nil {
		return "", err
	}
	limit, known := mayOpen()
	if err := s.checkDescriptors(named, limit, known); err != nil {
		return "", err
	}
	if s.secure {
		s.tlsConfig, err = s.makeTLS(named)
	}
	return hostPort, err
}

// aimURL takes the target apart. The scheme with TLS is that without, and an s.
func (s *settings) aimURL(plain, path string) (hostPort string, err error) {
	text := s.target
	secure := plain + "s"
	scheme, port := plain, "80"
	if s.secure {
		scheme, port = secure, "443"
	}
	if !strings.Contains(text, "://") {
		text = scheme + "://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", usageError{fmt.Errorf("--target: %w", errors.Unwrap(err))}
	case s.secure && u.Scheme == plain:
		return "", usageError{fmt.Errorf("--target %q: the scheme must be %s, or --tls must not be given", s.target, secure)}
	case u.Scheme != plain && u.Scheme != secure:
		return "", usageError{fmt.Errorf("--target %q: the scheme must be %s or %s", s.target, plain, secure)}
	case u.Hostname() == "":
		return "", usageError{fmt.Errorf("--target %q must be a URL or HOST:PORT", s.target)}
	}
	if u.Scheme == secure {
		s.secure, port = true, "443"
	}
	s.scheme = plain
	s.host, s.path, s.serverName = u.Host, u.RequestURI(), u.Hostname()
	if s.path == "/" {
		s.path = path
	}
	if p := u.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// checkIdle reports the first setting that has no meaning with --idle.
func (s *settings) checkIdle(named origin) error {
	if !s.idle {
		return nil
	}
	for _, rule := range []struct {
		given bool
		flag  string
	}{
		{s.rate != 0, "rate"}, {s.requests > 0, "requests"}, {s.fill, "fill"}, {s.scrape > 0, "scrape"}, {s.workers > 1, "workers"},
	} {
		if rule.given {
			return usageError{fmt.Errorf("%s: must not be given with --idle, which announces once on each connection", named(rule.flag))}
		}
	}
	return nil
}

// spared are descriptors for what is open besides connections.
const spared = 32

// checkDescriptors reports connections that the system would not let us open.
func (s *settings) checkDescriptors(named origin, limit uint64, known bool) error {
	if !known || uint64(s.connections)+spared <= limit {
		return nil
	}
	most := limit - min(limit, spared)
	return usageError{fmt.Errorf("%s: must be 1 to %d, as this process may open %d files (ulimit -n) and %d of them are for other things", named("connections"), most, limit, spared)}
}
