package plan

import (
	"math"
	"time"
)

// Pace says when a worker sends. In a closed loop that is when there is room;
// in an open loop it is at fixed times, whatever the answers do, and a request
// that leaves late counts from the time it should have left.
type Pace struct {
	interval float64 // nanoseconds between requests; 0: closed loop
	start    int64   // of the run
	first    float64 // nanoseconds from start to the first request
	deadline int64
	given    uint64
	limit    uint64 // requests in all; 0: no limit
	finite   bool
}

// NewPace makes the pace of one worker for a run that starts at a time of the
// worker's clock.
func (p *Plan) NewPace(worker int, start int64) Pace {
	pace := Pace{start: start, deadline: start + int64(p.Duration), limit: p.RequestsOf(worker)}
	pace.finite = p.Fill || p.Requests > 0
	if p.Fill {
		pace.deadline = math.MaxInt64 / 2
	}
	if !p.Closed() {
		pace.interval = float64(time.Second) * float64(p.Workers) / p.Rate
		pace.first = pace.interval * float64(worker) / float64(p.Workers)
	}
	return pace
}

// Due returns how many requests may leave now, of which there is room for
// free. In an open loop it may be more than free.
func (p *Pace) Due(now int64, free int) int {
	if p.Ended(now) {
		return 0
	}
	n := free
	if p.interval > 0 {
		n = int(p.scheduled(min(now, p.deadline-1)) - min(p.given, p.scheduled(now)))
	}
	if p.finite {
		n = int(min(uint64(max(n, 0)), p.limit-p.given))
	}
	return max(n, 0)
}

// scheduled returns how many requests of an open loop should have left by a
// time.
func (p *Pace) scheduled(at int64) uint64 {
	elapsed := float64(at-p.start) - p.first
	if elapsed < 0 {
		return 0
	}
	return uint64(elapsed/p.interval) + 1
}

// Take gives a request out and returns the time from which it counts.
func (p *Pace) Take(now int64) int64 {
	at := now
	if p.interval > 0 {
		at = p.start + int64(p.first+float64(p.given)*p.interval)
	}
	p.given++
	return at
}

// Skip gives out n requests that will not leave.
func (p *Pace) Skip(n int) { p.given += uint64(n) }

// Until returns the nanoseconds to the next request of an open loop.
func (p *Pace) Until(now int64) int64 {
	return p.start + int64(p.first+float64(p.given)*p.interval) - now
}

// Crowded reports whether more than one request of an open loop falls due
// within d.
func (p *Pace) Crowded(d time.Duration) bool { return p.interval > 0 && p.interval < float64(d) }

// grace is how late the last requests of an open loop may leave.
const grace = int64(50 * time.Millisecond)

// Ended reports whether no request will leave any more.
func (p *Pace) Ended(now int64) bool {
	switch {
	case p.finite && p.given >= p.limit:
		return true
	case now < p.deadline:
		return false
	}
	return p.interval == 0 || now >= p.deadline+grace || p.given >= p.scheduled(p.deadline-1)
}

// Stop lets no further request leave.
func (p *Pace) Stop(now int64) { p.deadline = min(p.deadline, now-grace) }

// Missed returns how many requests of an open loop were due before it ended
// and never left.
func (p *Pace) Missed(end int64) uint64 {
	if p.interval == 0 {
		return 0
	}
	due := p.scheduled(min(end, p.deadline-1))
	if p.finite {
		due = min(due, p.limit)
	}
	return due - min(due, p.given)
}
