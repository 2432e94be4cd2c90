// Package httpload loads a tracker over HTTP (BEP 3), with TLS or without, with
// a connection for each request or with connections that are kept, busy or idle.
package httpload

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

// sweepInterval is how often connections that are given up are looked for.
const sweepInterval = 50 * time.Millisecond

// endingTime is how long the target may take to close a connection that it was
// asked to close.
const endingTime = int64(sweepInterval) / 2

// Run runs a load test until it is over or ctx ends. The time it returns is
// from the first request to the last answer.
func Run(ctx context.Context, p *plan.Plan, live *report.Live) (*report.Tally, time.Duration, error) {
	engines := make([]engine, 0, p.Workers)
	for i := range p.Workers {
		e, err := newEngine(p, newWorker(p, i, live))
		if err != nil {
			return nil, 0, err
		}
		defer e.close()
		engines = append(engines, e)
	}
	start := clock()
	failures := make(chan error, len(engines))
	for _, e := range engines {
		go func() { failures <- e.run(ctx, start) }()
	}
	var err error
	for range engines {
		err = errors.Join(err, <-failures)
	}
	total := report.NewTally()
	end := start
	for _, e := range engines {
		w := e.worker()
		total.Add(w.tally)
		end = max(end, w.ended)
		live.Publish(w.index, w.tally)
	}
	if err != nil {
		err = fmt.Errorf("loading %v: %w", p.Target, err)
	}
	return total, time.Duration(max(end, total.Last) - start), err
}

// An engine runs the connections of one worker.
type engine interface {
	run(ctx context.Context, start int64) error
	worker() *worker
	close()
}
