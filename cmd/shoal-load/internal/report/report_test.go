package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

func filled() *Tally {
	t := NewTally()
	t.Sent = [plan.Kinds]uint64{1100, 100, 10}
	t.Answered = [plan.Kinds]uint64{1000, 90, 10}
	t.Peers, t.Lost, t.Verified = 30_000, 5, 1500
	t.WrongStray(WrongTransaction, "nobody's", []byte("\x03"))
	t.Error([]byte("go away"))
	t.Wrong(WrongPeer, "a stranger", []byte("\x00\x01"))
	t.Wrong(WrongPeer, "another", []byte("\x02"))
	for i := range int64(1000) {
		t.Latency((i + 1) * 1000)
	}
	return t
}

func TestSummary(t *testing.T) {
	total := NewTally()
	total.Add(filled())
	total.Add(filled())
	p := &plan.Plan{Target: netip.MustParseAddrPort("127.0.0.1:6969"), Workers: 2, Seed: 7, Rate: 1000}
	s := Summarize("udp", p, total, 2*time.Second, time.Second)
	var b bytes.Buffer
	if err := s.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{
		"requests": 2420, "responses": 2206, "responses_per_second": 1103, "lost": 10, "wrong": 6, "stray": 2, "errors": 2, "verified": 3000,
		"mean_peers": 30, "cpu_seconds": 1, "duration_seconds": 2, "responses_per_cpu_second": 2206,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	latency, _ := got["latency_us"].(map[string]any)
	for key, want := range map[string]float64{"p50": 500, "p90": 900, "p99": 990, "p999": 999, "max": 1000} {
		if latency[key] != want {
			t.Errorf("latency %s is %v, want %v", key, latency[key], want)
		}
	}
	if fmt.Sprint(got["wrong_by_kind"], got["error_texts"]) != "map[foreign_peer:4 transaction:2] map[go away:2]" {
		t.Errorf("wrong %v, errors %v", got["wrong_by_kind"], got["error_texts"])
	}

	b.Reset()
	if err := s.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2,420", "1,103", "verified         3,000", "transaction    2, first", `foreign_peer   4 of 3,000 verified, first: a stranger: 2 bytes: "\x00\x01"`, `"go away"`,
		"p50 500µs  p90 900µs  p99 990µs  p99.9 999µs  max 1ms", "1,000 requests a second",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "refused") {
		t.Errorf("tells what did not happen:\n%s", b.String())
	}
}

// TestNothing divides by nothing.
func TestNothing(t *testing.T) {
	s := Summarize("udp", &plan.Plan{}, NewTally(), 0, 0)
	if s.PerSecond != 0 || s.MeanPeers != 0 || s.CPUPerResponse != 0 || s.Latency != (Latency{}) {
		t.Errorf("%+v", s)
	}
	if err := s.WriteTable(&bytes.Buffer{}); err != nil {
		t.Error(err)
	}
}

// TestHostileTexts: a tracker chooses the texts of its errors.
func TestHostileTexts(t *testing.T) {
	tally := NewTally()
	for i := range 1000 {
		tally.Error([]byte(fmt.Sprintf("%d\x1b[2J", i)))
	}
	tally.Error(bytes.Repeat([]byte{'x'}, 1<<16))
	if tally.Errors != 1001 || len(tally.texts) != textsKept {
		t.Errorf("%d errors, %d texts", tally.Errors, len(tally.texts))
	}
	var b bytes.Buffer
	if err := Summarize("udp", &plan.Plan{}, tally, 1, 1).WriteTable(&b); err != nil || strings.Contains(b.String(), "\x1b") {
		t.Errorf("error %v, table %q", err, b.String())
	}
	tally.Wrong(WrongHTTP, "what", make([]byte, 1<<16))
	if n := len(tally.examples[WrongHTTP]); n > 1000 {
		t.Errorf("an example of %d bytes", n)
	}
}

func TestLatencyBounds(t *testing.T) {
	tally := NewTally()
	for _, v := range []int64{-5, 0, 1, 1 << 62} {
		tally.Latency(v)
	}
	if n := tally.latency.TotalCount(); n != 4 {
		t.Errorf("%d of 4 latencies noted", n)
	}
}

func TestLive(t *testing.T) {
	l := NewLive(2)
	l.Publish(0, filled())
	l.Publish(1, filled())
	l.Publish(1, filled())
	if responses, lost, wrong := l.Totals(); responses != 2206 || lost != 10 || wrong != 8 {
		t.Errorf("%d responses, %d lost, %d wrong", responses, lost, wrong)
	}
}
