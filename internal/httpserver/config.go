package httpserver

import "net/netip"

// Config is one [[http]] section: an HTTP tracker.
type Config struct {
	// Addresses to listen on, IP:PORT each. "" turns the listener off.
	Listen []netip.AddrPort `toml:"listen"`

	// Let clients send more than one request over a connection.
	KeepAlive bool `toml:"keep_alive"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Listen: []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv4Unspecified(), 6969),
			netip.AddrPortFrom(netip.IPv6Unspecified(), 6969),
		},
		KeepAlive: true,
	}
}

// Validate reports every value that is out of range. Every Listen that can be
// parsed and every KeepAlive is in range.
func (c *Config) Validate(func(key string, value any, allowed string)) {}
