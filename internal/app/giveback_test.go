package app

import (
	"context"
	"runtime"
	"testing"
)

// What a peak leaves behind goes back to the system without anybody asking.
func TestGiveBack(t *testing.T) {
	runtime.GC()
	before := goMemory()
	peak(t, before)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { giveBackAt(ctx, giveBackEvery/1000, before); close(done) }()
	eventually(t, "the memory of the peak is given back", func() bool { return goMemory() < before+16<<20 })
	cancel()
	<-done
}

// peak needs 64 MiB for a moment.
func peak(t *testing.T, before uint64) {
	blocks := make([][]byte, 64)
	for i := range blocks {
		blocks[i] = make([]byte, 1<<20)
	}
	if now := goMemory(); now < before+32<<20 {
		t.Fatalf("%d bytes in a peak of 64 MiB, %d before: not measured", now, before)
	}
	runtime.KeepAlive(blocks)
}
