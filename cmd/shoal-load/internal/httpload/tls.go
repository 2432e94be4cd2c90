package httpload

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// errTLS is in the chain of every error that says that the target spoke, but not
// TLS, or not such that we understand each other.
var errTLS = errors.New("TLS")

// handshake is what became of the one of a job.
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

// secureOf makes the settings of one connection's TLS.
func secureOf(p *plan.Plan) *tls.Config {
	if p.TLS == nil || !p.Resume {
		return p.TLS
	}
	own := p.TLS.Clone()
	own.ClientSessionCache = new(session)
	return own
}

// session is the last one of a connection, and of nobody else: some servers let
// each be resumed once only.
type session struct{ state *tls.ClientSessionState }

// Get implements tls.ClientSessionCache.
func (s *session) Get(string) (*tls.ClientSessionState, bool) { return s.state, s.state != nil }

// Put implements tls.ClientSessionCache.
func (s *session) Put(_ string, state *tls.ClientSessionState) { s.state = state }

// shake makes the connection one of TLS.
func (c *carrier) shake() error {
	conn := tls.Client(c.tcp, c.secure)
	if err := conn.Handshake(); err != nil {
		c.handshake = failed
		c.shut()
		return c.tell(err)
	}
	c.conn, c.handshake = conn, full
	if conn.ConnectionState().DidResume {
		c.handshake = resumed
	}
	return nil
}

// tell tells an error of TLS itself from those of the connection beneath.
func (c *carrier) tell(err error) error {
	var op *net.OpError
	switch {
	case c.secure == nil, isTimeout(err):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errEmpty
	case errors.As(err, &op) && op.Op != "remote error" && op.Op != "local error": // these two are alerts
		return err
	}
	return fmt.Errorf("%w: %w", errTLS, err)
}

// secureEndingTime is endingTime for TLS, whose crypto keeps both sides busy.
const secureEndingTime = 10 * time.Duration(endingTime)

// awaitEnd waits until the target has closed the connection, as it was asked to,
// so that the port does not stay with us for a minute.
func (c *carrier) awaitEnd() {
	_ = c.tcp.SetReadDeadline(time.Now().Add(secureEndingTime))
	if _, err := c.conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		c.unclosed = true
		_ = c.tcp.SetLinger(0)
	}
}
