package udpserver

import (
	"net/netip"
	"time"

	"github.com/shoal-tracker/shoal/internal/packetio"
)

// Config is one [[udp]] section: a UDP tracker.
type Config struct {
	// Addresses to listen on, IP:PORT each. "" turns the listener off.
	Listen []netip.AddrPort `toml:"listen"`

	packetio.Config

	// A connection ID lives one to two of these.
	ConnectionIDEpoch time.Duration `toml:"connection_id_epoch"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Listen: []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv4Unspecified(), 6969),
			netip.AddrPortFrom(netip.IPv6Unspecified(), 6969),
		},
		Config:            packetio.DefaultConfig(),
		ConnectionIDEpoch: 5 * time.Minute,
	}
}

// Validate reports every value that is out of range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	c.Config.Validate(report)
	if c.ConnectionIDEpoch < 30*time.Second || c.ConnectionIDEpoch > 24*time.Hour {
		report("connection_id_epoch", c.ConnectionIDEpoch, "30s to 24h")
	}
}
