package udpload

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/udptracker"
)

// socket is one source address of a worker.
type socket struct {
	source int    // index in the plan
	id     uint64 // connection ID
	since  int64  // when it was given
	asked  int64  // when a new one was asked for last
	stale  bool   // the tracker may have stopped taking it
	filled uint64 // peers announced so far; Fill only
}

// How long a connection ID is used (BEP 15), and how often a new one is asked
// for when answers fail to come: the tracker may be new.
const (
	idLife  = int64(60 * time.Second)
	idRetry = int64(time.Second)
)

func (s *socket) expired(now int64) bool {
	return (s.stale || now-s.since > idLife) && now-s.asked > idRetry
}

func (s *socket) renewed(id uint64, now int64) { s.id, s.since, s.stale = id, now, false }

// How often and how long a tracker is asked for its first connection ID.
const (
	introductions    = 5
	introductionTime = 500 * time.Millisecond
)

// introduce gets a connection ID for each socket, before time is taken. What is
// asked stands in the table, so that an answer that comes when the run has
// begun is known to be late.
func (w *worker) introduce(ctx context.Context) error {
	for i, s := range w.sockets {
		if err := w.introduceSocket(ctx, i, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) introduceSocket(ctx context.Context, i int, s *socket) error {
	for range introductions {
		transaction := w.table.take(clock(), i, plan.Connect, 0)
		w.out.n, w.out.socket = 0, i
		w.out.add(putConnect(w.out.next(), transaction))
		if err := w.engine.send(w.out); err != nil {
			return err
		}
		for end := clock() + int64(introductionTime); ; {
			if err := ctx.Err(); err != nil {
				return err
			}
			left := end - clock()
			if left <= 0 {
				break
			}
			if _, err := w.engine.receive(w.in, time.Duration(left)); err != nil {
				return err
			}
			for j := range w.in.n {
				p := w.in.packet(j)
				if len(p) < udptracker.ReplyHeader || binary.BigEndian.Uint32(p[4:]) != transaction || w.in.socket != i {
					continue // of an earlier try, or a stranger's
				}
				w.table.release(transaction)
				id, err := udptracker.ParseConnectReply(p, transaction)
				if err != nil {
					return fmt.Errorf("connecting to %v: %w", w.plan.Target, err)
				}
				s.renewed(id, clock())
				return nil
			}
		}
		w.table.giveUp(transaction)
	}
	return fmt.Errorf("connecting to %v from %v: no answer: is a UDP tracker listening there?", w.plan.Target, w.plan.Sources[s.source])
}
