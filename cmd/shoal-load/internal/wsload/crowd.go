package wsload

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// A stage is what all workers do at a time.
type stage int32

const (
	opening   stage = iota // connections are opened, and announce for the first time
	resting                // nothing is begun
	loading                // announces with offers
	examining              // idle runs: each connection announces once more
	over
)

// crowd is all connections, whosever worker's they are.
type crowd struct {
	plan    *plan.Plan
	all     []*connection
	workers []*worker
	stage   atomic.Int32
}

// newCrowd spreads the connections evenly over torrents, workers and sources.
func newCrowd(p *plan.Plan, live *report.Live) (*crowd, error) {
	c := &crowd{plan: p}
	torrents := make([]torrent, min(p.Population.Torrents(), uint64(p.Connections)))
	for i := range torrents {
		torrents[i].hash = p.Population.Hash(uint64(i))
	}
	for i := range p.Workers {
		c.workers = append(c.workers, newWorker(c, i, live))
	}
	var peer population.Peer
	for slot := range p.Connections {
		w := c.workers[slot%p.Workers]
		sources := p.SourcesOf(w.index)
		p.Population.Describe(uint64(slot), &peer)
		m := &connection{
			slot: uint32(slot), torrent: &torrents[slot%len(torrents)], left: peer.Left,
			source: sources[slot/p.Workers%len(sources)],
		}
		m.torrent.members++
		c.all = append(c.all, m)
		w.conns = append(w.conns, m)
	}
	for _, w := range c.workers {
		w.free = newQueue(len(w.conns))
	}
	return c, nil
}

// status is how far a worker has come, for whoever conducts the run. It has a
// cache line of its own.
type status struct {
	tried atomic.Int64 // connections that were opened, or could not be
	open  atomic.Int64 // connections in the swarm
	busy  atomic.Int64 // announces without an answer
	heard atomic.Int64 // when the last bytes came
	ended atomic.Bool  // it will begin no further announce
	_     [88]byte
}

func (c *crowd) sum(of func(s *status) int64) (n int64) {
	for _, w := range c.workers {
		n += of(&w.status)
	}
	return n
}

func (c *crowd) open() int { return int(c.sum(func(s *status) int64 { return s.open.Load() })) }

const (
	looks = 5 * time.Millisecond   // between two looks at how far the workers are
	quiet = 300 * time.Millisecond // after which no more messages are expected
)

// conduct leads the workers through the stages of a run.
func (c *crowd) conduct(ctx context.Context) {
	defer c.stage.Store(int32(over))
	c.wait(ctx, func() bool {
		return c.sum(func(s *status) int64 { return s.tried.Load() }) == int64(len(c.all))
	})
	c.enter(resting)
	c.settle(ctx)
	open := c.open()
	if open == 0 || ctx.Err() != nil {
		return
	}
	if c.plan.Idle {
		c.hold(ctx, open)
		return
	}
	if c.plan.Loading != nil {
		c.plan.Loading(open)
	}
	c.sleep(ctx, c.plan.Rest)
	c.enter(loading)
	c.wait(ctx, func() bool {
		return c.sum(func(s *status) int64 {
			if s.ended.Load() {
				return 0
			}
			return 1
		}) == 0
	})
	c.enter(resting)
	late := context.WithoutCancel(ctx)
	c.settle(late)
	if c.plan.Loaded != nil {
		c.plan.Loaded()
	}
	c.sleep(ctx, c.plan.Rest)
}

// hold leaves all connections alone for a while, and looks by a second announce
// which of them are still good for one.
func (c *crowd) hold(ctx context.Context, open int) {
	if c.plan.Holding != nil {
		c.plan.Holding(open)
	}
	c.sleep(ctx, c.plan.Duration)
	c.enter(examining)
	late := context.WithoutCancel(ctx)
	c.wait(late, func() bool {
		return c.sum(func(s *status) int64 { return boolean(s.ended.Load()) }) == int64(len(c.workers))
	})
	c.settle(late)
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// enter begins a stage, unless the run is over.
func (c *crowd) enter(s stage) {
	if now := c.stage.Load(); now != int32(over) {
		c.stage.CompareAndSwap(now, int32(s))
	}
}

// settle waits until all announces are answered or given up, and what they
// brought forth has come.
func (c *crowd) settle(ctx context.Context) {
	begun := clock()
	c.wait(ctx, func() bool {
		now, heard := clock(), begun
		for _, w := range c.workers {
			heard = max(heard, w.status.heard.Load())
		}
		busy := c.sum(func(s *status) int64 { return s.busy.Load() })
		return busy == 0 && now-heard > int64(quiet) || now-begun > int64(c.plan.Timeout+quiet)
	})
}

// wait waits until done, the end of ctx, or that of the run.
func (c *crowd) wait(ctx context.Context, done func() bool) {
	for !done() && ctx.Err() == nil && stage(c.stage.Load()) != over {
		time.Sleep(looks)
	}
}

func (c *crowd) sleep(ctx context.Context, d time.Duration) {
	until := clock() + int64(d)
	c.wait(ctx, func() bool { return clock() >= until })
}

// request is the announce of a connection, with n offers; of one without, it is
// left to the tracker how many peers are wanted.
func (c *connection) request(n int, event shoal.Event) shoal.AnnounceRequest {
	r := shoal.AnnounceRequest{
		InfoHash: c.torrent.hash, PeerID: c.peerID, Left: c.left, NumWant: shoal.NumWantDefault, Event: event,
	}
	if n > 0 {
		r.NumWant = n
	}
	return r
}
