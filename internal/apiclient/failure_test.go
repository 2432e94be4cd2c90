package apiclient

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name, kind, body string
		status           int
		retry            string
		want             string
	}{
		{"problem", "application/problem+json", `{"title":"Unauthorized","status":401,"detail":"this token is not known"}`,
			401, "", "the tracker says: this token is not known"},
		{"title alone", "application/problem+json", `{"title":"Forbidden","status":403}`,
			403, "", "the tracker says: Forbidden"},
		{"fields", "application/problem+json", `{"title":"Unprocessable Entity","detail":"validation failed","errors":[
			{"message":"must have 16 to 64 characters","location":"body.keys[0].key","value":"short"},
			{"message":"expected a number","location":"body.keys[1].seconds_valid","value":{"a":1}},
			{"message":"and more"}]}`,
			422, "", `the tracker says: validation failed; body.keys[0].key = "short": must have 16 to 64 characters; body.keys[1].seconds_valid: expected a number; and more`},
		{"many fields", "application/problem+json", `{"detail":"no","errors":[{"message":"1"},{"message":"2"},{"message":"3"},{"message":"4"},{"message":"5"},{"message":"6"},{"message":"7"}]}`,
			422, "", "the tracker says: no; 1; 2; 3; 4; 5; and 2 more"},
		{"later", "application/problem+json", `{"detail":"too many wrong tokens"}`,
			429, "6", "the tracker says: too many wrong tokens (try again in 6 s)"},
		{"Torrust's", "text/plain; charset=utf-8", `Unhandled rejection: Err { reason: "token not valid" }`,
			500, "", `the tracker says: Unhandled rejection: Err { reason: "token not valid" }`},
		{"Torrust's with a mode off", "application/json", `{"status":"err","reason":"the tracker is not listed"}`,
			409, "", "the tracker says: the tracker is not listed"},
		{"page of another server", "text/html", "<html><title>Bad Gateway</title>",
			502, "", "the tracker says: status 502 Bad Gateway, and nothing else"},
		{"nothing", "", "", 404, "", "the tracker says: status 404 Not Found, and nothing else"},
		{"moves the cursor", "application/problem+json", `{"detail":"a\u001b[2Jb\r\nc\u202ed"}`,
			400, "", "the tracker says: a [2Jb  cd"},
		{"long", "text/plain", strings.Repeat("é", 200),
			400, "", "the tracker says: " + strings.Repeat("é", 150) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := tracker(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.kind)
				if test.retry != "" {
					w.Header().Set("Retry-After", test.retry)
				}
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			err := c.AddAllowed(t.Context(), nil)
			refused := (*Refused)(nil)
			if !errors.As(err, &refused) || refused.Status != test.status {
				t.Fatalf("error %v", err)
			}
			if got := err.Error(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
