//go:build race

package swarm

import "flag"

// Under the race detector a model is checked with fewer draws: it looks for races,
// which one goroutine has not, and takes ten times as long.
func init() {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
}
