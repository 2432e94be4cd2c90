package report

import (
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// Summary is a run as it is told: the object of --json.
type Summary struct {
	Transport string  `json:"transport"`
	Target    string  `json:"target"`
	Seed      uint64  `json:"seed"`
	Workers   int     `json:"workers"`
	Sources   int     `json:"sources"`
	Rate      float64 `json:"rate"` // requests a second asked for; 0: as fast as answers came

	Duration  float64           `json:"duration_seconds"`
	Requests  uint64            `json:"requests"`
	Sent      map[string]uint64 `json:"requests_by_kind"`
	Responses uint64            `json:"responses"`
	Answered  map[string]uint64 `json:"responses_by_kind"`
	PerSecond float64           `json:"responses_per_second"`
	Out       uint64            `json:"bytes_sent"`
	In        uint64            `json:"bytes_received"`
	MeanPeers float64           `json:"mean_peers"`
	Verified  uint64            `json:"verified"`

	Lost     uint64            `json:"lost"`
	Late     uint64            `json:"late"`
	Missed   uint64            `json:"missed"`
	Refused  uint64            `json:"refused"`
	Dropped  uint64            `json:"dropped_here"`
	Unclosed uint64            `json:"not_closed"`
	Bare     uint64            `json:"asker_not_counted"`
	Wrong    uint64            `json:"wrong"`
	Stray    uint64            `json:"stray"` // of the wrong ones, those that are no responses
	Errors   uint64            `json:"errors"`
	WrongBy  map[string]uint64 `json:"wrong_by_kind"`
	Examples map[string]string `json:"wrong_examples"`
	Texts    map[string]uint64 `json:"error_texts"`

	Handshakes Handshakes `json:"handshakes"` // of TLS
	Opened     uint64     `json:"idle_opened"`
	Open       uint64     `json:"idle_still_open"`

	Latency Latency `json:"latency_us"`

	CPU            float64 `json:"cpu_seconds"`
	CPUPerResponse float64 `json:"cpu_us_per_response"`
	PerCPUSecond   float64 `json:"responses_per_cpu_second"`

	Relay *RelaySummary `json:"relay,omitempty"` // of WebTorrent
}

// Latency is in microseconds.
type Latency struct {
	P50  int64   `json:"p50"`
	P90  int64   `json:"p90"`
	P99  int64   `json:"p99"`
	P999 int64   `json:"p999"`
	Max  int64   `json:"max"`
	Mean float64 `json:"mean"`
}

// Summarize tells what a run counted that took elapsed and so much CPU.
func Summarize(transport string, p *plan.Plan, t *Tally, elapsed, cpu time.Duration) *Summary {
	s := &Summary{
		Transport: transport, Target: p.Target.String(), Seed: p.Seed,
		Workers: p.Workers, Sources: len(p.Sources), Rate: p.Rate,
		Duration: elapsed.Seconds(),
		Requests: sum(t.Sent[:]), Sent: map[string]uint64{},
		Responses: t.Responses(), Answered: map[string]uint64{},
		Out: t.Out, In: t.In, Verified: t.Verified,
		Lost: t.Lost, Late: t.Late, Missed: t.Missed, Refused: t.Refused, Dropped: t.Dropped, Unclosed: t.Unclosed, Bare: t.Bare,
		Wrong: t.WrongCount(), Stray: t.Stray, Errors: t.Errors,
		WrongBy: map[string]uint64{}, Examples: map[string]string{}, Texts: t.texts,
		Handshakes: t.Handshakes, Opened: t.Opened, Open: t.Open,
		CPU: cpu.Seconds(),
	}
	for k := range plan.Kind(plan.Kinds) {
		s.Sent[k.String()], s.Answered[k.String()] = t.Sent[k], t.Answered[k]
	}
	for w, n := range t.wrong {
		if n > 0 {
			s.WrongBy[Wrong(w).String()], s.Examples[Wrong(w).String()] = n, t.examples[w]
		}
	}
	responses := float64(s.Responses)
	s.PerSecond = ratio(responses, s.Duration)
	s.MeanPeers = ratio(float64(t.Peers), float64(t.Answered[plan.Announce]))
	s.CPUPerResponse = ratio(s.CPU*1e6, responses)
	s.PerCPUSecond = ratio(responses, s.CPU)
	s.Latency = quantiles(t.latency)
	s.Relay = t.summarizeRelay(s.Duration)
	return s
}

// ratio is a/b, or 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}
