package streamio

import (
	"net/netip"
	"slices"
	"sync/atomic"
)

// Proxies is a set of networks, which may be replaced while it is in use. A nil
// set contains nothing.
type Proxies struct {
	networks atomic.Pointer[[]netip.Prefix]
}

// NewProxies returns the set of the given networks.
func NewProxies(networks []netip.Prefix) *Proxies {
	p := new(Proxies)
	p.Set(networks)
	return p
}

// Set replaces the networks. Connections that are open keep what was found out
// about them; Conn.TrustedBy asks anew.
func (p *Proxies) Set(networks []netip.Prefix) {
	own := slices.Clone(networks)
	p.networks.Store(&own)
}

// Contain reports whether a is in one of the networks. An IPv4-mapped address
// is the IPv4 address.
func (p *Proxies) Contain(a netip.Addr) bool {
	if p == nil {
		return false
	}
	networks := p.networks.Load()
	if networks == nil {
		return false
	}
	a = a.Unmap()
	for _, network := range *networks {
		if network.Contains(a) {
			return true
		}
	}
	return false
}
