package api

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTakeCredentials(t *testing.T) {
	for _, test := range []struct {
		target, header string
		want           credentials
		left           string // of the query
	}{
		{"/", "", credentials{}, ""},
		{"/", "Bearer s3cret", credentials{token: "s3cret"}, ""},
		{"/", "bearer  s3cret ", credentials{token: "s3cret"}, ""},
		{"/", "BEARER s3cret=", credentials{token: "s3cret="}, ""},
		{"/?token=s3cret", "", credentials{token: "s3cret"}, ""},
		{"/?token=s3cret&limit=5", "Bearer other", credentials{token: "other"}, "limit=5"},
		{"/?token=s3cret", "Bearer", credentials{}, ""},
		{"/?token=s3cret", "Basic dXNlcjpwYXNz", credentials{token: "s3cret", foreign: true}, ""},
		{"/", "Basic dXNlcjpwYXNz", credentials{foreign: true}, ""},
		{"/?a=1&token=s3cret&b=%2B+2", "", credentials{token: "s3cret"}, "a=1&b=%2B+2"},
		{"/?token=s3cret&token=s3cret2", "", credentials{token: "s3cret"}, ""},
		{"/?token=&token=s3cret", "", credentials{token: "s3cret"}, ""},
		{"/?token&a=1&token=%zz&token=s3cret", "", credentials{token: "s3cret"}, "a=1"},
		{"/?t%6Fken=s3cret%2B1", "", credentials{token: "s3cret+1"}, ""},
		{"/?token=s3cret%zz", "", credentials{}, ""},
		{"/?token", "", credentials{}, ""},
		{"/?tokens=1&Token=2&%zz=3", "", credentials{}, "tokens=1&Token=2&%zz=3"},
		{"/?info_hash=aa&info_hash=bb", "", credentials{}, "info_hash=aa&info_hash=bb"},
	} {
		r := httptest.NewRequest("GET", test.target, nil)
		if test.header != "" {
			r.Header.Set("Authorization", test.header)
		}
		if got := takeCredentials(r); got != test.want {
			t.Errorf("%s with %q: %+v, want %+v", test.target, test.header, got, test.want)
		}
		if r.URL.RawQuery != test.left {
			t.Errorf("%s: left %q, want %q", test.target, r.URL.RawQuery, test.left)
		}
		if r.Header.Get("Authorization") != "" || strings.Contains(r.RequestURI+r.URL.String(), "s3cret") {
			t.Errorf("%s: still there: %q %q", test.target, r.RequestURI, r.Header)
		}
	}
}
