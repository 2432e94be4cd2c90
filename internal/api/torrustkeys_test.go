package api

import (
	"net/http"
	"strings"
	"testing"
)

// TestTorrustForm sends bodies to the letter that are JSON, and no form.
func TestTorrustForm(t *testing.T) {
	k := newTracker(t, true, false)
	for body, want := range map[string]int{
		`null`: 422, `[]`: 422, `"x"`: 422, `5`: 422, `true`: 422, ` null `: 422,
		`{"key":5}`: 422, `{"key":["x"]}`: 422, `{"seconds_valid":"5"}`: 422, `{"seconds_valid":-1}`: 422, `{"seconds_valid":1.5}`: 422,
		``: 400, ` `: 400, `{`: 400, `{}{}`: 400, `{"key":nul}`: 400, `{"key":"short"}`: 400,
		`{}`: 200, `{"key":null,"seconds_valid":null}`: 200, `{"KEY":"short","Seconds_Valid":-5}`: 200, // not known, and passed over
	} {
		answer := k.send(http.MethodPost, "/keys?token="+indexToken, http.Header{"Content-Type": {"application/json"}}, body)
		if answer.status != want {
			t.Errorf("%s: %d %s, want %d", body, answer.status, answer.body, want)
		}
		begin := map[int]string{200: `{"key":"`, 400: "", 422: "Failed to deserialize the JSON body into the target type: "}[want]
		if !strings.HasPrefix(answer.body, begin) || strings.Contains(answer.body, "Go ") || strings.Contains(answer.body, "json:") || strings.Contains(answer.body, "api.") {
			t.Errorf("%s: %s", body, answer.body)
		}
	}
	if page := get[keyPage](k, "/keys"); len(page.Keys) != 3 {
		t.Errorf("granted are %+v", page.Keys)
	}
	long := k.send(http.MethodPost, "/keys?token="+indexToken, http.Header{"Content-Type": {"application/json"}}, `"`+strings.Repeat("x", mostBody)+`"`)
	if long.status != http.StatusRequestEntityTooLarge || long.body != "Failed to buffer the request body: length limit exceeded" {
		t.Errorf("a long one: %d %s", long.status, long.body)
	}
}
