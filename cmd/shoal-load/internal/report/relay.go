package report

import (
	"github.com/HdrHistogram/hdrhistogram-go"
)

// Relay counts what a WebTorrent tracker passed on between its clients.
type Relay struct {
	Joined          uint64 // connections that had announced when the load began
	Reopened        uint64 // connections that were closed and have announced again
	OffersSent      uint64
	OffersReceived  uint64
	AnswersSent     uint64
	AnswersReceived uint64
	AnswersRefused  uint64 // by the tracker
	AnswersUnsent   uint64 // to offers that came faster than the tracker reads
	AnswerReplies   uint64 // replies to answers, as to announces
	Forgotten       uint64 // offers and answers that came too late to be checked
	Pings           uint64
}

func (r *Relay) add(o *Relay) {
	for _, pair := range [][2]*uint64{
		{&r.Joined, &o.Joined}, {&r.Reopened, &o.Reopened}, {&r.OffersSent, &o.OffersSent},
		{&r.OffersReceived, &o.OffersReceived}, {&r.AnswersSent, &o.AnswersSent}, {&r.AnswersReceived, &o.AnswersReceived},
		{&r.AnswersRefused, &o.AnswersRefused}, {&r.AnswersUnsent, &o.AnswersUnsent}, {&r.AnswerReplies, &o.AnswerReplies},
		{&r.Forgotten, &o.Forgotten}, {&r.Pings, &o.Pings},
	} {
		*pair[0] += *pair[1]
	}
}

// RelayLatency notes how long an offer took from who made it to who was handed
// it.
func (t *Tally) RelayLatency(nanoseconds int64) {
	if t.relayed == nil {
		t.relayed = newLatencies()
	}
	note(t.relayed, nanoseconds)
}

// RelaySummary is what is told of a Relay.
type RelaySummary struct {
	Joined          uint64  `json:"joined"`
	Reopened        uint64  `json:"reopened"`
	OffersSent      uint64  `json:"offers_sent"`
	OffersReceived  uint64  `json:"offers_received"`
	OffersLost      uint64  `json:"offers_lost"` // or there was nobody to hand them to
	AnswersSent     uint64  `json:"answers_sent"`
	AnswersReceived uint64  `json:"answers_received"`
	AnswersRefused  uint64  `json:"answers_refused"`
	AnswersLost     uint64  `json:"answers_lost"`
	AnswersUnsent   uint64  `json:"answers_unsent"`
	AnswerReplies   uint64  `json:"answer_replies"`
	Forgotten       uint64  `json:"unchecked"`
	Pings           uint64  `json:"pings"`
	Relayed         uint64  `json:"relayed"` // offers and answers that came
	PerSecond       float64 `json:"relayed_per_second"`
	Latency         Latency `json:"offer_latency_us"`
}

// summarizeRelay tells what was relayed in so many seconds; nothing where there was
// nothing to relay.
func (t *Tally) summarizeRelay(seconds float64) *RelaySummary {
	r := &t.Relay
	if *r == (Relay{}) {
		return nil
	}
	s := &RelaySummary{
		Joined: r.Joined, Reopened: r.Reopened,
		OffersSent: r.OffersSent, OffersReceived: r.OffersReceived, OffersLost: less(r.OffersSent, r.OffersReceived),
		AnswersSent: r.AnswersSent, AnswersReceived: r.AnswersReceived, AnswersRefused: r.AnswersRefused,
		AnswersLost:   less(r.AnswersSent, r.AnswersReceived+r.AnswersRefused),
		AnswersUnsent: r.AnswersUnsent, AnswerReplies: r.AnswerReplies, Forgotten: r.Forgotten, Pings: r.Pings,
		Relayed: r.OffersReceived + r.AnswersReceived,
		Latency: quantiles(t.relayed),
	}
	s.PerSecond = ratio(float64(s.Relayed), seconds)
	return s
}

// less is a-b, or 0 where that would be less.
func less(a, b uint64) uint64 { return a - min(a, b) }

// newLatencies makes an empty histogram of them, in microseconds.
func newLatencies() *hdrhistogram.Histogram { return hdrhistogram.New(1, slowest, 3) }

func note(to *hdrhistogram.Histogram, nanoseconds int64) {
	_ = to.RecordValue(min(max(1, nanoseconds/1000), slowest))
}

// quantiles tells a histogram, which may be nil.
func quantiles(h *hdrhistogram.Histogram) Latency {
	if h == nil || h.TotalCount() == 0 {
		return Latency{}
	}
	return Latency{
		h.ValueAtQuantile(50), h.ValueAtQuantile(90), h.ValueAtQuantile(99), h.ValueAtQuantile(99.9),
		h.Max(), h.Mean(),
	}
}

// write writes what was relayed for people.
func (s *RelaySummary) write(row func(name, format string, args ...any), rowIf func(n uint64, name, why string)) {
	if s.Joined > 0 {
		row("connections", "%s in their swarms when the load began", grouped(s.Joined))
	}
	rowIf(s.Reopened, "reopened", "connections that were closed, and have announced again")
	row("offers", "%s sent, %s received, %s lost or without a taker", grouped(s.OffersSent), grouped(s.OffersReceived), grouped(s.OffersLost))
	row("answers", "%s sent, %s received, %s lost, %s refused", grouped(s.AnswersSent), grouped(s.AnswersReceived), grouped(s.AnswersLost), grouped(s.AnswersRefused))
	rowIf(s.AnswersUnsent, "not answered", "offers that came while the tracker did not read")
	row("relayed/s", "%s", grouped(uint64(s.PerSecond+0.5)))
	row("answer replies", "%s", grouped(s.AnswerReplies))
	rowIf(s.Forgotten, "unchecked", "offers and answers that came too late to be checked")
	rowIf(s.Pings, "pings", "of the tracker, answered")
	row("offer latency", "%s", s.Latency.spell())
}
