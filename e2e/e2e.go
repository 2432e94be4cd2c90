// Package e2e runs the built shoal binary with real BitTorrent clients, each
// in a network namespace of its own. All of it is tests: see main_test.go.
package e2e
