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
		short: "Load a tracker over HTTP (BEP 3)",
		long: `Load a tracker over HTTP (BEP 3), with a connection for each request as most
clients have it, or, with --keep-alive, with connections that are kept.

The exit code is 1 when an answer was wrong or an error.`,
		defaults: settings{target: "http://127.0.0.1:6969/announce", connections: 256, numWant: 50, timeout: 5 * time.Second},
		usage: map[string]string{
			"target":      "`URL` of announces, or HOST:PORT",
			"connections": "connections, all workers together, each with one request at a time; requests of --rate R that find none free wait, and their latency counts the wait",
		},
		flags: func(cmd *cobra.Command, s *settings) {
			cmd.Flags().BoolVar(&s.keepAlive, "keep-alive", false, "keep connections; a connection stays at its source address")
		},
		aim: func(s *settings) (string, loader, error) {
			hostPort, err := s.aimURL()
			return hostPort, httpload.Run, err
		},
	})
}

// aimURL takes the target apart.
func (s *settings) aimURL() (hostPort string, err error) {
	text := s.target
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", usageError{fmt.Errorf("--target: %w", errors.Unwrap(err))}
	case u.Scheme != "http":
		return "", usageError{fmt.Errorf("--target %q: the scheme must be http", s.target)}
	case u.Hostname() == "":
		return "", usageError{fmt.Errorf("--target %q must be a URL or HOST:PORT", s.target)}
	}
	s.host, s.path = u.Host, u.RequestURI()
	if s.path == "/" {
		s.path = "/announce"
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
