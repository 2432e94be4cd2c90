// Package report counts what a load test sees and tells it, to people and to
// programs.
package report

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// slowest is the longest latency that is told apart, in microseconds.
const slowest = int64(10 * time.Minute / time.Microsecond)

// Tally is what one worker counts. It belongs to that worker until the run is
// over.
type Tally struct {
	Sent     [plan.Kinds]uint64
	Answered [plan.Kinds]uint64 // without errors and wrong ones
	Errors   uint64             // error replies of the tracker
	Lost     uint64             // no answer in time
	Late     uint64             // answers after that
	Refused  uint64             // the target's system said that nobody listens, or cut the connection
	Missed   uint64             // open loop: due, and never sent
	Unclosed uint64             // HTTP: connections that the target did not close although it was asked to
	Dropped  uint64             // answers that came faster than they were read
	Peers    uint64             // handed out
	Verified uint64             // answers whose peers were all checked
	Bare     uint64             // announces whose answer does not count the asker
	Stray    uint64             // wrong packets that answer no request
	Opened   uint64             // idle connections that were held
	Open     uint64             // of these, still open in the end
	In, Out  uint64             // bytes of messages
	Last     int64              // when the last answer came, by the worker's clock

	Handshakes Handshakes // of TLS
	Relay      Relay      // of WebTorrent

	wrong    [wrongKinds]uint64
	examples [wrongKinds]string
	texts    map[string]uint64 // of errors
	latency  *hdrhistogram.Histogram
	relayed  *hdrhistogram.Histogram // latencies of offers; nil: there are none
}

// Handshakes counts what became of TLS handshakes.
type Handshakes struct {
	Full    uint64 `json:"full"`
	Resumed uint64 `json:"resumed"`
	Failed  uint64 `json:"failed"`
}

// Any reports whether there was one.
func (h Handshakes) Any() bool { return h != Handshakes{} }

// NewTally makes an empty one.
func NewTally() *Tally {
	return &Tally{latency: newLatencies(), texts: map[string]uint64{}}
}

// Latency notes how long an answer took.
func (t *Tally) Latency(nanoseconds int64) { note(t.latency, nanoseconds) }

// Responses returns how many requests were answered in time, with whatever
// content. A stray answers none.
func (t *Tally) Responses() uint64 { return sum(t.Answered[:]) + t.Errors + t.WrongCount() - t.Stray }

// WrongCount returns how many answers were wrong.
func (t *Tally) WrongCount() uint64 { return sum(t.wrong[:]) }

// Add adds what another worker counted.
func (t *Tally) Add(o *Tally) {
	for i := range t.Sent {
		t.Sent[i] += o.Sent[i]
		t.Answered[i] += o.Answered[i]
	}
	for i, n := range o.wrong {
		t.wrong[i] += n
		if t.examples[i] == "" {
			t.examples[i] = o.examples[i]
		}
	}
	for _, pair := range [][2]*uint64{
		{&t.Errors, &o.Errors}, {&t.Lost, &o.Lost}, {&t.Late, &o.Late}, {&t.Refused, &o.Refused},
		{&t.Missed, &o.Missed}, {&t.Dropped, &o.Dropped}, {&t.Peers, &o.Peers}, {&t.Verified, &o.Verified},
		{&t.Bare, &o.Bare}, {&t.Stray, &o.Stray}, {&t.Unclosed, &o.Unclosed}, {&t.In, &o.In}, {&t.Out, &o.Out},
		{&t.Opened, &o.Opened}, {&t.Open, &o.Open}, {&t.Handshakes.Full, &o.Handshakes.Full},
		{&t.Handshakes.Resumed, &o.Handshakes.Resumed}, {&t.Handshakes.Failed, &o.Handshakes.Failed},
	} {
		*pair[0] += *pair[1]
	}
	for text, n := range o.texts {
		t.texts[text] += n
	}
	t.Last = max(t.Last, o.Last)
	t.latency.Merge(o.latency)
	t.Relay.add(&o.Relay)
	if o.relayed != nil {
		if t.relayed == nil {
			t.relayed = newLatencies()
		}
		t.relayed.Merge(o.relayed)
	}
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
