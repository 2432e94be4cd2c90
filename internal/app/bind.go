package app

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// bindError says which key names the address that could not be bound, and what
// to do.
func bindError(key string, err error) error {
	advice := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE), strings.Contains(err.Error(), "Only one usage of each socket address"):
		advice = "another program, or another Shoal, has this port: stop it or choose another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "this machine does not have that address: name one of its own, or 0.0.0.0 or [::] for all"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		advice = "ports below 1024 need a privilege: choose a higher one, or give the program CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		advice = "this machine does not speak that family of addresses: leave the address out"
	default:
		return fmt.Errorf("%s: %w", key, err)
	}
	return fmt.Errorf("%s: %w; %s", key, err, advice)
}
