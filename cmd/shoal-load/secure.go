package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
)

const defaultTLSMax = "1.3"

// tlsVersions are those that --tls-max may be.
var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// addTLS adds the flags of TLS.
func (s *settings) addTLS(f *pflag.FlagSet) {
	f.BoolVar(&s.secure, "tls", false, "TLS, also where the target is HOST:PORT")
	f.BoolVar(&s.insecure, "insecure", false, "believe any certificate")
	f.StringVar(&s.ca, "ca", "", "PEM `FILE` of the authorities that the tracker's certificate is checked against; empty: the system's")
	f.BoolVar(&s.resume, "resume", false, "each connection resumes the TLS session of the one before it, if the tracker lets it; false: every handshake is a full one")
	f.StringVar(&s.tlsMax, "tls-max", defaultTLSMax, "highest `VERSION` of TLS that is offered: 1.2 or 1.3")
	f.BoolVar(&s.postQuantum, "post-quantum", true, "offer X25519MLKEM768 first, as browsers do: where the tracker takes it, a handshake costs more")
}

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
			return usageError{fmt.Errorf("%s: must not be given without TLS: the target must be %ss://, or --tls be given", named(rule.flag), s.scheme)}
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
