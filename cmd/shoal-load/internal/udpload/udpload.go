// Package udpload loads a tracker over UDP (BEP 15). A worker owns a socket for
// each of its source addresses and sends in batches, round robin over them:
// where an answer arrives has no bearing on where the next request leaves.
package udpload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// batchSize is how many packets one system call moves.
const batchSize = 64

// An engine moves the packets of one worker's sockets.
type engine interface {
	// receive fills in with packets of one socket. It waits up to timeout
	// where nothing has come; more is true when other sockets have packets.
	receive(in *batch, timeout time.Duration) (more bool, err error)
	// send sends out from its socket. What the system does not take is left
	// to time out.
	send(out *batch) error
	// nap lets packets gather.
	nap(d time.Duration)
	// dropped returns how many packets came and found no room.
	dropped() uint64
	close()
}

var epoch = time.Now()

// clock is the time of all workers, in nanoseconds.
func clock() int64 { return int64(time.Since(epoch)) }

// Run runs a load test until it is over or ctx ends. The time it returns is
// from the first request to the last answer.
func Run(ctx context.Context, p *plan.Plan, live *report.Live) (*report.Tally, time.Duration, error) {
	var workers []*worker
	defer func() {
		for _, w := range workers {
			w.engine.close()
		}
	}()
	for i := range p.Workers {
		w, err := newWorker(p, i, live)
		if err != nil {
			return nil, 0, err
		}
		workers = append(workers, w)
	}
	for _, w := range workers {
		if err := w.introduce(ctx); err != nil {
			return nil, 0, err
		}
	}
	start := clock()
	failures := make(chan error, len(workers))
	for _, w := range workers {
		go func() { failures <- w.run(ctx, start) }()
	}
	var err error
	for range workers {
		err = errors.Join(err, <-failures)
	}
	total := report.NewTally()
	end := start
	for _, w := range workers {
		total.Add(w.tally)
		end = max(end, w.ended)
	}
	if err != nil {
		err = fmt.Errorf("loading %v: %w", p.Target, err)
	}
	return total, time.Duration(max(end, total.Last) - start), err
}
