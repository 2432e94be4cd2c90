package udpload

import (
	"context"
	"runtime"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/check"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// worker is one thread of a load test. Nothing in its loop allocates.
type worker struct {
	plan     *plan.Plan
	pop      *population.Population
	index    int
	ipv6     bool
	engine   engine
	sockets  []*socket
	cursor   int // socket that sends next
	table    *table
	retry    []uint64 // peers to announce again; Fill only
	in, out  *batch
	template template
	mix      plan.Mix
	random   population.Random
	pace     plan.Pace
	peer     population.Peer // of the request being written
	behind   bool            // more is due than the last turn sent
	gathered int             // packets since the last nap or wait
	swept    int64           // when expired requests were last looked for
	ended    int64           // when the last request left, or the time was over
	tally    *report.Tally
	checker  *check.Checker
	live     *report.Live
}

func newWorker(p *plan.Plan, index int, live *report.Live) (*worker, error) {
	w := &worker{
		plan: p, pop: p.Population, index: index, ipv6: p.Target.Addr().Is6(),
		in: newBatch(answerRoom(p)), out: newBatch(requestRoom(p)),
		template: newTemplate(p), mix: p.Mix(),
		random: population.NewRandom(p.Seed + uint64(index)),
		table:  newTable(inFlight(p, index)),
		tally:  report.NewTally(), live: live,
	}
	w.checker = check.New(p, w.tally)
	w.retry = make([]uint64, 0, len(w.table.slots))
	for _, source := range p.SourcesOf(index) {
		w.sockets = append(w.sockets, &socket{source: source})
	}
	var err error
	w.engine, err = newEngine(p, w.sockets)
	return w, err
}

// inFlight returns how many requests may wait for an answer. In an open loop
// that is as many as leave until the first of them is given up, and some more.
func inFlight(p *plan.Plan, worker int) int {
	if p.Closed() {
		return min(p.ConnectionsOf(worker), maxSlots)
	}
	during := p.Rate / float64(p.Workers) * (p.Timeout.Seconds() + sweepInterval.Seconds())
	return int(min(during*1.25+2*batchSize, maxSlots)) // a large rate is no int
}

// sweepInterval is how often requests that are given up are looked for.
const sweepInterval = 50 * time.Millisecond

// run sends and receives until the plan is fulfilled and every request is
// answered or given up.
func (w *worker) run(ctx context.Context, start int64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w.pace = w.plan.NewPace(w.index, start)
	w.swept, w.ended = start, start
	for {
		now := clock()
		if err := w.sendDue(now); err != nil {
			return err
		}
		if now-w.swept > int64(sweepInterval) {
			w.swept = now
			w.sweep(now)
			if ctx.Err() != nil || w.plan.GivenUp(now, max(start, w.tally.Last)) {
				w.pace.Stop(now)
				w.retry = w.retry[:0]
			}
		}
		if w.pace.Ended(now) && len(w.retry) == 0 && w.table.waiting() == 0 {
			break
		}
		if err := w.gather(now); err != nil {
			return err
		}
	}
	w.tally.Missed += w.pace.Missed(clock())
	w.tally.Dropped = w.engine.dropped()
	w.live.Publish(w.index, w.tally)
	return nil
}

// gather receives until there is a batch to send, or nothing more to receive.
func (w *worker) gather(now int64) error {
	if w.napPays() {
		w.engine.nap(w.plan.Nap)
	}
	w.gathered = 0
	for first := true; ; first = false {
		timeout := time.Duration(0)
		if first {
			timeout = w.patience(now)
		}
		more, err := w.engine.receive(w.in, timeout)
		if err != nil {
			return err
		}
		if w.in.n > 0 {
			now = clock()
			for i := range w.in.n {
				w.take(w.in.packet(i), w.in.socket, now)
			}
			w.gathered += w.in.n
		}
		if !more || w.plan.Closed() && w.table.room() >= batchSize && !w.pace.Ended(now) {
			return nil
		}
	}
}

// Fewer packets than this at a time cost more to wake up for than to move.
const worthWaking = batchSize / 2

// napPays decides on a nap, in which packets gather, before the next receive.
// Without one, a tracker that is slower than its load wakes the worker for
// every packet, and pays for it. A nap must not stand in the way of the only
// requests there are, or of finding out how fast an idle tracker answers.
func (w *worker) napPays() bool {
	if w.plan.Nap == 0 || w.gathered >= worthWaking {
		return false
	}
	if w.plan.Closed() {
		return w.table.waiting() >= 2*batchSize
	}
	return w.pace.Crowded(w.plan.Nap)
}

// patience returns how long to wait for packets.
func (w *worker) patience(now int64) time.Duration {
	if w.behind {
		return 0
	}
	d := sweepInterval
	if !w.plan.Closed() && !w.pace.Ended(now) && w.table.room() > 0 {
		d = min(d, time.Duration(max(0, w.pace.Until(now))))
	}
	return d
}

// sweep gives up what was not answered in time.
func (w *worker) sweep(now int64) {
	w.table.expire(now-int64(w.plan.Timeout), func(s *slot) {
		w.tally.Lost++
		w.sockets[s.socket].stale = true
		w.again(s)
	})
	w.live.Publish(w.index, w.tally)
}

// again has a peer announced once more where each has to be.
func (w *worker) again(s *slot) {
	if w.plan.Fill && s.kind == plan.Announce && len(w.retry) < cap(w.retry) {
		w.retry = append(w.retry, s.peer)
	}
}
