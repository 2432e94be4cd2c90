package config

import (
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzLoad looks for a panic, for a configuration that is out of range and
// came through, and for a file that another reader of TOML does not take.
func FuzzLoad(f *testing.F) {
	f.Add(Reference(), "", "")
	f.Fuzz(func(t *testing.T, file, environ, set string) {
		var variables, flags []string
		if environ != "" {
			variables = strings.Split(environ, "\n")
		}
		if set != "" {
			flags = strings.Split(set, "\n")
		}
		if lookup(variables, variableTOML) != "" || lookup(variables, variableFile) != "" {
			return // not about which file is read
		}
		c, err := load(file, variables, flags)
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v with error %v", c, err)
		}
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error without a text")
			}
			return
		}
		c.Validate(func(key string, value any, allowed string) {
			t.Errorf("%s = %v came through; allowed is %s", key, value, allowed)
		})
		var naive map[string]any
		if err := toml.Unmarshal([]byte(strings.TrimPrefix(file, "\ufeff")), &naive); err != nil {
			t.Errorf("taken, but not TOML: %v", err)
		}
	})
}
