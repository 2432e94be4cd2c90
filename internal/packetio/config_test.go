package packetio

import (
	"slices"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"defaults", func(*Config) {}, nil},
		{"lowest", func(c *Config) { c.Workers, c.ReceiveBuffer, c.Coalesce = 0, 64<<10, 0 }, nil},
		{"highest", func(c *Config) { c.Workers, c.ReceiveBuffer, c.Coalesce = 1024, 512<<20, 10*time.Millisecond }, nil},
		{"engine", func(c *Config) { c.Engine = "io_uring" }, []string{"engine"}},
		{"below", func(c *Config) { c.Workers, c.ReceiveBuffer, c.Coalesce = -1, 64<<10-1, -1 }, []string{"workers", "receive_buffer", "coalesce"}},
		{"above", func(c *Config) { c.Workers, c.ReceiveBuffer, c.Coalesce = 1025, 512<<20+1, 11*time.Millisecond }, []string{"workers", "receive_buffer", "coalesce"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := DefaultConfig()
			test.change(&c)
			var got []string
			c.Validate(func(key string, _ any, _ string) { got = append(got, key) })
			if !slices.Equal(got, test.want) {
				t.Errorf("reported %q, want %q", got, test.want)
			}
		})
	}
}
