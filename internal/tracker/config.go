package tracker

import "time"

// Config is the [tracker] section: what announces are answered with.
type Config struct {
	// Time between the regular announces of a client. Each reply draws from 90
	// to 100 % of it, so that clients which started together drift apart.
	Interval time.Duration `toml:"interval"`

	// Time before which a client should not announce again. It is sent, never
	// enforced.
	MinInterval time.Duration `toml:"min_interval"`

	// A peer that has not announced for this long is no longer handed out.
	PeerTimeout time.Duration `toml:"peer_timeout"`

	// Peers in an answer, of each family, when the client does not say how many
	// it wants. An answer has at most 200 over HTTP, 100 over UDP on IPv4 and
	// 60 over UDP on IPv6.
	DefaultNumWant int `toml:"default_numwant"`

	// Keep the peer ID of each peer, for replies that are not compact: auto,
	// true or false. auto is false on an open tracker.
	PeerDetails string `toml:"peer_details"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Interval:       30 * time.Minute,
		MinInterval:    5 * time.Minute,
		PeerTimeout:    70 * time.Minute,
		DefaultNumWant: 50,
		PeerDetails:    "auto",
	}
}

// Validate reports every value that is out of range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	const day = 24 * time.Hour
	if c.Interval < 10*time.Second || c.Interval > day {
		report("interval", c.Interval, "10s to 24h")
	}
	if c.MinInterval < time.Second || c.MinInterval > c.Interval {
		report("min_interval", c.MinInterval, "1s to the interval")
	}
	if c.PeerTimeout <= c.Interval || c.PeerTimeout > 7*day {
		report("peer_timeout", c.PeerTimeout, "more than the interval, at most 168h")
	}
	if c.DefaultNumWant < 0 || c.DefaultNumWant > 200 {
		report("default_numwant", c.DefaultNumWant, "0 to 200")
	}
	switch c.PeerDetails {
	case "auto", "true", "false":
	default:
		report("peer_details", c.PeerDetails, "auto, true or false")
	}
}
