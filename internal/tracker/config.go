package tracker

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/shoal-tracker/shoal"
)

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

	// Addresses to hand out in place of those of loopback peers: clients that
	// run on the tracker's own machine. One of IPv4, one of IPv6, or both; one
	// alone stands for both. [] or "": loopback peers are handed out as they are.
	ExternalIP []netip.Addr `toml:"external_ip"`

	// Whose word is taken for the address of a peer (ip, ipv4 and ipv6 over
	// HTTP, the IP field over UDP): never; private, that of senders in private
	// and loopback networks; or trusted, that of the HTTP clients which are in
	// trusted_proxies and whose forwarded header names nobody else. It counts
	// only if it is of the same family as the sender's. From others it is passed
	// over: it would let them have a victim dialed.
	UseIPParam string `toml:"use_ip_param"`

	// Keep the peer ID of each peer, for replies that are not compact: auto,
	// true or false. auto keeps them on a private tracker alone.
	PeerDetails string `toml:"peer_details"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Interval:       30 * time.Minute,
		MinInterval:    5 * time.Minute,
		PeerTimeout:    70 * time.Minute,
		DefaultNumWant: 50,
		UseIPParam:     "never",
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
	c.validateExternalIP(report)
	switch c.UseIPParam {
	case "never", "private", "trusted":
	default:
		report("use_ip_param", c.UseIPParam, "never, private or trusted")
	}
	switch c.PeerDetails {
	case "auto", "true", "false":
	default:
		report("peer_details", c.PeerDetails, "auto, true or false")
	}
}

func (c *Config) validateExternalIP(report func(key string, value any, allowed string)) {
	for i, addr := range c.ExternalIP {
		as := shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr, 1)}
		if !as.Dialable() || addr.IsLoopback() || addr.Is4In6() || addr.Zone() != "" {
			report(fmt.Sprintf("external_ip[%d]", i), addr, "an address of this machine at which others can dial it")
		}
		for _, before := range c.ExternalIP[:i] {
			if before.Is4() == addr.Is4() {
				report(fmt.Sprintf("external_ip[%d]", i), addr, "of the other family than the one before it: there is one of IPv4 and one of IPv6 at most")
				return
			}
		}
	}
}
