package api

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestOpenAPI(t *testing.T) {
	s := newStand(t, nil)
	answer, body := s.ask("GET", "/api/v1/openapi.json", "")
	var api struct {
		OpenAPI string `json:"openapi"`
		Info    struct{ Version string }
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
			Responses   map[string]any
		}
		Components struct {
			SecuritySchemes map[string]any `json:"securitySchemes"`
		}
	}
	if err := json.Unmarshal([]byte(body), &api); err != nil || answer.Header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%v %q", err, answer.Header)
	}
	if !strings.HasPrefix(api.OpenAPI, "3.1") || api.Info.Version != "1.2.3" || len(api.Components.SecuritySchemes) != 2 {
		t.Errorf("%.300s", body)
	}
	names := map[string]string{}
	for path, operations := range api.Paths {
		for method, operation := range operations {
			if other, twice := names[operation.OperationID]; twice || operation.OperationID == "" {
				t.Errorf("%s %s has the name %q of %s", method, path, operation.OperationID, other)
			}
			names[operation.OperationID] = path
			if operation.Summary == "" || operation.Responses["default"] == nil || !strings.HasPrefix(path, "/api/") {
				t.Errorf("%s %s: %+v", method, path, operation)
			}
		}
	}
	for _, path := range []string{"/api/health_check", "/api/v1/audit", "/api/v1/build", "/api/v1/settings", "/api/v1/reload"} {
		if api.Paths[path] == nil {
			t.Errorf("%s is missing", path)
		}
	}
	answer, body = s.ask("GET", "/api/v1/openapi.yaml", "")
	if answer.Header.Get("Content-Type") != "application/openapi+yaml" || !strings.Contains(body, "\nopenapi: 3.1.0\n") && !strings.HasPrefix(body, "openapi: ") || !strings.Contains(body, "/api/v1/audit:") {
		t.Errorf("%q %.300s", answer.Header, body)
	}
}

// TestDocsPage loads the page as a browser without a network would: everything
// it names must be here, and everything it runs must be allowed.
func TestDocsPage(t *testing.T) {
	s := newStand(t, nil)
	for _, path := range []string{"/api/v1/docs", "/api/v1/docs/"} {
		answer, body := s.ask("GET", path, "")
		policy := answer.Header.Get("Content-Security-Policy")
		if answer.StatusCode != 200 || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") || !strings.Contains(policy, "default-src 'none'") {
			t.Fatalf("%s: %d %q", path, answer.StatusCode, answer.Header)
		}
		if strings.Contains(policy, "http") || strings.Count(policy, "'sha256-") != strings.Count(body, "<script>") {
			t.Errorf("the policy %q for %s", policy, body)
		}
		parts := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(body, -1)
		if len(parts) < 4 {
			t.Errorf("parts are %q", parts)
		}
		for _, part := range parts {
			if !strings.HasPrefix(part[1], "/api/v1/docs/") {
				t.Errorf("the page asks elsewhere: %q", part[1])
				continue
			}
			answer, text := s.ask("GET", part[1], "")
			if answer.StatusCode != 200 || len(text) < 100 || answer.Header.Get("Content-Type") == "" {
				t.Errorf("%s: %d, %d bytes, %q", part[1], answer.StatusCode, len(text), answer.Header)
			}
		}
		if !strings.Contains(body, `"/api/v1/openapi.json"`) || regexp.MustCompile(`["'(]https?://[^"')]+\.`).MatchString(body) {
			t.Errorf("%s", body)
		}
	}
	// Compressed, as browsers ask.
	r, _ := http.NewRequest("GET", s.url+"/api/v1/docs/swagger-ui-bundle.js", nil)
	r.Header.Set("Accept-Encoding", "gzip, br")
	answer, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	packed, _ := io.ReadAll(answer.Body)
	if answer.Header.Get("Content-Encoding") != "gzip" || len(packed) == 0 {
		t.Errorf("%q, %d bytes", answer.Header, len(packed))
	}
}
