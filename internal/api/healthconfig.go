package api

import "net/netip"

// HealthConfig is the [health] section: the health check.
type HealthConfig struct {
	// Addresses to listen on, IP:PORT each. "" turns the listener off. Whoever
	// reaches it may ask, over plain HTTP: it tells the addresses and names of
	// this tracker, and what of it is ill.
	Listen []netip.AddrPort `toml:"listen"`
}

// DefaultHealthConfig returns the defaults. Every Listen that can be parsed is in
// range.
func DefaultHealthConfig() HealthConfig {
	return HealthConfig{Listen: []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1313)}}
}
