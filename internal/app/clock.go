package app

import (
	"context"
	"time"

	"github.com/shoal-tracker/shoal"
)

var started = time.Now()

// setClock sets the clock to the time of day at start and what has passed
// since on the monotonic clock: correcting the machine's time must not expire
// every peer.
func (a *App) setClock() {
	a.clock.Set(shoal.TickOf(started.Add(time.Since(started))))
}

// tick is the only writer of the clock.
func (a *App) tick(ctx context.Context) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.setClock()
		}
	}
}
