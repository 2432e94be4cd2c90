package accounting

// Config is the [accounting] section: what is written down of the holders of
// keys. Only a private tracker has any.
type Config struct {
	// Add up how much the holder of each key uploads and downloads, as their
	// clients say. Only on a private tracker.
	Enabled bool `toml:"enabled"`

	// The most that a peer can have uploaded, or downloaded, in a second. What a
	// client says beyond is cut off.
	MaxRate int `toml:"max_rate" unit:"bytes"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{MaxRate: 1 << 30} }

// Validate reports every value that is out of range.
func (c *Config) Validate(report func(key string, value any, allowed string)) {
	if c.MaxRate < 1<<10 {
		report("max_rate", c.MaxRate, "1KiB or more")
	}
}
