//go:build !race

package peerid

import "testing"

func TestIndexDoesNotAllocate(t *testing.T) {
	for _, test := range published {
		id := pad(test.id)
		if allocs := testing.AllocsPerRun(100, func() { Name(Index(id)) }); allocs != 0 {
			t.Errorf("%v allocations for %q, want none", allocs, id[:])
		}
	}
}
