package httpload

import (
	"context"
	"time"
)

// How many announces of a run with idle connections are under way at a time.
// Trackers may well refuse a network that begins hundreds of handshakes at once.
const (
	opening  = 128
	checking = 1024 // in the end, when the hands are shaken
)

// hold announces once on each connection, leaves all alone for a while, and looks
// by a second announce which of them are still good for one.
func (d *dispatcher) hold(ctx context.Context) error {
	w := d.w
	if err := d.announceOn(ctx, d.conns, opening); err != nil {
		return err
	}
	var held []*carrier
	for _, c := range d.conns {
		if c.conn != nil {
			c.once = true
			held = append(held, c)
		}
	}
	w.tally.Opened = uint64(len(held))
	if len(held) == 0 {
		return nil
	}
	if w.plan.Holding != nil {
		w.plan.Holding(len(held))
	}
	timer := time.NewTimer(w.plan.Duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	err := d.announceOn(context.WithoutCancel(ctx), held, checking)
	for _, c := range held {
		if c.conn != nil {
			w.tally.Open++
		}
	}
	return err
}

// announceOn announces on each of the connections, on so many at a time, and
// returns when all are answered or given up.
func (d *dispatcher) announceOn(ctx context.Context, conns []*carrier, most int) error {
	for len(conns) > 0 || d.waiting > 0 {
		if ctx.Err() != nil {
			conns = nil
		}
		for len(conns) > 0 && d.waiting < most {
			c := conns[0]
			conns = conns[1:]
			c.job, c.source, _ = d.w.next(c.source, clock()) // any, where it has none yet
			d.give(c)
		}
		if d.waiting == 0 {
			break
		}
		if err := d.finish(<-d.done); err != nil {
			return err
		}
		d.w.live.Publish(d.w.index, d.w.tally)
	}
	return nil
}
