package wsload

import (
	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// How many connections of all workers are opened at a time. Trackers may well
// refuse a network that begins hundreds of handshakes at once.
const mostOpening = 128

// mostExamined is how many idle connections of a worker announce at a time.
const mostExamined = 1024

// worker says what its connections say, and judges what they hear. It is used by
// one goroutine at a time.
type worker struct {
	crowd   *crowd
	plan    *plan.Plan
	index   int
	engine  engine
	conns   []*connection
	free    queue // connections that may announce
	random  population.Random
	pace    plan.Pace
	stage   stage
	begun   int64 // when the stage was entered
	next    int   // the first connection that was not tried yet; the next to be closed, or examined
	churned int
	parting []*connection // closed and opened again when next looked at
	opening int           // connections between dialing and their first reply
	busy    int           // announces without an answer
	open    int           // connections in the swarm
	swept   int64
	started int64
	ended   int64 // when the last announce left
	err     error // why nothing more can be done

	head    string // of an upgrade
	offer   form
	answer  form
	request shoal.AnnounceRequest
	offers  []webtorrent.Offer // and their memory
	text    []byte             // a message before it is framed
	sdp     []byte             // an answer
	reply   webtorrent.Reply
	buffers [][]byte // what no connection needs at present
	tally   *report.Tally
	live    *report.Live
	status  status
}

func newWorker(c *crowd, index int, live *report.Live) *worker {
	p := c.plan
	now := clock()
	return &worker{
		crowd: c, plan: p, index: index,
		random: population.NewRandom(p.Seed + uint64(index)),
		begun:  now, started: now, swept: now, ended: now,
		head: upgradeHead(p), offer: newForm("offer", p.SDP), answer: newForm("answer", p.SDP),
		offers: make([]webtorrent.Offer, p.Offers),
		tally:  report.NewTally(), live: live,
	}
}

// advance begins what is due. Engines call it after whatever they heard, and at
// least every sweepInterval. The run is over when it returns false.
func (w *worker) advance(now int64) bool {
	if s := stage(w.crowd.stage.Load()); s != w.stage {
		w.enter(s, now)
	}
	if w.stage == over || w.err != nil {
		return false
	}
	if now-w.swept > int64(sweepInterval) {
		w.sweep(now)
	}
	switch w.stage {
	case opening:
		w.openMore(now)
	case loading:
		for _, c := range w.parting {
			if c.leaving && c.state == ready {
				w.reopen(c, now)
			}
		}
		w.parting = w.parting[:0]
		w.churn(now)
		due := min(w.pace.Due(now, w.free.held), w.free.held)
		for range due {
			c := w.free.pop()
			if c == nil {
				break
			}
			w.announce(c, now, w.pace.Take(now), w.plan.Offers, shoal.EventNone)
			c.counted = true
			w.tally.Sent[plan.Announce]++
			w.ended = now
		}
		w.status.ended.Store(w.pace.Ended(now))
	case examining:
		w.examine(now)
	}
	w.status.busy.Store(int64(w.busy))
	w.status.open.Store(int64(w.open))
	return true
}

// rest returns how many nanoseconds may pass until something is due.
func (w *worker) rest(now int64) int64 {
	rest := int64(sweepInterval)
	if w.stage != loading {
		return min(rest, int64(looks))
	}
	if !w.plan.Closed() && !w.pace.Ended(now) && w.free.held > 0 {
		rest = min(rest, max(0, w.pace.Until(now)))
	}
	if w.plan.Churn > 0 {
		rest = min(rest, int64(looks))
	}
	return rest
}

// enter begins a stage.
func (w *worker) enter(s stage, now int64) {
	was := w.stage
	w.stage, w.begun, w.next = s, now, 0
	switch {
	case s == loading:
		w.pace = w.plan.NewPace(w.index, now)
		w.started, w.ended = now, now
		w.tally.In, w.tally.Out = 0, 0
		w.tally.Relay.Joined = uint64(w.open)
	case was == loading:
		w.tally.Missed += w.pace.Missed(now)
	case was == opening && w.plan.Idle:
		w.tally.Opened = uint64(w.open)
	case was == examining:
		w.tally.Open = uint64(w.open)
	}
}

// openMore opens connections that were never tried.
func (w *worker) openMore(now int64) {
	most := max(1, mostOpening/w.plan.Workers)
	for w.opening < most && w.next < len(w.conns) && w.err == nil {
		c := w.conns[w.next]
		w.next++
		w.dial(c, now)
	}
}

// dial opens a connection that is away.
func (w *worker) dial(c *connection, now int64) {
	c.anew = c.tried
	c.renew()
	c.state, c.since = dialing, now
	c.leaving, c.inParts = false, false
	c.before, c.after, c.givenUp, c.owed = 0, 0, 0, 0
	c.message = nil
	w.opening++
	w.engine.dial(c)
}

// sweep gives up what was not answered in time, and opens again what was
// closed.
func (w *worker) sweep(now int64) {
	w.swept = now
	for _, c := range w.conns {
		late := now-c.since > int64(w.plan.Timeout)
		switch {
		case c.state == away && c.tried && w.stage == loading:
			w.dial(c, now)
		case late && c.state == announcing && c.unsent() <= mostUnsent:
			w.lose(c)
			c.givenUp++
			w.rejoin(c, now)
		case late && c.state != ready && c.state != away:
			w.leave(c)
		}
	}
	w.live.Publish(w.index, w.tally)
}

// churn closes and opens again as many connections as are due.
func (w *worker) churn(now int64) {
	if w.plan.Churn == 0 || w.pace.Ended(now) {
		return
	}
	due := int(float64(now-w.begun) / 1e9 * w.plan.Churn / float64(w.plan.Workers))
	for looked := 0; w.churned < due && looked < len(w.conns); looked++ {
		c := w.conns[w.next%len(w.conns)]
		w.next++
		switch {
		case c.leaving:
		case c.state == ready:
			w.reopen(c, now)
		case c.state == announcing:
			c.leaving = true
		default:
			continue
		}
		w.churned++
	}
}

// reopen closes a connection, every second time without a farewell, and opens it
// again.
func (w *worker) reopen(c *connection, now int64) {
	if c.generation%2 == 0 {
		w.say(c, opClose, []byte{0x03, 0xe9}) // 1001: going away
	}
	w.leave(c)
	w.dial(c, now)
}

// rejoin lets a connection announce again that has nothing more to wait for.
func (w *worker) rejoin(c *connection, now int64) {
	c.state, c.since = ready, now
	if c.leaving {
		w.parting = append(w.parting, c)
		return
	}
	w.free.push(c)
}

// examine announces once more on each connection.
func (w *worker) examine(now int64) {
	for w.busy < mostExamined && w.next < len(w.conns) {
		c := w.conns[w.next]
		w.next++
		if c.state != ready || c.examined {
			continue
		}
		c.examined = true
		w.announce(c, now, now, 0, shoal.EventNone)
		c.counted = true
		w.tally.Sent[plan.Announce]++
		w.ended = now
	}
	w.status.ended.Store(w.next == len(w.conns))
}

// lose counts the announce that a connection waits for as lost.
func (w *worker) lose(c *connection) {
	w.busy--
	if c.counted {
		w.tally.Lost++
	}
	c.counted = false
}

// leave closes a connection.
func (w *worker) leave(c *connection) {
	w.engine.shut(c)
	w.gone(c)
}

// gone counts a connection that is closed.
func (w *worker) gone(c *connection) {
	switch c.state {
	case away:
		return
	case dialing, upgrading, joining:
		w.opening--
	default:
		w.open--
	}
	if c.waits() {
		w.lose(c)
	}
	c.state = away
	w.release(c)
	w.try(c)
}

// try notes that a connection has been opened, or could not be.
func (w *worker) try(c *connection) {
	if !c.tried {
		c.tried = true
		w.status.tried.Add(1)
	}
}

// closed is told by the engine of a connection that the tracker closed, or that
// could not be opened. What is hopeless for one is so for all.
func (w *worker) closed(c *connection, err error) {
	if why := hopeless(err); why != nil {
		w.err = why
	}
	if c.state != away && !isTimeout(err) {
		w.tally.Refused++
	}
	w.gone(c)
}

// broken is told of a connection on which the tracker said what no tracker may.
func (w *worker) broken(c *connection, kind report.Wrong, why error, raw []byte) {
	w.tally.WrongStray(kind, why.Error(), raw)
	w.leave(c)
}
