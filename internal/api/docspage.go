package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

const docsPath = base + "/docs"

// serveDocs serves a page that shows the OpenAPI, and lets one try it. All of it
// is in this program, and the page is not allowed to load anything from
// elsewhere.
func (s *Server) serveDocs() {
	assets := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:       "Shoal management API",
		SwaggerJSON: base + "/openapi.json",
		BasePath:    docsPath,
		SettingsUI:  map[string]string{"persistAuthorization": "false"},
	})
	written := &pageWriter{header: http.Header{}}
	assets.ServeHTTP(written, newGet(docsPath+"/"))
	html := []byte(written.body.String())
	policy := contentPolicy(written.body.String())
	show := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = w.Write(html) // fails where the client is gone
	}
	s.mux.HandleFunc("GET "+docsPath, show)
	s.mux.HandleFunc("GET "+docsPath+"/{$}", show)
	s.mux.HandleFunc("GET "+docsPath+"/{asset}", func(w http.ResponseWriter, r *http.Request) {
		if !isAsset[r.PathValue("asset")] {
			writeProblem(w, http.StatusNotFound, "the page has no such part")
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		assets.ServeHTTP(w, r)
	})
}

// isAsset has what the page asks for.
var isAsset = map[string]bool{
	"swagger-ui.css": true, "swagger-ui-bundle.js": true, "swagger-ui-standalone-preset.js": true,
	"favicon-16x16.png": true, "favicon-32x32.png": true,
}

// pageWriter takes what the handler of the page writes.
type pageWriter struct {
	header http.Header
	body   strings.Builder
}

func (p *pageWriter) Header() http.Header         { return p.header }
func (p *pageWriter) Write(b []byte) (int, error) { return p.body.Write(b) }
func (p *pageWriter) WriteHeader(int)             {}

func newGet(path string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		panic(err) // the path is a constant
	}
	return r
}

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// contentPolicy lets a page run its own scripts, by their hashes, and talk to
// this server only: a text of the API that found its way into the page as a
// script would not run, and could send the token nowhere.
func contentPolicy(html string) string {
	scripts := "script-src 'self'"
	for _, script := range inlineScript.FindAllStringSubmatch(html, -1) {
		sum := sha256.Sum256([]byte(script[1]))
		scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; " + scripts + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
