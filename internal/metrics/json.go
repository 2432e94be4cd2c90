package metrics

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// recordedAt is the form of times in Torrust's answers: RFC 3339 with an offset,
// also where it is zero.
const recordedAt = "2006-01-02T15:04:05.999999999-07:00"

type answer struct {
	Metrics []family `json:"metrics"`
}

type family struct {
	Type        string   `json:"type"`
	Name        string   `json:"name"`
	Help        string   `json:"help"`
	Unit        string   `json:"unit"`
	Description string   `json:"description"` // the same as Help: versions of Torrust differ in the name
	Samples     []sample `json:"samples"`
}

type sample struct {
	Value      float64 `json:"value"`
	RecordedAt string  `json:"recorded_at"`
	Labels     []label `json:"labels"`
}

type label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (r *Registry) serveJSON(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	writeJSON(w, r.answer(time.Now()))
}

// answer says all figures, of which the rooms know the value alone: they are
// recorded when somebody asks.
func (r *Registry) answer(now time.Time) answer {
	at := now.UTC().Format(recordedAt)
	all := answer{Metrics: []family{}}
	for _, f := range r.families() {
		told := family{Type: "gauge", Name: f.Name, Help: f.Help, Unit: f.Unit, Description: f.Help, Samples: []sample{}}
		if f.Counter {
			told.Type = "counter"
		}
		for _, s := range f.Samples {
			labels := []label{}
			for _, l := range s.Labels {
				labels = append(labels, label(l))
			}
			told.Samples = append(told.Samples, sample{s.Value, at, labels})
		}
		all.Metrics = append(all.Metrics, told)
	}
	return all
}

// writeJSON writes what can always be written down; a client that has gone is no
// matter.
func writeJSON(w io.Writer, v any) { _ = json.NewEncoder(w).Encode(v) }
