// Package wsload loads a WebTorrent tracker over WebSockets, with TLS or without:
// every connection is a browser that announces with offers, and answers those it
// is handed.
package wsload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

var epoch = time.Now()

// clock is the time of all workers, in nanoseconds.
func clock() int64 { return int64(time.Since(epoch)) }

// sweepInterval is how often connections that are given up, or may be tried
// again, are looked for.
const sweepInterval = 50 * time.Millisecond

// Run runs a load test until it is over or ctx ends. The time it returns is from
// the first announce with offers, or the first of all where connections stay
// idle, to the last message.
func Run(ctx context.Context, p *plan.Plan, live *report.Live) (*report.Tally, time.Duration, error) {
	c, err := newCrowd(p, live)
	if err != nil {
		return nil, 0, err
	}
	engines := make([]engine, 0, p.Workers)
	for _, w := range c.workers {
		e, err := newEngine(p, w)
		if err != nil {
			return nil, 0, err
		}
		defer e.close()
		w.engine = e
		engines = append(engines, e)
	}
	failures := make(chan error, len(engines))
	for _, e := range engines {
		go func() {
			err := e.run()
			if err != nil {
				c.stage.Store(int32(over))
			}
			failures <- err
		}()
	}
	c.conduct(ctx)
	for range engines {
		err = errors.Join(err, <-failures)
	}
	total := report.NewTally()
	start, end := c.workers[0].started, int64(0)
	for _, w := range c.workers {
		total.Add(w.tally)
		start, end = min(start, w.started), max(end, w.ended)
		live.Publish(w.index, w.tally)
	}
	if err != nil {
		err = fmt.Errorf("loading %v: %w", p.Target, err)
	}
	return total, time.Duration(max(end, total.Last, start) - start), err
}

// An engine moves the bytes of one worker's connections. What it hears it tells
// the worker, one thing at a time.
type engine interface {
	// run moves bytes until the worker is through.
	run() error
	// dial begins to open a connection; the worker's opened or closed follows.
	dial(c *connection)
	// flush sends what has been said on a connection, soon.
	flush(c *connection)
	// shut closes a connection, of which the worker hears nothing more.
	shut(c *connection)
	close()
}
