package app

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-tracker/shoal/internal/swarm"
)

func TestWatchSaysThatALimitIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		var totals atomic.Pointer[swarm.Totals]
		totals.Store(new(swarm.Totals))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			watch(ctx, func() swarm.Totals { return *totals.Load() }, slog.New(slog.NewTextHandler(&log, nil)))
			close(done)
		}()
		lines := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := strings.Count(log.String(), "a limit is reached"); got != want {
				t.Errorf("%s: %d lines, want %d:\n%s", what, got, want, log.String())
			}
		}
		time.Sleep(3 * watchEvery)
		lines("nobody was refused", 0)
		totals.Store(&swarm.Totals{PeersRefused: 1})
		time.Sleep(2 * watchEvery)
		lines("a peer was refused", 1)
		totals.Store(&swarm.Totals{PeersRefused: 1, TorrentsEvicted: 5})
		time.Sleep(2 * watchEvery)
		lines("and more soon after", 1)
		time.Sleep(watchSilent)
		lines("nothing new for an hour", 1)
		totals.Store(&swarm.Totals{PeersRefused: 1, TorrentsEvicted: 5, TorrentsRefused: 9})
		time.Sleep(2 * watchEvery)
		lines("more after an hour", 2)
		if !strings.Contains(log.String(), "torrents_refused=9 torrents_evicted=5 peers_refused=1") {
			t.Errorf("the counts are missing:\n%s", log.String())
		}
		if !strings.Contains(log.String(), "or torrents were evicted") {
			t.Errorf("nothing is said of evictions:\n%s", log.String())
		}
		cancel()
		<-done
	})
}

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
