//go:build !race

package shoal_test

import (
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestAuthKeyAllocatesNothing(t *testing.T) {
	for _, target := range []string{
		"/announce", "/announce/" + someKey, "/" + someKey + "/announce", "/" + someKey,
		"/announce?a=b&passkey=" + someKey, "/announce/short?passkey=short", "/announce/" + strings.Repeat("a", 1000),
		strings.Repeat("/announce", 100),
	} {
		in := []byte(target)
		if got := testing.AllocsPerRun(100, func() { shoal.AuthKeyOfURL(in) }); got != 0 {
			t.Errorf("%.40s: %v allocations", target, got)
		}
	}
}

func BenchmarkAuthKeyOfURL(b *testing.B) {
	in := []byte("/announce/" + someKey)
	for b.Loop() {
		shoal.AuthKeyOfURL(in)
	}
}
