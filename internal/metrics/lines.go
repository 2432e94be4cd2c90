package metrics

import (
	"net/http"
	"strconv"
)

// Line is a figure without a type, help or labels.
type Line struct {
	Name  string
	Value uint64
}

// Lines answers with a line for each figure, which is the form of
// /api/v1/stats?format=prometheus. Prometheus takes it as untyped.
func Lines(snapshot func() []Line) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var out []byte
		for _, l := range snapshot() {
			out = append(append(out, l.Name...), ' ')
			out = append(strconv.AppendUint(out, l.Value, 10), '\n')
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(out)
	})
}
