package wsload

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// errTLS is in the chain of every error that says that the target spoke, but not
// TLS, or not such that we understand each other.
var errTLS = errors.New("TLS")

// handshake is what became of one.
type handshake uint8

const (
	none handshake = iota
	full
	resumed
	failed
)

func (h handshake) count(to *report.Handshakes) {
	switch h {
	case full:
		to.Full++
	case resumed:
		to.Resumed++
	case failed:
		to.Failed++
	}
}

// resuming returns the settings of TLS with which a connection resumes its own
// last session: some servers let each be resumed once only.
func (c *connection) resuming(of *tls.Config) *tls.Config {
	if c.sessions == nil {
		c.sessions = tls.NewLRUClientSessionCache(1)
	}
	own := of.Clone()
	own.ClientSessionCache = c.sessions
	return own
}

// hopeless explains what all connections would end in.
func hopeless(err error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("the certificate is not trusted: name its authority with --ca, or believe any with --insecure: %w", untrusted.Err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("no address or port left to connect from: close fewer connections, or announce from more --sources: %w", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("more --connections than this process may open: %w", err)
	}
	return nil
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
