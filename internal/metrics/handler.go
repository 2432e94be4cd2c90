package metrics

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers with all figures: as JSON, or with the parameter
// format=prometheus as text.
func (r *Registry) Handler() http.Handler {
	inner := prometheus.NewRegistry()
	inner.MustRegister(collector{r})
	text := promhttp.HandlerFor(inner, promhttp.HandlerOpts{})
	return byFormat(http.HandlerFunc(r.serveJSON), text)
}

// longestShown is how many bytes of a parameter an error repeats.
const longestShown = 32

// byFormat serves what the parameter format asks for. It looks at the parameter
// and not at Accept, as those do who ask Torrust.
func byFormat(json, text http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch format := req.URL.Query().Get("format"); format {
		case "prometheus":
			text.ServeHTTP(w, req)
		case "", "json":
			json.ServeHTTP(w, req)
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, struct {
				Title  string `json:"title"`
				Status int    `json:"status"`
				Detail string `json:"detail"`
			}{
				http.StatusText(http.StatusBadRequest), http.StatusBadRequest,
				fmt.Sprintf("format: %q: must be json or prometheus", format[:min(len(format), longestShown)]),
			})
		}
	})
}
