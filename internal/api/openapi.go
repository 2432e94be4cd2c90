package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const about = `What operators, scripts and indexes ask of a running tracker.

Every request needs a token, as ` + "`Authorization: Bearer TOKEN`" + ` or as ` + "`?token=TOKEN`" + `; where there
are both, the header counts. A token of scope read is for what changes nothing.

What goes wrong is answered as application/problem+json (RFC 9457).`

// build puts the routes together, once: what they and the OpenAPI are does not
// depend on the configuration.
func (s *Server) build() {
	strictNames()
	s.mux = http.NewServeMux()
	api := humago.New(s.mux, s.humaConfig())
	s.guard(api)
	for _, register := range s.routes() {
		register(api)
	}
	s.methods = methodsOf(api.OpenAPI())
	s.serveOpenAPI(api.OpenAPI())
	s.serveDocs()
	s.compatible = s.torrust()
}

// guard puts what every request has to pass in front of the routes.
func (s *Server) guard(api huma.API) {
	api.UseMiddleware(s.authorize(api), s.once(api), s.takeBody(api))
}

// strictNames has schemas tell "seconds_valid" from "SECONDS_VALID", as JSON does.
// Go reads both into the same field, so that a name which the schema passes over
// would bring a value in that nobody looked at. It is a setting of the whole
// program, made before the first route is.
var strictNames = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

func (s *Server) humaConfig() huma.Config {
	version := s.o.Build.Version
	if version == "" {
		version = "unknown"
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Shoal management API", Version: version, Description: about,
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "A token of [api] tokens, or that of data_dir/api-token."},
					"token":  {Type: "apiKey", In: "query", Name: "token", Description: "The same token, for clients that cannot send the header. Proxies may write it into their logs."},
				},
			},
			OnAddOperation: []huma.AddOpFunc{documentProblems},
		},
		Formats: map[string]huma.Format{
			"application/json": jsonFormat,
			"json":             jsonFormat,
		},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.finish},
	}
}

// documentProblems says that every other answer is a problem, and which headers
// those have that ask to do something.
func documentProblems(oapi *huma.OpenAPI, op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	problem := oapi.Components.Schemas.Schema(errorModel, true, "ErrorModel")
	if op.Responses["default"] == nil {
		op.Responses["default"] = &huma.Response{
			Description: "What went wrong",
			Content:     map[string]*huma.MediaType{problemType: {Schema: problem}},
		}
	}
	for status, header := range map[string]string{"401": "WWW-Authenticate", "403": "WWW-Authenticate", "429": "Retry-After"} {
		if answer := op.Responses[status]; answer != nil {
			answer.Headers = map[string]*huma.Header{header: {Schema: &huma.Schema{Type: huma.TypeString}}}
		}
	}
}

// methodsOf returns the methods of every path that has no parameter. The mux would
// add those of a path with one that fits as well: /whitelist/bulk is no torrent.
func methodsOf(oapi *huma.OpenAPI) map[string]string {
	all := map[string]string{}
	for path, item := range oapi.Paths {
		if strings.Contains(path, "{") {
			continue
		}
		var methods []string
		for _, m := range []struct {
			operation *huma.Operation
			name      string
		}{{item.Delete, "DELETE"}, {item.Get, "GET, HEAD"}, {item.Post, "POST"}, {item.Put, "PUT"}} {
			if m.operation != nil {
				methods = append(methods, m.name)
			}
		}
		all[path] = strings.Join(methods, ", ")
	}
	return all
}

// serveOpenAPI serves what is made here once: nothing is worked out at a request.
func (s *Server) serveOpenAPI(oapi *huma.OpenAPI) {
	asJSON, err := json.Marshal(oapi)
	if err != nil {
		panic(fmt.Sprintf("the OpenAPI is no JSON: %v", err)) // the same at every start
	}
	asYAML, err := oapi.YAML()
	if err != nil {
		panic(fmt.Sprintf("the OpenAPI is no YAML: %v", err))
	}
	serve := func(name, contentType string, text []byte) {
		s.mux.HandleFunc("GET "+base+"/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(text) // fails where the client is gone
		})
	}
	serve("openapi.json", "application/openapi+json", asJSON)
	serve("openapi.yaml", "application/openapi+yaml", asYAML)
}

var errorModel = reflect.TypeFor[huma.ErrorModel]()
