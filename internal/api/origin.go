package api

import (
	"net/http"
	"net/url"
	"strings"
)

// fromAnotherSite reports whether a browser sent r for a page of another site. Such
// a page cannot read the answer, but it could guess tokens from the address of
// whoever looks at it, and have the operator's own commands put off.
func fromAnotherSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none": // the latter is typed in, or a bookmark
		return false
	case "": // it is not sent to plain HTTP away from loopback
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	page, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(page.Host, r.Host)
}
