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
func (p *Error) hide() {
	if p.Value != "" && p.holdsSecret() {
		p.Value = notShown
	}
	for _, k := range known {
		if k.Field.Type.Kind() != reflect.Map {
			continue
		}
		if label, ok := strings.CutPrefix(p.Key, k.Path+"."); ok && len(label) > shownLabel {
			p.Key = k.Path + "." + label[:4] + "…"
		}
	}
}

// holdsSecret reports whether a secret may be in the value: also where it was put
// at a key beside its own.
func (p *Error) holdsSecret() bool {
	section, _, inside := strings.Cut(p.Key, ".")
	s, ok := sectionOf(section)
	if !ok || !slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Secret }) {
		return false
	}
	k, isKey := known[element.ReplaceAllString(p.Key, "")]
	switch {
	case !inside, !isKey, k.Secret:
		return true
	case k.Path == "database.driver": // a DSN begins with one
		return strings.ContainsAny(p.Value, ":@")
	}
	return false
}
