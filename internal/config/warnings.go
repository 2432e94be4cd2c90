package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// Ports that an ACME authority connects to: for HTTP-01 and for TLS-ALPN-01.
const (
	portHTTP  = 80
	portHTTPS = 443
)

// Warnings returns, a sentence each, what is in range and yet hardly ever what
// was meant.
func (c *Config) Warnings() []string {
	var all []string
	trusting := false
	for i := range c.HTTP {
		h := &c.HTTP[i]
		trusting = trusting || len(h.TrustedProxies) > 0
		if len(h.TLS.ACME) > 0 && !c.listensOn(portHTTP, portHTTPS) {
			all = append(all, fmt.Sprintf("http.%d.tls.acme: the authority will connect to port %d or %d of each name, "+
				"and no [[http]] section listens there: have one of these ports lead here, or add a listener", i, portHTTP, portHTTPS))
		}
		for _, network := range h.TrustedProxies {
			switch {
			case network.Bits() == 0:
				all = append(all, fmt.Sprintf("http.%d.trusted_proxies: %s trusts everyone: "+
					"whoever reaches the listener may announce from any address", i, network))
			case isVast(network):
				all = append(all, fmt.Sprintf("http.%d.trusted_proxies: %s trusts a good part of the internet: "+
					"whoever reaches the listener from there may announce from any address", i, network))
			}
		}
	}
	all = append(all, c.apiWarnings()...)
	if c.Tracker.UseIPParam == "trusted" && !trusting {
		all = append(all, "tracker.use_ip_param: trusted has no effect while trusted_proxies is empty in every [[http]] section")
	}
	return all
}

// isVast reports whether a network is larger than any that is somebody's own: than
// the largest that were ever given out, or the private and link-local ones.
func isVast(network netip.Prefix) bool {
	const enough4, enough6, uniqueLocal, linkLocal = 8, 16, 7, 10 // bits
	a, bits := network.Addr(), network.Bits()
	switch {
	case a.Is4():
		return bits < enough4
	case a.IsPrivate():
		return bits < uniqueLocal
	case a.IsLinkLocalUnicast():
		return bits < linkLocal
	}
	return bits < enough6
}

// listensOn reports whether an HTTP tracker listens on one of the ports.
func (c *Config) listensOn(ports ...uint16) bool {
	for i := range c.HTTP {
		for _, addr := range c.HTTP[i].Listen {
			if slices.Contains(ports, addr.Port()) {
				return true
			}
		}
	}
	return false
}

// apiWarnings returns what is hardly meant of the management API.
func (c *Config) apiWarnings() (all []string) {
	secure := slices.ContainsFunc(c.API.Listen, func(addr netip.AddrPort) bool { return addr.Port() == portHTTPS })
	if len(c.API.TLS.ACME) > 0 && !secure && !c.listensOn(portHTTP) {
		all = append(all, fmt.Sprintf("api.tls.acme: the authority will connect to port %d or %d of each name, and "+
			"neither an [[http]] section listens on the one nor [api] on the other: have one of these ports lead here, or add a listener",
			portHTTP, portHTTPS))
	}
	for _, network := range c.API.TrustedProxies {
		if network.Bits() == 0 || isVast(network) {
			all = append(all, fmt.Sprintf("api.trusted_proxies: %s trusts more than anybody's proxies: "+
				"who guesses tokens from there can be anyone, and is not slowed", network))
		}
	}
	if c.API.TLS.Enabled() || len(c.API.TrustedProxies) > 0 {
		return all
	}
	for _, addr := range c.API.Listen {
		if !addr.Addr().IsLoopback() {
			all = append(all, fmt.Sprintf("api.listen: %s is open to others than this machine, and without [api.tls] "+
				"the tokens cross the network for everyone to read", addr))
		}
	}
	return all
}
