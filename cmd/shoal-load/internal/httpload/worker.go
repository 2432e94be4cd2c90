package httpload

import (
	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/check"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// worker chooses requests and judges answers; the engine moves the bytes.
type worker struct {
	plan     *plan.Plan
	pop      *population.Population
	index    int
	mix      plan.Mix
	random   population.Random
	pace     plan.Pace
	sources  []source
	cursor   int      // of sources
	retry    []uint64 // peers to announce again; Fill only
	form     form
	hashes   []shoal.InfoHash // of a scrape
	torrents []check.Torrent  // room for what one says
	tally    *report.Tally
	checker  *check.Checker
	live     *report.Live
	started  int64
	ended    int64 // when the last request left
}

// source is one address that a worker announces from.
type source struct {
	index  int    // in the plan
	filled uint64 // peers announced so far; Fill only
}

// job is one request.
type job struct {
	kind   plan.Kind
	peer   uint64
	source int               // index in the plan
	at     int64             // when it left, or should have
	random population.Random // what a scrape asks for is drawn from this
}

func newWorker(p *plan.Plan, index int, live *report.Live) *worker {
	w := &worker{
		plan: p, pop: p.Population, index: index, mix: p.Mix(),
		random: population.NewRandom(p.Seed + uint64(index)),
		form:   newForm(p), hashes: make([]shoal.InfoHash, p.Hashes),
		torrents: make([]check.Torrent, 0, p.Hashes),
		tally:    report.NewTally(), live: live,
	}
	w.checker = check.New(p, w.tally)
	for _, i := range p.SourcesOf(index) {
		w.sources = append(w.sources, source{index: i})
	}
	return w
}

// anySource is the source of a request that may come from each.
const anySource = -1

// next chooses a request from a source of the worker's, counted from 0, or
// from any. It returns that of the request; ok is false where a source has no
// peer left to announce.
func (w *worker) next(from int, now int64) (j job, of int, ok bool) {
	if n := len(w.retry); n > 0 && from == anySource {
		j = job{peer: w.retry[n-1], at: now}
		w.retry = w.retry[:n-1]
		j.source = w.pop.Source(j.peer)
		of = j.source / w.plan.Workers
		w.sent(&j, now)
		return j, of, true
	}
	if of = from; from == anySource {
		of = w.turn()
	}
	s := &w.sources[of]
	count := w.pop.Count(s.index)
	if w.plan.Fill && s.filled == count {
		return job{}, of, false
	}
	j.at = w.pace.Take(now)
	j.source = s.index
	j.kind = w.mix.Draw(w.random.Uint64())
	if w.plan.Fill {
		j.peer = w.pop.Peer(s.index, s.filled)
		s.filled++
	} else {
		j.peer = w.pop.Peer(s.index, w.random.Below(count))
	}
	if j.kind == plan.Scrape {
		j.random = population.NewRandom(w.random.Uint64())
	}
	w.sent(&j, now)
	return j, of, true
}

// turn returns the next source in turn that has something to announce.
func (w *worker) turn() (of int) {
	for range w.sources {
		of = w.cursor
		w.cursor = (w.cursor + 1) % len(w.sources)
		if s := &w.sources[of]; !w.plan.Fill || s.filled < w.pop.Count(s.index) {
			break
		}
	}
	return of
}

func (w *worker) sent(j *job, now int64) {
	w.tally.Sent[j.kind]++
	w.ended = now
}

// write appends the bytes of a request.
func (w *worker) write(dst []byte, j *job) []byte {
	start := len(dst)
	if j.kind == plan.Scrape {
		dst = w.form.scrape(dst, w.asked(j))
	} else {
		dst = w.form.announce(dst, w.pop, j.peer)
	}
	w.tally.Out += uint64(len(dst) - start)
	return dst
}

// asked returns the torrents that a scrape asks for, until it is called again.
func (w *worker) asked(j *job) []shoal.InfoHash {
	random := j.random
	for i := range w.hashes {
		w.hashes[i] = w.pop.Hash(w.pop.Torrent(random.Below(w.pop.Peers())))
	}
	return w.hashes
}

// lost counts a request without an answer; refused says that the target cut
// the connection, or made none.
func (w *worker) lost(j *job, refused bool) {
	w.tally.Lost++
	if refused {
		w.tally.Refused++
	}
	if w.plan.Fill {
		w.retry = append(w.retry, j.peer)
	}
}

// idle reports whether nothing is left to be sent.
func (w *worker) idle(now int64) bool { return w.pace.Ended(now) && len(w.retry) == 0 }

// sweep is for every now and then: it ends the run when told to, or when a
// target to be filled has gone.
func (w *worker) sweep(now int64, stop bool) {
	if stop || w.plan.GivenUp(now, max(w.started, w.tally.Last)) {
		w.pace.Stop(now)
		w.retry = w.retry[:0]
	}
	w.live.Publish(w.index, w.tally)
}

// start begins a run.
func (w *worker) start(now int64) {
	w.pace = w.plan.NewPace(w.index, now)
	w.started, w.ended = now, now
}
