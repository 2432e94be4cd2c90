package api

import (
	"net/http"
	"net/url"
	"strings"
)

// credentials are what a request shows of itself.
type credentials struct {
	token   string // "" is none
	foreign bool   // there is an Authorization of another scheme than Bearer
}

// takeCredentials returns the credentials of r and takes them out of it, so that
// what handles it has no way to log a token or to send it back.
func takeCredentials(r *http.Request) (c credentials) {
	header := r.Header.Get("Authorization")
	r.Header.Del("Authorization")
	query, inQuery := takeParameter(r, "token")
	scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		c.token = strings.TrimSpace(token)
	case header != "":
		c.foreign = true // such as that of a proxy's own password
		c.token = query
	case inQuery:
		c.token = query
	}
	return c
}

// takeParameter takes all parameters of this name out of the query and returns
// the first that is not empty.
func takeParameter(r *http.Request, name string) (first string, found bool) {
	if r.URL.RawQuery == "" {
		return "", false
	}
	var rest []string
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(key); err != nil || plain != name {
			rest = append(rest, pair)
			continue
		}
		if plain, err := url.QueryUnescape(value); err == nil && first == "" {
			first = plain
		}
		found = true
	}
	if found {
		r.URL.RawQuery = strings.Join(rest, "&")
		r.RequestURI = r.URL.RequestURI()
	}
	return first, found
}
