package httpserver

import (
	"net/netip"
	"strings"
)

// Config is one [[http]] section: an HTTP tracker.
type Config struct {
	// Addresses to listen on, IP:PORT each. "" turns the listener off.
	Listen []netip.AddrPort `toml:"listen"`

	// Take WebTorrent clients: WebSockets at any path of these listeners.
	WebTorrent bool `toml:"webtorrent"`

	// Let clients send more than one request over a connection.
	KeepAlive bool `toml:"keep_alive"`

	// Networks of the proxies in front of this tracker, or single addresses.
	// From them, and from nobody else, the PROXY protocol (version 1 or 2) and
	// the header that forwarded names are believed. One that is taken off
	// is not believed on open connections either, one that is added from its
	// next connection on.
	TrustedProxies []netip.Prefix `toml:"trusted_proxies"`

	// Header in which the proxies say whose request they pass on:
	// X-Forwarded-For, Forwarded, X-Real-IP or CF-Connecting-IP. The right-most
	// address in it that is not in trusted_proxies counts; no other header is
	// looked at. The proxies must set it or append to it: one that passes on
	// what clients wrote lets them be anyone.
	Forwarded string `toml:"forwarded"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Listen: []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv4Unspecified(), 6969),
			netip.AddrPortFrom(netip.IPv6Unspecified(), 6969),
		},
		WebTorrent: true,
		KeepAlive:  true,
		Forwarded:  forwardedHeaders[0],
	}
}

// forwardedHeaders are the values of Forwarded. The first is the default.
var forwardedHeaders = []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP"}

// Validate reports every value that is out of range. Every Listen and
// TrustedProxies that can be parsed, and every WebTorrent and KeepAlive, is in
// range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	for _, name := range forwardedHeaders {
		if c.Forwarded == name {
			return
		}
	}
	last := len(forwardedHeaders) - 1
	report("forwarded", c.Forwarded, strings.Join(forwardedHeaders[:last], ", ")+" or "+forwardedHeaders[last])
}
