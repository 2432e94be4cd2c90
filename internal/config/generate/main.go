// Command generate writes the reference of the configuration, as a TOML file
// and as a page, from the rooms' doc comments and defaults.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// Where the outputs stand, from the root of the module.
const (
	referenceFile = "internal/config/reference.toml"
	pageFile      = "docs/configuration.md"
)

func main() {
	if err := write(filepath.Join("..", "..")); err != nil { // go generate runs in internal/config
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	files, err := render(root)
	if err != nil {
		return err
	}
	for name, text := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("making the folder of the reference: %w", err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return fmt.Errorf("writing the reference: %w", err)
		}
	}
	return nil
}

// render returns the outputs by their path in the module at root.
func render(root string) (map[string]string, error) {
	c := &comments{root: root, structs: map[string]map[string]string{}}
	sections, err := describe(c)
	if err != nil {
		return nil, err
	}
	return map[string]string{referenceFile: reference(sections), pageFile: page(sections)}, nil
}
