package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"
)

// own flags belong to the command line, not into a file.
var ownFlags = []string{"config", "print-config", "json", "help", "i-run-this-tracker"}

func key(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

// printFile writes a configuration file with every key at its default.
func printFile(w io.Writer, command string, flags *pflag.FlagSet) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Configuration of shoal-load %s: every key at its default.\n# A flag on the command line wins over its key here.\n", command)
	flags.VisitAll(func(f *pflag.Flag) {
		if slices.Contains(ownFlags, f.Name) {
			return
		}
		value := f.DefValue
		if t := f.Value.Type(); t == "string" || t == "duration" || value == "max" {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&b, "\n# %s\n%s = %s\n", strings.ReplaceAll(f.Usage, "`", ""), key(f.Name), value)
	})
	_, err := io.WriteString(w, b.String())
	return err
}

// readFile sets the flags that a configuration file names and the command line
// does not. It returns where these stand, and their values, by the flags' names.
func readFile(name string, flags *pflag.FlagSet) (set map[string]string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration file: %w", err)
	}
	var values map[string]any
	if err := toml.Unmarshal(text, &values); err != nil {
		var syntax *toml.DecodeError
		if errors.As(err, &syntax) {
			row, _ := syntax.Position()
			return nil, fmt.Errorf("%s:%d: %w", name, row, err)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	set = map[string]string{}
	var all []error
	for _, k := range sortedKeys(values) {
		f := flags.Lookup(strings.ReplaceAll(k, "_", "-"))
		switch {
		case f == nil || slices.Contains(ownFlags, f.Name) || key(f.Name) != k:
			all = append(all, fmt.Errorf("%s: %s: unknown key; -p prints those there are", name, k))
		case f.Changed:
		default:
			set[f.Name] = fmt.Sprintf("%s: %s = %s", name, k, spell(values[k]))
			if f.Value.Set(fmt.Sprint(values[k])) != nil {
				all = append(all, fmt.Errorf("%s: %s", set[f.Name], must(f)))
			}
		}
	}
	return set, errors.Join(all...)
}

// spell writes a value as it stands in a file.
func spell(value any) string {
	if text, ok := value.(string); ok {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(value)
}

func sortedKeys(m map[string]any) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
