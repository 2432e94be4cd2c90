package config

import (
	"reflect"
	"slices"
	"strings"
)

const (
	notShown = "(not shown)" // in messages
	isSecret = "(secret)"    // in Settings
)

// hide takes out of a problem what may not stand in a message, which ends up in a
// log.
func (e *Error) hide() {
	if e.Value != "" && e.holdsSecret() {
		e.Value = notShown
	}
	for _, k := range known {
		if k.Field.Type.Kind() != reflect.Map {
			continue
		}
		label, ok := strings.CutPrefix(e.Key, k.Path+".")
		most := shownLabel
		if strings.Contains(label, ".") { // the token is said to stand elsewhere
			most = shownLong
		}
		if ok && len(label) > most {
			e.Key = k.Path + "." + label[:4] + "…"
		}
	}
}

// holdsSecret reports whether a secret may be in the value: also where it was put
// at a key beside its own.
func (e *Error) holdsSecret() bool {
	section, _, inside := strings.Cut(e.Key, ".")
	s, ok := sectionOf(section)
	if !ok || !slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Secret }) {
		return false
	}
	k, isKey := known[element.ReplaceAllString(e.Key, "")]
	switch {
	case !inside, !isKey, k.Secret:
		return true
	case k.Path == "database.driver": // a DSN begins with one
		return strings.ContainsAny(e.Value, ":@")
	}
	return false
}
