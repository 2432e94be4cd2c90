package policy

import "fmt"

// Config is the [access] section: who may announce.
type Config struct {
	// Clients that are refused, by the first characters of their peer ID,
	// such as "-XL0012-".
	ClientsDenied []string `toml:"clients_denied"`

	// Ports that peers may not announce.
	PortsDenied []int `toml:"ports_denied"`
}

// Validate reports every value that is out of range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	for i, prefix := range c.ClientsDenied {
		if prefix == "" || len(prefix) > 20 {
			report(fmt.Sprintf("clients_denied[%d]", i), prefix, "1 to 20 characters of a peer ID")
		}
	}
	for i, port := range c.PortsDenied {
		if port < 0 || port > 65535 {
			report(fmt.Sprintf("ports_denied[%d]", i), port, "a port from 0 to 65535")
		}
	}
}
