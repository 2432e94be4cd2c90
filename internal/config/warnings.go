package config

import (
	"fmt"
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
			if network.Bits() == 0 {
				all = append(all, fmt.Sprintf("http.%d.trusted_proxies: %s trusts everyone: "+
					"whoever reaches the listener may announce from any address", i, network))
			}
		}
	}
	if c.Tracker.UseIPParam == "trusted" && !trusting {
		all = append(all, "tracker.use_ip_param: trusted has no effect while trusted_proxies is empty in every [[http]] section")
	}
	return all
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
