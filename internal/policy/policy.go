// Package policy decides whether an announce may come in.
package policy

import "github.com/shoal-tracker/shoal"

// Chain is the rules of one configuration, compiled. It never changes: new
// rules are a new Chain. The nil Chain lets everything in, and a rule that is
// not configured is a nil pointer, so that it costs one comparison.
type Chain struct {
	clients *deniedClients
	ports   *deniedPorts
}

// Compile makes the chain of a configuration that Validate found nothing wrong
// with. It keeps nothing of c.
func Compile(c Config) *Chain {
	return &Chain{
		clients: compileDeniedClients(c.ClientsDenied),
		ports:   compileDeniedPorts(c.PortsDenied),
	}
}

// Check returns why the announce is refused, or OK. It allocates nothing and
// may be called by any number of goroutines at once.
func (c *Chain) Check(req *shoal.AnnounceRequest) shoal.Failure {
	if c == nil {
		return shoal.OK
	}
	if c.clients != nil && c.clients.match(&req.PeerID) {
		return shoal.ClientDenied
	}
	// The port of a WebTorrent peer is that of its connection, which nobody dials.
	if c.ports != nil && req.Link == 0 && c.ports.match(req.Addr.Port()) {
		return shoal.PortDenied
	}
	return shoal.OK
}
