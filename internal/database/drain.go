package database

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync/atomic"
	"time"
)

// A Drain writes behind what is counted on the road. While the database is away,
// what is gathered adds up in memory: a count for each torrent, key and name.
type Drain struct {
	write  func(ctx context.Context, writer string, sequence uint64, b *Batch) error
	gather func(into *Batch)
	log    *slog.Logger
	driver string

	writer   string // of this process
	sequence uint64 // of current
	current  *Batch // may be in the database already: stays as it is until that is known
	pending  Batch
	unsaved  atomic.Int64

	away time.Time // since when nothing can be written; zero while it can

	every    time.Duration // from one gathering to the next
	shortest time.Duration // pause before another try; it doubles
	longest  time.Duration
	patience time.Duration // for one try
	last     time.Duration // for all that is left at the end
	most     int           // counts of a batch
}

// NewDrain returns a Drain that gather fills. gather is called by one goroutine
// at a time, and adds what there is since its last call.
func NewDrain(d *Database, gather func(into *Batch), log *slog.Logger) *Drain {
	var writer [16]byte
	rand.Read(writer[:])
	return &Drain{
		write: d.Write, gather: gather, log: log, driver: d.Driver(),
		writer: hex.EncodeToString(writer[:]),
		every:  10 * time.Second, shortest: 250 * time.Millisecond, longest: 10 * time.Second,
		patience: 30 * time.Second, last: 3 * time.Second, most: 20_000,
	}
}

// Unsaved returns how many counts are gathered and not written yet. It may be
// called at any time.
func (d *Drain) Unsaved() int { return int(d.unsaved.Load()) }

// Run gathers and writes every 10 seconds until ctx is done, and once more then,
// for 3 seconds at most. It is called once. A database that does not answer costs
// a warning, and an info line when everything is written.
func (d *Drain) Run(ctx context.Context) {
	ticker := time.NewTicker(d.every)
	defer ticker.Stop()
	retry := time.NewTimer(0)
	retry.Stop()
	defer retry.Stop()
	var pause time.Duration // 0 while there is no other try to wait for
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-ticker.C:
			d.collect()
			if pause > 0 {
				continue
			}
		case <-retry.C:
		}
		if d.flush(ctx) == nil {
			pause = 0
			continue
		}
		pause = d.longer(pause)
		retry.Reset(pause)
	}
	d.finish()
}

func (d *Drain) longer(pause time.Duration) time.Duration {
	return min(max(2*pause, d.shortest), d.longest)
}

func (d *Drain) collect() {
	d.gather(&d.pending)
	d.count()
}

func (d *Drain) count() {
	n := d.pending.Len()
	if d.current != nil {
		n += d.current.Len()
	}
	d.unsaved.Store(int64(n))
}

// flush writes all there is, and says when the database goes and comes back.
func (d *Drain) flush(ctx context.Context) error {
	written, err := d.writeAll(ctx)
	d.count()
	switch {
	case ctx.Err() != nil: // nobody waited for an answer
	case err != nil && d.away.IsZero():
		d.away = time.Now()
		d.log.Warn("the database does not take what was counted: it is kept in memory and written later",
			slog.String("driver", d.driver), slog.Any("error", err))
	case err == nil && !d.away.IsZero():
		d.log.Info("the database is back: all that was kept is written",
			slog.String("driver", d.driver), slog.Int("counts", written), slog.Duration("after", time.Since(d.away).Round(time.Millisecond)))
		d.away = time.Time{}
	}
	return err
}

func (d *Drain) writeAll(ctx context.Context) (written int, err error) {
	for {
		if d.current == nil {
			if d.pending.Len() == 0 {
				return written, nil
			}
			d.current = d.pending.take(d.most)
			d.sequence++
		}
		try, cancel := context.WithTimeout(ctx, d.patience)
		err := d.write(try, d.writer, d.sequence, d.current)
		cancel()
		if err != nil {
			return written, err
		}
		written += d.current.Len()
		d.current = nil
	}
}

// finish writes what is left when the tracker ends.
func (d *Drain) finish() {
	d.collect()
	ctx, cancel := context.WithTimeout(context.Background(), d.last)
	defer cancel()
	err := d.flush(ctx)
	for pause := d.shortest; err != nil && ctx.Err() == nil; pause = d.longer(pause) {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			err = d.flush(ctx)
		}
	}
	if err == nil {
		return
	}
	left := [...]int{len(d.pending.Completed), len(d.pending.Accounts), len(d.pending.Totals)}
	if d.current != nil {
		left[0] += len(d.current.Completed)
		left[1] += len(d.current.Accounts)
		left[2] += len(d.current.Totals)
	}
	d.log.Error("the database did not take the last of what was counted: it is lost",
		slog.String("driver", d.driver), slog.Int("torrents", left[0]), slog.Int("keys", left[1]), slog.Int("totals", left[2]),
		slog.Any("error", err))
}
