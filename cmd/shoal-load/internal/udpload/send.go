package udpload

import "github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"

// turnSize bounds how much is sent until answers, the time and a stop are looked
// for again: a rate that is far too high has something due at all times.
const turnSize = 64 * batchSize

// sendDue sends what is due, a batch a socket. What is more than a turn it leaves
// for the next.
func (w *worker) sendDue(now int64) error {
	free := w.table.room()
	due := w.pace.Due(now, free)
	again := min(len(w.retry), free)
	// What finds no room is missed, except where every peer has to be announced:
	// there it leaves later.
	if excess := due - free; excess > 0 && !w.plan.Fill {
		w.pace.Skip(excess)
		w.tally.Missed += uint64(excess)
	}
	again, due = min(again, turnSize), min(due, free-again)
	w.behind = again+due > turnSize
	due = min(due, turnSize-again)
	for due+again > 0 {
		w.out.n = 0
		if again > 0 {
			again -= w.announceAgain(now)
		} else {
			n := w.fillBatch(min(due, batchSize), now)
			if due -= n; n == 0 {
				break
			}
		}
		for i := range w.out.n {
			w.tally.Out += uint64(w.out.lengths[i])
		}
		if err := w.engine.send(w.out); err != nil {
			return err
		}
		w.ended = now
	}
	return nil
}

// fillBatch writes up to n requests of the next socket and moves on.
func (w *worker) fillBatch(n int, now int64) int {
	s := w.sockets[w.cursor]
	for range w.sockets {
		if s = w.sockets[w.cursor]; !w.plan.Fill || s.filled < w.pop.Count(s.source) {
			break
		}
		w.cursor = (w.cursor + 1) % len(w.sockets)
	}
	if w.plan.Fill {
		n = int(min(uint64(n), w.pop.Count(s.source)-s.filled))
	}
	w.out.socket = w.cursor
	for range n {
		w.request(s, now)
	}
	w.cursor = (w.cursor + 1) % len(w.sockets)
	return n
}

// request writes the next request of a socket. A connect that is needed takes
// the place of another request, except where all of these are needed too.
func (w *worker) request(s *socket, now int64) {
	kind := w.mix.Draw(w.random.Uint64())
	if s.expired(now) {
		s.asked, s.stale = now, false
		kind = plan.Connect
	}
	at := now
	if kind != plan.Connect || !w.plan.Fill {
		at = w.pace.Take(now)
	}
	number := uint64(0)
	switch {
	case kind == plan.Announce && w.plan.Fill:
		number = w.pop.Peer(s.source, s.filled)
		s.filled++
	case kind == plan.Announce:
		number = w.pop.Peer(s.source, w.random.Below(w.pop.Count(s.source)))
	}
	w.write(kind, s, number, at)
}

// announceAgain writes one peer's announce of those that need another.
func (w *worker) announceAgain(now int64) int {
	number := w.retry[len(w.retry)-1]
	w.retry = w.retry[:len(w.retry)-1]
	for i, s := range w.sockets {
		if s.source == w.pop.Source(number) {
			w.out.socket = i
			w.write(plan.Announce, s, number, now)
		}
	}
	return 1
}

// write puts one request into the batch and the table.
func (w *worker) write(kind plan.Kind, s *socket, number uint64, at int64) {
	transaction := w.table.take(at, w.out.socket, kind, number)
	room := w.out.next()
	n := 0
	switch kind {
	case plan.Connect:
		n = putConnect(room, transaction)
	case plan.Scrape:
		n = putScrape(room, s.id, transaction, w.pop, w.plan.Hashes, &w.random)
	default:
		w.pop.Describe(number, &w.peer)
		n = w.template.putAnnounce(room, s.id, transaction, w.pop, &w.peer)
	}
	w.out.add(n)
	w.tally.Sent[kind]++
}
