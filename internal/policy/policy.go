// Package policy decides whether an announce may come in.
package policy

import "github.com/shoal-tracker/shoal"

// Chain is the rules of one configuration, compiled. It never changes: new
// rules are a new Chain; what changes under it are the lists. The nil Chain lets
// everything in, and a rule that is not configured is a nil pointer, so that it
// costs one comparison.
type Chain struct {
	denied  []*Torrents
	allowed []*Torrents
	keys    *Keys
	private bool // a key is needed
	listed  bool // the torrent must be in one of allowed
	hides   bool // peers at private addresses are not stored

	clients   *deniedClients
	addresses *deniedAddresses
	ports     *deniedPorts
}

// Compile makes the chain of a configuration that Validate found nothing wrong
// with. It keeps nothing of c, and looks into the lists whenever it is asked. A
// nil list is empty.
func Compile(c Config, l Lists) *Chain {
	return &Chain{
		denied:    withoutNil(l.Denied),
		allowed:   withoutNil(l.Allowed),
		keys:      l.Keys,
		private:   c.Private,
		listed:    c.Listed,
		hides:     c.PrivateAddresses == dropPrivate,
		clients:   compileDeniedClients(c.ClientsDenied),
		addresses: compileDeniedAddresses(c.AddressesDenied),
		ports:     compileDeniedPorts(c.PortsDenied),
	}
}

// Check returns why the announce is refused, or OK, and sets its Hidden. It
// allocates nothing and may be called by any number of goroutines at once.
//
// The first rule that refuses is the one the client hears of: what the operator
// has denied, then what the user can mend, then what only another client, network
// or port would.
func (c *Chain) Check(req *shoal.AnnounceRequest, now shoal.Tick) shoal.Failure {
	req.Hidden = false
	if c == nil {
		return shoal.OK
	}
	if f := c.Permit(req.AuthKey, &req.InfoHash, now); f != shoal.OK {
		return f
	}
	if c.clients != nil && c.clients.match(&req.PeerID) {
		return shoal.ClientDenied
	}
	if c.addresses != nil && c.addresses.match(req.Addr.Addr()) {
		return shoal.AddressDenied
	}
	if req.Link != 0 {
		// The port of a WebTorrent peer is that of its connection, which nobody
		// dials, and nobody is given its address.
		return shoal.OK
	}
	if c.ports != nil && c.ports.match(req.Addr.Port()) {
		return shoal.PortDenied
	}
	req.Hidden = c.hides && isPrivate(req.Addr.Addr())
	return shoal.OK
}
