package api

import "testing"

// TestOtherSitesGuessNothing has a page in the browser of the operator guess
// tokens: the operator is not put off.
func TestOtherSitesGuessNothing(t *testing.T) {
	s := newStand(t, nil)
	host := s.url
	for _, test := range []struct {
		header []string
		want   int // with a good token
	}{
		{[]string{"Origin: http://evil.example"}, 403},
		{[]string{"Origin: null"}, 403},
		{[]string{"Origin: http://%zz"}, 403},
		{[]string{"Sec-Fetch-Site: cross-site"}, 403},
		{[]string{"Sec-Fetch-Site: same-site"}, 403},
		{[]string{"Sec-Fetch-Site: cross-site", "Origin: " + host}, 403},
		{[]string{"Sec-Fetch-Site: same-origin"}, 200},
		{[]string{"Sec-Fetch-Site: same-origin", "Origin: https://tracker.example.org"}, 200}, // a proxy in front changed Host
		{[]string{"Sec-Fetch-Site: none"}, 200},
		{[]string{"Origin: " + host}, 200},
		{nil, 200},
	} {
		answer, body := s.ask("GET", "/api/v1/build?token="+adminToken, "", test.header...)
		if answer.StatusCode != test.want {
			t.Errorf("%q: %d %s", test.header, answer.StatusCode, body)
		}
		if test.want != 403 {
			continue
		}
		s.problem(answer, body, 403)
		for range 2 * freeGuesses {
			if answer, _ := s.ask("GET", "/api/v1/build?token=s3cret-wrong", "", test.header...); answer.StatusCode != 403 {
				t.Errorf("%q guesses: %d", test.header, answer.StatusCode)
			}
		}
		if answer, _ := s.ask("GET", "/api/v1/docs", "", test.header...); answer.StatusCode != 200 { // as from a link
			t.Errorf("%q asks for the docs: %d", test.header, answer.StatusCode)
		}
	}
}
