package api

import (
	"strconv"
	"strings"
	"testing"
)

func TestTwice(t *testing.T) {
	many := make([]string, 40)
	for i := range many {
		many[i] = strconv.Quote("n"+strconv.Itoa(i)) + ":1"
	}
	lots := strings.Join(many, ",")
	for text, want := range map[string]string{
		``:                                   "",
		`null`:                               "",
		`{"a":1,"b":"a","c":"a"}`:            "",
		`{"a":1,"a":2}`:                      "a",
		`{"a":{},"b":[],"a":2}`:              "a",
		`{"a":{"a":1},"b":{"a":1}}`:          "",
		`{"keys":[{"b":1},{"b":1}]}`:         "",
		`{"keys":[{"b":1},{"b":1,"b":null}]`: "b",
		`{"keys":[1e400],"keys":[]}`:         "keys",
		`[["a","a"],{"a":"a"},"a"]`:          "",
		`{"a":1,"\u0061":2}`:                 "a",
		`{"":1,"x":[{"x":1}],"x":1}`:         "x",
		`{` + lots + `}`:                     "",
		`{` + lots + `,"n3":1}`:              "n3",
		`{` + lots + `,"n30":1}`:             "n30",
		`{"a":1,`:                            "",
	} {
		if got := twice([]byte(text)); got != want {
			t.Errorf("%.60s: %q stands twice, want %q", text, got, want)
		}
	}
}
