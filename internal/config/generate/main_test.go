package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNotStale(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	files, err := render(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
			t.Errorf("%s is stale: run go generate ./internal/config\n%s", name, diff)
		}
	}
}

// TestAllowed checks that every key tells what is allowed: a Validate that
// lets an absurd value through would leave the page empty there.
func TestAllowed(t *testing.T) {
	sections, err := describe(&comments{root: filepath.Join("..", "..", ".."), structs: map[string]map[string]string{}})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	check := func(keys []key) {
		for _, k := range keys {
			told++
			if k.allowed == "" {
				t.Errorf("%s does not say what is allowed", k.Path)
			}
		}
	}
	for _, s := range sections {
		check(s.keys)
		for _, table := range s.tables {
			check(table.keys)
		}
		told -= len(s.Keys)
	}
	if told != 0 {
		t.Errorf("%d keys more are told of than there are", told)
	}
}
