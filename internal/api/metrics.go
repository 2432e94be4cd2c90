package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

type formatInput struct {
	Format string `query:"format" enum:"json,prometheus," default:"json" doc:"prometheus: the text that Prometheus reads"`
}

// raw is an answer that writes itself.
type raw struct{ Body func(huma.Context) }

func (s *Server) registerStats(api huma.API) {
	stats := read(route(http.MethodGet, "/stats", "statistics", "What was counted since the start, and what there is now"))
	stats.Responses = inFormats(api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Stats](), true, "Stats"))
	huma.Register(api, stats, func(_ context.Context, in *formatInput) (*raw, error) {
		if in.Format == "prometheus" {
			return handled(s.o.StatsText), nil
		}
		return &raw{func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", "application/json")
			_ = json.NewEncoder(ctx.BodyWriter()).Encode(s.o.Stats()) // fails where the client is gone
		}}, nil
	})
	metrics := read(route(http.MethodGet, "/metrics", "statistics", "The same and more, with labels"))
	metrics.Responses = inFormats(&huma.Schema{Type: huma.TypeObject, AdditionalProperties: true})
	huma.Register(api, metrics, func(context.Context, *formatInput) (*raw, error) {
		return handled(s.o.Metrics), nil
	})
}

// inFormats describes an answer that comes as JSON, or as text for Prometheus.
func inFormats(schema *huma.Schema) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: http.StatusText(http.StatusOK),
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: schema},
			"text/plain":       {Schema: &huma.Schema{Type: huma.TypeString}},
		},
	}}
}

// handled leaves the answer to h.
func handled(h http.Handler) *raw {
	return &raw{func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		h.ServeHTTP(w, r)
	}}
}
