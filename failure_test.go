package shoal_test

import (
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestFailures(t *testing.T) {
	seen := map[string]shoal.Failure{}
	for f := shoal.OK; f.Error() != "unknown failure"; f++ {
		if first, twice := seen[f.Error()]; twice || (f.Error() == "") != (f == shoal.OK) {
			t.Errorf("failure %d has the text %q, as %d", f, f.Error(), first)
		}
		seen[f.Error()] = f
		// Waiting helps against none of the others: a request that is mended is
		// another request.
		if want := f == shoal.ClientDenied || f == shoal.PortDenied; f.Never() != want {
			t.Errorf("%q: never %v, want %v", f, f.Never(), want)
		}
	}
	if _, ok := seen[shoal.PortDenied.Error()]; !ok {
		t.Errorf("only %d failures have a text", len(seen))
	}
}
