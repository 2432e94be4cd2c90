package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
)

// errNone ends a handshake with the alert internal_error. Plain HTTP is served
// meanwhile, and with it the challenge that brings the certificate.
var errNone = errors.New("there is no certificate yet: the authority has not issued one")

// shelf is what is served at one moment. It never changes.
type shelf struct {
	named map[string]*tls.Certificate // by name in lower case; nil: there is just one
	first *tls.Certificate            // for all other names, and for clients that say none
}

func (s *shelf) find(name string) *tls.Certificate {
	if s.named != nil {
		if cert := s.named[strings.ToLower(strings.TrimSuffix(name, "."))]; cert != nil {
			return cert
		}
	}
	return s.first
}

// choose is the GetCertificate of the configuration.
func (c *Certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.acme != nil && len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acmeProtocol {
		return c.acme.proof(hello.Context(), hello.ServerName)
	}
	cert := c.shelf.Load().find(hello.ServerName)
	if cert == nil {
		return nil, errNone
	}
	return cert, nil
}

// namesOf returns what a certificate is for.
func namesOf(leaf *x509.Certificate) []string {
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = append(names, leaf.Subject.CommonName)
	}
	return names
}
