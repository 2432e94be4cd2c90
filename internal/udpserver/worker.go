package udpserver

import (
	"errors"
	"log/slog"
	"net"
	"runtime"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/packetio"
	"github.com/shoal-tracker/shoal/internal/tracker"
	"github.com/shoal-tracker/shoal/udptracker"
)

// worker answers the datagrams of one socket, a batch at a time. Everything it
// writes to is its own and made once.
type worker struct {
	server  *Server
	socket  *packetio.Socket
	batch   *packetio.Batch
	tracker *tracker.Tracker
	ids     connectionIDs
	clock   *shoal.Clock
	log     *slog.Logger

	// The announces of a batch are gathered, because the swarm answers many at
	// once faster than each alone.
	announces    int
	slots        [packetio.BatchSize]int    // of the batch
	transactions [packetio.BatchSize]uint32 // to echo
	requests     [packetio.BatchSize]shoal.AnnounceRequest
	responses    [packetio.BatchSize]shoal.AnnounceResponse
	failures     [packetio.BatchSize]shoal.Failure

	hashes [udptracker.MaxScrape]shoal.InfoHash
	counts [udptracker.MaxScrape]shoal.ScrapeCounts

	tally    tally
	timing   timing
	counters counters
}

func newWorker(s *Server, socket *packetio.Socket, t *tracker.Tracker, ids connectionIDs, clock *shoal.Clock) *worker {
	return &worker{
		server:  s,
		socket:  socket,
		batch:   packetio.NewBatch(),
		tracker: t,
		ids:     ids,
		clock:   clock,
		log:     s.log,
		timing:  timing{watch: sinceStarted},
	}
}

// receivePause is what a worker waits after a receive that failed, so that an
// error which stays does not take the core.
const receivePause = 100 * time.Millisecond

// run receives, answers and sends until the socket is closed.
func (w *worker) run() {
	// The mmsg engine blocks in system calls, where a thread of its own spares
	// the scheduler's hand-offs. Portable sockets wait in the runtime's poller:
	// there a locked thread would only add switches.
	if w.socket.Engine() != "portable" {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	failing := false
	for {
		n, err := w.socket.Receive(w.batch)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if !failing {
				w.log.Error("cannot receive packets, trying again", "listener", w.socket.LocalAddr(), "error", err)
			}
			failing = true
			time.Sleep(receivePause)
			continue
		}
		failing = false
		w.answer(n)
		// The socket counts what it could not send; there is nobody to tell.
		_ = w.socket.Send(w.batch)
	}
}

// answer answers the first n packets of the batch.
func (w *worker) answer(n int) {
	// One look at the clock a batch: an ID is made and checked in one epoch.
	epoch := w.ids.epoch(w.clock.Now())
	own := w.server.own.Load()
	w.announces = 0
	timed := w.timing.slot(n)
	for i := range n {
		data, from := w.batch.Packet(i)
		w.tally[received]++
		w.tally[receivedBytes] += uint64(len(data))
		if i == timed {
			w.packetTimed(i, data, from, epoch, own)
		} else {
			w.packet(i, data, from, epoch, own)
		}
	}
	if w.timing.gathered {
		w.answerAnnouncesTimed()
	} else {
		w.answerAnnounces()
	}
	w.counters.add(&w.tally)
}

// answerAnnounces answers the announces that were gathered.
func (w *worker) answerAnnounces() {
	n := w.announces
	if n == 0 {
		return
	}
	clear(w.failures[:n])
	w.tracker.AnnounceBatch(w.requests[:n], w.responses[:n], w.failures[:n])
	for i := range n {
		slot, transaction := w.slots[i], w.transactions[i]
		if f := w.failures[i]; f != shoal.OK {
			w.refuse(slot, transaction, f)
			continue
		}
		// One of the two is empty, the other stands in the reply already.
		res := &w.responses[i]
		udptracker.PutAnnounceHeader(w.batch.Reply(slot)[:udptracker.AnnounceHeader], transaction, res)
		w.reply(slot, udptracker.AnnounceHeader+len(res.Peers4)+len(res.Peers6))
		w.tally[announces]++
	}
}

// refuse answers with an error packet. Only verified senders get one.
func (w *worker) refuse(slot int, transaction uint32, f shoal.Failure) {
	b := udptracker.AppendError(w.batch.Reply(slot), transaction, f.Error())
	w.reply(slot, len(b))
	w.tally[errorReplies]++
}

// reply has the first n bytes of the slot's reply room sent.
func (w *worker) reply(slot, n int) {
	w.batch.SetReply(slot, n)
	w.tally[replies]++
	w.tally[replyBytes] += uint64(n)
}
