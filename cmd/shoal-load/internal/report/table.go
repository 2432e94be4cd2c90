package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// WriteJSON writes the summary as one object.
func (s *Summary) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

// WriteTable writes the summary for people. What did not happen is left out.
func (s *Summary) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	rowIf := func(n uint64, name, why string) {
		if n > 0 {
			row(name, "%s  (%s)", grouped(n), why)
		}
	}
	pace := "as fast as answers came"
	if s.Rate > 0 {
		pace = fmt.Sprintf("%s requests a second", grouped(uint64(s.Rate)))
	}
	row("target", "%s %s, %s, %d workers, %d sources, seed %d", s.Transport, s.Target, pace, s.Workers, s.Sources, s.Seed)
	row("duration", "%.2f s", s.Duration)
	row("requests", "%s  (%s)", grouped(s.Requests), byKind(s.Sent))
	row("responses", "%s  (%s)", grouped(s.Responses), byKind(s.Answered))
	row("responses/s", "%s", grouped(uint64(s.PerSecond+0.5)))
	row("bytes", "%s sent, %s received", grouped(s.Out), grouped(s.In))
	if h := s.Handshakes; h.Any() {
		row("handshakes", "%s full, %s resumed, %s failed", grouped(h.Full), grouped(h.Resumed), grouped(h.Failed))
	}
	if s.Opened > 0 {
		row("idle", "%s connections held, %s of them still open at the end", grouped(s.Opened), grouped(s.Open))
	}
	if s.Relay != nil {
		s.Relay.write(row, rowIf)
	} else {
		row("peers an answer", "%.1f", s.MeanPeers)
		row("verified", "%s  (answers whose peers were all looked up)", grouped(s.Verified))
	}
	row("lost", "%s", grouped(s.Lost))
	rowIf(s.Late, "late", "answers to what had been given up")
	rowIf(s.Missed, "missed", "due and never sent: this machine or the target is too slow for the rate")
	rowIf(s.Refused, "refused", "connections refused or cut")
	rowIf(s.Dropped, "dropped here", "answers that came faster than they were read: raise net.core.rmem_max, or ask for less")
	rowIf(s.Unclosed, "not closed", "connections that the tracker kept although asked to close them, which slowed the test: compare with --keep-alive")
	rowIf(s.Bare, "not counted", "announces answered with counts of nobody, not even the asker: a tracker at its limits")
	row("wrong", "%s", grouped(s.Wrong))
	rowIf(s.Stray, "  stray", "packets that answer no request; not among the responses")
	for _, name := range sortedKeys(s.WrongBy) {
		of := ""
		if s.sampled(name) {
			of = fmt.Sprintf(" of %s verified", grouped(s.Verified))
		}
		row("  "+name, "%s%s, first: %s", grouped(s.WrongBy[name]), of, s.Examples[name])
	}
	row("errors", "%s", grouped(s.Errors))
	for _, text := range sortedKeys(s.Texts) {
		row("  "+grouped(s.Texts[text]), "%q", text)
	}
	row("latency", "%s", s.Latency.spell())
	row("own CPU", "%.2f s, %.2f µs a response", s.CPU, s.CPUPerResponse)
	return t.Flush()
}

// sampled reports whether what is wrong by that name is looked for in the
// verified answers alone.
func (s *Summary) sampled(name string) bool {
	i := slices.Index(wrongNames[:], name)
	return i >= 0 && Wrong(i).sampled()
}

func byKind(counts map[string]uint64) string {
	var parts []string
	for k := range plan.Kind(plan.Kinds) {
		if n := counts[k.String()]; n > 0 {
			parts = append(parts, k.String()+" "+grouped(n))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (l *Latency) spell() string {
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  p99.9 %s  max %s", spell(l.P50), spell(l.P90), spell(l.P99), spell(l.P999), spell(l.Max))
}

func spell(microseconds int64) string {
	return (time.Duration(microseconds) * time.Microsecond).String()
}

// grouped writes a number with a comma between thousands.
func grouped(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func sortedKeys(m map[string]uint64) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
