package config

import _ "embed"

//go:generate go run ./generate

//go:embed reference.toml
var reference string

// Reference returns a configuration file with every key at its default, each
// with a comment that says what it does.
func Reference() string { return reference }
