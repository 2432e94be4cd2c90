package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

const defaultTLSMax = "1.3"

// tlsVersions are those that --tls-max may be.
var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// checkTLS reports the first setting of TLS that is out of range, or has no
// meaning without.
func (s *settings) checkTLS(named origin) error {
	if tlsVersions[s.tlsMax] == 0 {
		return usageError{fmt.Errorf("%s: must %s", named("tls-max"), allowed["tls-max"])}
	}
	if s.insecure && s.ca != "" {
		return usageError{fmt.Errorf("%s: must not be given with --insecure, which believes any certificate", named("ca"))}
	}
	if s.secure {
		return nil
	}
	for _, rule := range []struct {
		given bool
		flag  string
	}{
		{s.insecure, "insecure"}, {s.ca != "", "ca"}, {s.resume, "resume"}, {s.tlsMax != defaultTLSMax, "tls-max"}, {!s.postQuantum, "post-quantum"},
	} {
		if rule.given {
			return usageError{fmt.Errorf("%s: must not be given without TLS: the target must be https://, or --tls be given", named(rule.flag))}
		}
	}
	return nil
}

// makeTLS makes what all connections have in common.
func (s *settings) makeTLS(named origin) (*tls.Config, error) {
	c := &tls.Config{
		ServerName: s.serverName, MinVersion: tls.VersionTLS12, MaxVersion: tlsVersions[s.tlsMax],
		NextProtos: []string{"http/1.1"}, InsecureSkipVerify: s.insecure,
	}
	if !s.postQuantum {
		c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
	}
	if s.ca == "" {
		return c, nil
	}
	text, err := os.ReadFile(s.ca)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) { // whose name is told already
			err = path.Err
		}
		return nil, usageError{fmt.Errorf("%s: must be a file that can be read: %w", named("ca"), err)}
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return nil, usageError{fmt.Errorf("%s: must be a PEM file with at least one certificate", named("ca"))}
	}
	return c, nil
}
