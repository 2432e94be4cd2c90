package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// TestRelay: what workers relayed is added up, and told where there was any.
func TestRelay(t *testing.T) {
	total := NewTally()
	for range 2 {
		one := NewTally()
		one.Relay = Relay{
			Joined: 5, Reopened: 1, OffersSent: 1000, OffersReceived: 900, AnswersSent: 800, AnswersReceived: 700,
			AnswersRefused: 20, AnswersUnsent: 100, AnswerReplies: 600, Forgotten: 3, Pings: 2,
		}
		one.RelayLatency(int64(2 * time.Millisecond))
		one.Text([]byte("gone"))
		total.Add(one)
	}
	s := Summarize("ws", &plan.Plan{}, total, 2*time.Second, 1)
	var b bytes.Buffer
	if err := s.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Relay map[string]any `json:"relay"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{
		"joined": 10, "reopened": 2, "offers_sent": 2000, "offers_received": 1800, "offers_lost": 200,
		"answers_sent": 1600, "answers_received": 1400, "answers_refused": 40, "answers_lost": 160, "answers_unsent": 200,
		"answer_replies": 1200, "unchecked": 6, "pings": 4, "relayed": 3200, "relayed_per_second": 1600,
	} {
		if got.Relay[key] != want {
			t.Errorf("%s is %v, want %v", key, got.Relay[key], want)
		}
	}
	if l := s.Relay.Latency; l.P50 != 2000 || l.Max < 1990 {
		t.Errorf("latency %+v", l)
	}
	if s.Errors != 0 || s.Texts["gone"] != 2 {
		t.Errorf("%d errors, texts %v", s.Errors, s.Texts)
	}
	b.Reset()
	if err := s.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2,000 sent, 1,800 received, 200 lost or without a taker", "1,600 sent, 1,400 received, 160 lost, 40 refused",
		"relayed/s       1,600", "offer latency   p50 2ms",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "peers an answer") {
		t.Errorf("tells of compact peers:\n%s", b.String())
	}
	// More that came than was sent: what was sent before the load began.
	if less(1, 2) != 0 || less(2, 1) != 1 {
		t.Error("a negative loss")
	}
}

// TestNoRelay: other transports relay nothing.
func TestNoRelay(t *testing.T) {
	s := Summarize("udp", &plan.Plan{}, NewTally(), 1, 1)
	var b bytes.Buffer
	if err := s.WriteJSON(&b); err != nil || s.Relay != nil || strings.Contains(b.String(), "relay") {
		t.Errorf("%v, %s", err, b.String())
	}
}
