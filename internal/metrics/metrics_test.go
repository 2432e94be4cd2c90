package metrics

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// twoRooms are figures as rooms tell them: a counter with labels out of order,
// and a gauge without any.
func twoRooms() *Registry {
	r := New()
	r.Register(func() []Family {
		return []Family{{
			Name: "udp_tracker_server_responses_sent_total", Help: "Total number of UDP responses sent.", Unit: Count, Counter: true,
			Samples: []Sample{
				{[]Label{{"result", "ok"}, {"request_kind", "announce"}}, 12345678901},
				{[]Label{{"result", `er"ror` + "\n"}}, 0},
			},
		}}
	})
	r.Register(func() []Family {
		return []Family{
			{Name: "a_gauge_ns", Help: "Average time.", Unit: Nanoseconds, Samples: []Sample{{nil, 1.5}}},
			{Name: "without_samples", Help: "Nothing.", Unit: Count},
		}
	})
	return r
}

func ask(t *testing.T, h http.Handler, target string, header ...string) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest("GET", target, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	body, err := io.ReadAll(rec.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Result(), string(body)
}

func TestTextEqualsItsGolden(t *testing.T) {
	res, body := ask(t, twoRooms().Handler(), "/api/v1/metrics?format=prometheus")
	want, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	if body != string(want) {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
	if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("Content-Type %q", got)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	if families, err := parser.TextToMetricFamilies(strings.NewReader(body)); err != nil || len(families) != 2 {
		t.Errorf("a reader of the format finds %d families: %v", len(families), err)
	}
}

// The golden is written from Torrust's shape, not from an answer of ours.
func TestJSONHasTheShapeOfTorrusts(t *testing.T) {
	r := twoRooms()
	got, err := json.Marshal(r.answer(time.Date(2025, 4, 2, 0, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/metrics.json")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, golden); err != nil {
		t.Fatal(err)
	}
	if string(got) != want.String() {
		t.Errorf("got\n%s\nwant\n%s", got, want.String())
	}

	for _, target := range []string{"/", "/?format=", "/?format=json"} {
		res, body := ask(t, r.Handler(), target, "Accept", "text/plain")
		var served answer
		if err := json.Unmarshal([]byte(body), &served); err != nil || len(served.Metrics) != 3 {
			t.Errorf("%s: %d families: %v in %s", target, len(served.Metrics), err, body)
		}
		if at, err := time.Parse(time.RFC3339Nano, served.Metrics[0].Samples[0].RecordedAt); err != nil || at.IsZero() {
			t.Errorf("%s: recorded_at: %v", target, err)
		}
		if got := res.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type %q", target, got)
		}
	}
}

func TestNothingToTell(t *testing.T) {
	h := New().Handler()
	if _, body := ask(t, h, "/"); body != `{"metrics":[]}`+"\n" {
		t.Errorf("JSON %q", body)
	}
	if res, body := ask(t, h, "/?format=prometheus"); body != "" || res.StatusCode != 200 {
		t.Errorf("%d %q", res.StatusCode, body)
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	res, body := ask(t, twoRooms().Handler(), "/?format="+strings.Repeat("x", 999))
	if res.StatusCode != 400 || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	if !json.Valid([]byte(body)) || !strings.Contains(body, "json or prometheus") || len(body) > 200 {
		t.Errorf("%s", body)
	}
}

// A mistake of ours must not be told as half an answer.
func TestWhatTheFormatCannotSayFailsTheAnswer(t *testing.T) {
	one := []Sample{{nil, 1}}
	tests := map[string][]Family{
		"name":         {{Name: "a\xffb", Help: "h", Samples: one}},
		"label":        {{Name: "a", Help: "h", Samples: []Sample{{[]Label{{"__reserved", "1"}}, 1}}}},
		"same twice":   {{Name: "a", Help: "h", Samples: []Sample{{nil, 1}, {nil, 2}}}},
		"two families": {{Name: "a", Help: "h", Samples: one}, {Name: "a", Help: "h", Samples: one}},
		"value":        {{Name: "a", Help: "h", Samples: []Sample{{[]Label{{"l", "\xff"}}, 1}}}},
	}
	for name, families := range tests {
		t.Run(name, func(t *testing.T) {
			r := New()
			r.Register(func() []Family { return append([]Family{{Name: "well", Help: "h", Samples: one}}, families...) })
			if res, body := ask(t, r.Handler(), "/?format=prometheus"); res.StatusCode != http.StatusInternalServerError {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		})
	}
}

func TestLines(t *testing.T) {
	h := Lines(func() []Line { return []Line{{"torrents", 3}, {"udp4_requests", 1<<64 - 1}} })
	res, body := ask(t, h, "/")
	if want := "torrents 3\nudp4_requests 18446744073709551615\n"; body != want {
		t.Errorf("%q, want %q", body, want)
	}
	if got := res.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	if families, err := parser.TextToMetricFamilies(strings.NewReader(body)); err != nil || len(families) != 2 {
		t.Errorf("a reader of the format finds %d families: %v", len(families), err)
	}
}

func TestManyAskAtOnceWhileRoomsRegister(t *testing.T) {
	r := twoRooms()
	h := r.Handler()
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for range 20 {
				if res, body := ask(t, h, []string{"/", "/?format=prometheus"}[i%2]); res.StatusCode != 200 {
					t.Errorf("%d %s", res.StatusCode, body)
				}
			}
		})
	}
	r.Register(func() []Family { return nil })
	group.Wait()
}
