package packetio

import "time"

// Config is how datagrams are read and written.
type Config struct {
	// How packets are read and written: auto, portable or mmsg. mmsg moves up
	// to 64 packets with one system call and needs Linux; auto takes it where
	// it works.
	Engine string `toml:"engine"`

	// Workers for each address, each with its own socket. 0: one a core.
	Workers int `toml:"workers"`

	// Receive buffer asked of the kernel, for each socket.
	ReceiveBuffer int `toml:"receive_buffer" unit:"bytes"`

	// Longest nap of the mmsg engine after a batch that was not full: packets
	// gather meanwhile, and a busy tracker needs a third less CPU. 0 turns it
	// off.
	Coalesce time.Duration `toml:"coalesce"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{Engine: "auto", ReceiveBuffer: 8 << 20, Coalesce: 500 * time.Microsecond}
}

// Sockets returns how many sockets Listen opens for an address at most.
func (c *Config) Sockets() int {
	if c.Workers > 0 {
		return c.Workers
	}
	return cores
}

// Validate reports every value that is out of range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	switch c.Engine {
	case "auto", "portable", "mmsg":
	default:
		report("engine", c.Engine, "auto, portable or mmsg")
	}
	if c.Workers < 0 || c.Workers > 1024 {
		report("workers", c.Workers, "0 (one a core) to 1024")
	}
	// Linux grants a little less than 1 GiB whatever its limits are, because it
	// keeps the double in 31 bits.
	if c.ReceiveBuffer < 64<<10 || c.ReceiveBuffer > 512<<20 {
		report("receive_buffer", c.ReceiveBuffer, "64KiB to 512MiB")
	}
	if c.Coalesce < 0 || c.Coalesce > 10*time.Millisecond {
		report("coalesce", c.Coalesce, "0 to 10ms")
	}
}
