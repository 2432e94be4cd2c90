package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// once lets no request past that has a parameter twice which counts once, a
// number without a digit, an entry of a list that is empty, or what cannot be
// read: whatever were taken, or the default, it may not be what the caller meant.
func (s *Server) once(api huma.API) func(ctx huma.Context, next func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		if r.URL.RawQuery == "" {
			next(ctx)
			return
		}
		given := parametersOf(r.URL.RawQuery)
		for _, parameter := range ctx.Operation().Parameters {
			if parameter.In != "query" {
				continue
			}
			if unclear := lookAt(parameter, given[parameter.Name]); unclear != nil {
				_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "validation failed", unclear) // fails where the client is gone
				return
			}
		}
		next(ctx)
	}
}

// given is the value of a parameter as it was sent.
type given struct {
	text     string
	readable bool
}

// parametersOf is url.ParseQuery, which leaves out what it cannot read: a filter
// that is left out is none.
func parametersOf(query string) map[string][]given {
	all := map[string][]given{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			continue // no parameter has such a name
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			text = value
		}
		all[name] = append(all[name], given{text, err == nil && !strings.Contains(value, ";")})
	}
	return all
}

// lookAt returns what is wrong with what was given for a parameter, if anything.
func lookAt(parameter *huma.Param, all []given) *huma.ErrorDetail {
	list := parameter.Schema.Type == huma.TypeArray
	for i, g := range all {
		allowed := ""
		switch {
		case !g.readable:
			allowed = "expected percent-encoding"
		case list && g.text == "":
			allowed = "expected a value, or not the parameter"
		case !list && len(all) > 1:
			allowed = "expected once"
		case g.text == "" && parameter.Schema.Type != huma.TypeString:
			allowed = "expected " + parameter.Schema.Type
		}
		if allowed == "" {
			continue
		}
		location := "query." + parameter.Name
		if list {
			location += "[" + strconv.Itoa(i) + "]"
		}
		return &huma.ErrorDetail{Message: allowed, Location: location, Value: g.text}
	}
	return nil
}
