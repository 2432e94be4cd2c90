package wsserver

import (
	"slices"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *Config)
		want   []string
	}{
		{"the defaults", func(*Config) {}, nil},
		{"shortest interval", func(c *Config) { c.Interval = 10 * time.Second }, nil},
		{"interval too short", func(c *Config) { c.Interval = 10*time.Second - 1 }, []string{"interval"}},
		{"longest interval", func(c *Config) { c.Interval = 24 * time.Hour }, nil},
		{"interval too long", func(c *Config) { c.Interval = 24*time.Hour + 1 }, []string{"interval"}},
		{"no offers", func(c *Config) { c.MaxOffers = 0 }, nil},
		{"offers below none", func(c *Config) { c.MaxOffers = -1 }, []string{"max_offers"}},
		{"most offers", func(c *Config) { c.MaxOffers = 64 }, nil},
		{"too many offers", func(c *Config) { c.MaxOffers = 65 }, []string{"max_offers"}},
		{"origins", func(c *Config) {
			c.AllowOrigins = []string{"", "null", "https://example.org", "http://Example.org:8080", "http://[::1]:80"}
		}, nil},
		{"no origins", func(c *Config) {
			c.AllowOrigins = []string{"example.org", "https://", "://example.org", "https://example.org/", "https://a b", "*", "https://*.example.org"}
		}, []string{
			"allow_origins[0]", "allow_origins[1]", "allow_origins[2]", "allow_origins[3]",
			"allow_origins[4]", "allow_origins[5]", "allow_origins[6]",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			tt.change(&c)
			var keys []string
			c.Validate(func(key string, value any, allowed string) { keys = append(keys, key) })
			if !slices.Equal(keys, tt.want) {
				t.Errorf("reported %q, want %q", keys, tt.want)
			}
		})
	}
}

func TestInterval(t *testing.T) {
	tests := []struct {
		interval  time.Duration
		low, high uint32 // seconds
	}{
		{2 * time.Minute, 108, 120},
		{10 * time.Second, 9, 10},
		{10*time.Second + 1, 10, 11},
	}
	for _, tt := range tests {
		c := DefaultConfig()
		c.Interval = tt.interval
		s := newSettings(c)
		seen := map[uint32]bool{}
		for range 20_000 {
			seen[s.draw()] = true
		}
		// That one of at most 13 is not drawn in 20,000 has a probability below
		// 13 * (12/13)^20000 < 1e-600.
		for n := tt.low; n <= tt.high; n++ {
			if !seen[n] {
				t.Errorf("%v: %d is never drawn", tt.interval, n)
			}
			delete(seen, n)
		}
		if len(seen) > 0 {
			t.Errorf("%v: drawn %v as well", tt.interval, seen)
		}
	}
}
