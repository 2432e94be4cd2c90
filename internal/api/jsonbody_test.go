package api

import (
	"strings"
	"testing"
)

func TestReadJSON(t *testing.T) {
	type inside struct {
		N    *int64 `json:"n"`
		List []int  `json:"list"`
		Text string `json:"text"`
	}
	for text, want := range map[string]int64{
		`{"n":3}`: 3, `{"n":3.0,"text":"3.0"}`: 3, `{"n":3e2}`: 300, `{"n":-0.0}`: 0, `{"n":3153599999.0,"list":[1.0,2]}`: 3153599999,
		`{"n":9007199254740993}`: 9007199254740993,
	} {
		var got inside
		if err := readJSON([]byte(text), &got); err != nil || got.N == nil || *got.N != want || got.Text != "" && got.Text != "3.0" {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		`{"n":3.5}`:                  "n: a number 3.5 does not fit here",
		`{"n":1e300}`:                "n: a number 1e300 does not fit here",
		`{"n":9007199254740993.0}`:   "n: a number 9007199254740993.0 does not fit here",
		`{"n":3.0,"text":5}`:         "text: a number does not fit here",
		`{"list":[1.0,"2"]}`:         "list: a string does not fit here",
		`{"n":`:                      "unexpected end of JSON input",
		`{"n":3.0}{`:                 "invalid character",
		strings.Repeat("[", 100_000): "exceeded max depth",
	} {
		var got inside
		if err := readJSON([]byte(text), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
}
