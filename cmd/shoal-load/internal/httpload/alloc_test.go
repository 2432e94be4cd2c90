//go:build !race

package httpload

import (
	"testing"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

func TestRequestDoesNotAllocate(t *testing.T) {
	w := newWorker(newPlan(t, nowhere), 0, report.NewLive(1))
	w.start(0)
	request := make([]byte, 0, 4096)
	raw := []byte(whole("d8:completei1e10:incompletei1e8:intervali9e5:peers6:\x7F\x40\x00\x01\x04\x00e"))
	n := testing.AllocsPerRun(200, func() {
		j, _, _ := w.next(anySource, 1)
		request = w.write(request[:0], &j)
		r, done, err := readResponse(raw, false)
		if !done || err != nil {
			t.Fatal(done, err)
		}
		w.answered(&j, &r, raw, 2)
	})
	if n != 0 || w.tally.WrongCount() != 0 || w.tally.Responses() == 0 {
		t.Errorf("%v allocations a request, wrong %v", n, summary(w.tally).WrongBy)
	}
}
