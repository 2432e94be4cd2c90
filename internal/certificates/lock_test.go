package certificates

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLock: two nodes on one directory keep out of each other's way.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	stores := []*store{newStore(dir), newStore(dir)}
	var inside, times atomic.Int32
	var all sync.WaitGroup
	for i := range 4 {
		s := stores[i%2]
		all.Go(func() {
			if err := s.Lock(t.Context(), "a name"); err != nil {
				t.Error(err)
				return
			}
			if inside.Add(1) != 1 {
				t.Error("two have one lock")
			}
			times.Add(1)
			inside.Add(-1)
			if err := s.Unlock(t.Context(), "a name"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if times.Load() != 4 {
		t.Errorf("%d had the lock, want 4", times.Load())
	}
	one, two := stores[0], stores[1]
	if err := one.Unlock(t.Context(), "a name"); err == nil {
		t.Error("unlocked what was not locked")
	}
	if ok, err := one.TryLock(t.Context(), "x"); !ok || err != nil {
		t.Errorf("try a free lock: %t, %v", ok, err)
	}
	if ok, err := two.TryLock(t.Context(), "x"); ok || err != nil {
		t.Errorf("try a lock that is taken: %t, %v", ok, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := two.Lock(gone, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting is given up: %v", err)
	}
	// The node dies: nothing touches its lock any more.
	one.held["x"]()
	old := time.Now().Add(-lockForgotten - time.Second)
	if err := os.Chtimes(one.lockFile("x"), old, old); err != nil {
		t.Fatal(err)
	}
	if ok, err := two.TryLock(t.Context(), "x"); !ok || err != nil {
		t.Errorf("try the lock of a node that died: %t, %v", ok, err)
	}
	if err := two.Unlock(gone, "x"); err != nil {
		t.Errorf("unlock after the end: %v", err)
	}
	if _, err := os.Stat(two.lockFile("x")); err == nil {
		t.Error("the file of a released lock is left")
	}
}
