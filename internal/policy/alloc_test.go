//go:build !race

package policy

import "testing"

func TestCheckAllocatesNothing(t *testing.T) {
	for name, chain := range map[string]*Chain{
		"no rules": Compile(Config{}),
		"rules":    Compile(Config{ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{22}}),
	} {
		denied, allowed := request("-XL0012-", 22), request("-qB5000-", 6881)
		if n := testing.AllocsPerRun(100, func() { chain.Check(denied); chain.Check(allowed) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	chain := Compile(Config{ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{22}})
	req := request("-qB5000-", 6881)
	for b.Loop() {
		chain.Check(req)
	}
}
