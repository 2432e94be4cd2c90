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
		defaults: settings{target: "http://127.0.0.1:6969/announce", connections: 256, numWant: 50, timeout: 5 * time.Second},
		usage: map[string]string{
			"target":      "`URL` of announces, or HOST:PORT",
			"connections": "connections, all workers together, each with one request at a time, or one handshake; requests of --rate R that find none free wait, and their latency counts the wait",
		},
		flags: func(cmd *cobra.Command, s *settings) {
			f := cmd.Flags()
			f.BoolVar(&s.keepAlive, "keep-alive", false, "keep connections; a connection stays at its source address")
			f.BoolVar(&s.idle, "idle", false, "announce once on each of --connections, hold them without traffic for --duration, and announce again on those that are still open")
			f.BoolVar(&s.secure, "tls", false, "TLS, also where the target is HOST:PORT")
			f.BoolVar(&s.insecure, "insecure", false, "believe any certificate")
			f.StringVar(&s.ca, "ca", "", "PEM `FILE` of the authorities that the tracker's certificate is checked against; empty: the system's")
			f.BoolVar(&s.resume, "resume", false, "each connection resumes the TLS session of the one before it, if the tracker lets it; false: every handshake is a full one")
			f.StringVar(&s.tlsMax, "tls-max", defaultTLSMax, "highest `VERSION` of TLS that is offered: 1.2 or 1.3")
			f.BoolVar(&s.postQuantum, "post-quantum", true, "offer X25519MLKEM768 first, as browsers do: where the tracker takes it, a handshake costs more")
		},
		aim: func(s *settings, named origin) (string, loader, error) {
			hostPort, err := s.aimURL()
			if err == nil {
				err = errors.Join(s.checkIdle(named), s.checkTLS(named))
			}
			if err == nil {
				limit, known := mayOpen()
				err = s.checkDescriptors(named, limit, known)
			}
			if err == nil && s.secure {
				s.tlsConfig, err = s.makeTLS(named)
			}
			s.keepAlive = s.keepAlive || s.idle
			return hostPort, httpload.Run, err
		},
	})
}

// aimURL takes the target apart.
func (s *settings) aimURL() (hostPort string, err error) {
	text := s.target
	scheme, port := "http", "80"
	if s.secure {
		scheme, port = "https", "443"
	}
	if !strings.Contains(text, "://") {
		text = scheme + "://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", usageError{fmt.Errorf("--target: %w", errors.Unwrap(err))}
	case s.secure && u.Scheme == "http":
		return "", usageError{fmt.Errorf("--target %q: the scheme must be https, or --tls must not be given", s.target)}
	case u.Scheme != "http" && u.Scheme != "https":
		return "", usageError{fmt.Errorf("--target %q: the scheme must be http or https", s.target)}
	case u.Hostname() == "":
		return "", usageError{fmt.Errorf("--target %q must be a URL or HOST:PORT", s.target)}
	}
	if u.Scheme == "https" {
		s.secure, port = true, "443"
	}
	s.host, s.path, s.serverName = u.Host, u.RequestURI(), u.Hostname()
	if s.path == "/" {
		s.path = "/announce"
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
