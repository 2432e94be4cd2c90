package app

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
)

// A tracker that runs has a processor more for each UDP worker and each event
// loop, and leaves none behind.
func TestProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	cfg := testConfig(t, "auto")
	cfg.UDP[0].Workers = 3
	a, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	want := before + 3*len(cfg.UDP[0].Listen) + a.loops.Count()
	eventually(t, "the workers bring processors", func() bool { return runtime.GOMAXPROCS(0) == want })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d processors in the end, %d before", got, before)
	}
}
