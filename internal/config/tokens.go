package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/shoal-tracker/shoal/internal/api"
)

// What a token is called in messages: its label is, its text never.
const (
	mostLabel  = 64 // characters
	shownLabel = 7  // a longer one with something wrong may be a token that stands on the wrong side of the =
	shownLong  = 24 // with .token or .scope behind it
)

// tokensAt returns the key that holds tokens if path leads to it or into it, and
// the rest of the path: a label, and token or scope.
func tokensAt(path []string) (k Key, rest []string, ok bool) {
	if len(path) < 2 {
		return Key{}, nil, false
	}
	k, ok = known[path[0]+"."+path[1]]
	return k, path[2:], ok && k.Field.Type.Kind() == reflect.Map
}

// assignTokens sets tokens: all of a table, one by its label, or the token or
// scope of one. Each is set on its own, so that a variable for one token leaves
// the others of the file as they are; and a token that is written without its
// scope keeps the scope that it has.
func (l *loader) assignTokens(k Key, path, rest []string, v value, at Error) {
	if v.kind == kindLoose && len(rest) < 2 {
		v = looseTable(v)
	}
	if len(rest) > 0 && !isLabel(rest[0]) {
		at.Key = k.Path
		l.problem(at, "must have labels of 1 to %d letters, digits, dots, underscores and hyphens in front of the =", mostLabel)
		return
	}
	switch {
	case v.kind == kindTable && len(rest) < 2 && (len(v.table) > 0 || len(rest) == 0):
		for _, e := range v.table {
			l.assign(append(slices.Clone(path), e.path...), e.value, at.Source)
		}
	case len(rest) == 0:
		l.problem(at, `must be a table such as { admin = "…", grafana = { token = "…", scope = "read" } }`)
	case len(rest) > 2 || len(rest) == 2 && rest[1] != "token" && rest[1] != "scope":
		at.Value = ""
		l.problem(at, "unknown key; a token has the keys token and scope, and a dot in its label stands in quotes")
	case v.kind != kindString && v.kind != kindLoose:
		l.problem(at, `must be a string in quotes, or a table such as { token = "…", scope = "read" }`)
	default:
		l.setToken(k, rest, v.text, at)
	}
}

func (l *loader) setToken(k Key, rest []string, text string, at Error) {
	tokens := k.Of(l.config).Addr().Interface().(*map[string]api.Token)
	if *tokens == nil {
		*tokens = map[string]api.Token{}
	}
	label, part := rest[0], "token"
	if len(rest) == 2 {
		part = rest[1]
	}
	token := (*tokens)[label]
	if part == "token" {
		token.Token = text
	} else {
		token.Scope = text
	}
	(*tokens)[label] = token
	// A room may complain of the whole token or of a part of it.
	l.written[k.Path+"."+label] = at
	l.written[k.Path+"."+label+"."+part] = at
}

// writtenToken returns where the token that a room complains of was written.
func (l *loader) writtenToken(key string) (at Error, written bool) {
	if at, written = l.written[key]; !written {
		at, written = l.written[key[:max(0, strings.LastIndexByte(key, '.'))]]
	}
	return at, written
}

// isLabel reports whether a token may be called so.
func isLabel(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= mostLabel
}

// formatTokens writes tokens down without what is secret of them.
func formatTokens(tokens map[string]api.Token) string {
	if len(tokens) == 0 {
		return "{}"
	}
	var all []string
	for _, label := range slices.Sorted(maps.Keys(tokens)) {
		all = append(all, label+" = "+notShown)
	}
	return "{ " + strings.Join(all, ", ") + " }"
}
