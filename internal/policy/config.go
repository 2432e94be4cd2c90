package policy

import (
	"fmt"
	"net/netip"
)

// Config is the [access] section: who may announce.
type Config struct {
	// Announce and scrape need a key, in the URL of the tracker: /announce/KEY,
	// /KEY/announce or ?passkey=KEY. Keys are kept in the database.
	Private bool `toml:"private"`

	// Only torrents that are on the whitelist are taken: on that of the database
	// or in allow_file. A tracker may be private and listed at once.
	Listed bool `toml:"listed"`

	// File of info hashes that are added to the whitelist: one a line, of 40
	// hexadecimal digits or the 64 of a version 2 hash; the rest of a line behind
	// a # is a comment. It is read again at each reload.
	AllowFile string `toml:"allow_file"`

	// File of info hashes that are refused, whatever else allows them, written as
	// allow_file.
	DenyFile string `toml:"deny_file"`

	// Clients that are refused, by the first characters of their peer ID,
	// such as "-XL0012-".
	ClientsDenied []string `toml:"clients_denied"`

	// Networks or single addresses that peers may not announce from. A peer's
	// address is the one that others would be given: that of external_ip, or the
	// one that use_ip_param takes from the client.
	AddressesDenied []netip.Prefix `toml:"addresses_denied"`

	// Ports that peers may not announce.
	PortsDenied []int `toml:"ports_denied"`

	// What becomes of peers at private addresses, which are those of 10.0.0.0/8,
	// 172.16.0.0/12, 192.168.0.0/16 and fc00::/7, of a carrier's NAT
	// (100.64.0.0/10), loopback and link-local: keep, or drop. Those who are
	// dropped are answered, but not stored and not handed out.
	PrivateAddresses string `toml:"private_addresses"`
}

// The values of PrivateAddresses.
const (
	keepPrivate = "keep"
	dropPrivate = "drop"
)

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{PrivateAddresses: keepPrivate}
}

// Validate reports every value that is out of range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	for i, prefix := range c.ClientsDenied {
		if prefix == "" || len(prefix) > 20 {
			report(fmt.Sprintf("clients_denied[%d]", i), prefix, "1 to 20 characters of a peer ID")
		}
	}
	for i, network := range c.AddressesDenied {
		if !network.IsValid() {
			report(fmt.Sprintf("addresses_denied[%d]", i), network, `a network such as "192.0.2.0/24" or an IP address`)
		}
	}
	for i, port := range c.PortsDenied {
		if port < 0 || port > 65535 {
			report(fmt.Sprintf("ports_denied[%d]", i), port, "a port from 0 to 65535")
		}
	}
	if c.PrivateAddresses != keepPrivate && c.PrivateAddresses != dropPrivate {
		report("private_addresses", c.PrivateAddresses, "keep or drop")
	}
}
