package config

import (
	"reflect"
	"slices"
	"strings"
)

// Variables that are not named after a key.
const (
	variableFile = "SHOAL_CONFIG"      // path of the configuration file
	variableTOML = "SHOAL_CONFIG_TOML" // the configuration file itself
)

func lookup(environ []string, name string) string {
	for _, e := range environ {
		if n, text, ok := strings.Cut(e, "="); ok && n == name {
			return text
		}
	}
	return ""
}

// environ assigns SHOAL_LOG__LEVEL and its like. A name without two
// underscores is somebody else's, SHOAL_DATA_DIR excepted: Kubernetes gives
// every container SHOAL_PORT and more where a service is called shoal.
func (l *loader) environ(environ []string) {
	type variable struct {
		name, text string
		path       []string
	}
	var all []variable
	for _, e := range environ {
		name, text, ok := strings.Cut(e, "=")
		rest, ours := strings.CutPrefix(name, "SHOAL_")
		if !ok || !ours || !strings.Contains(rest, "__") && name != "SHOAL_DATA_DIR" {
			continue
		}
		all = append(all, variable{name, text, strings.Split(strings.ToLower(rest), "__")})
	}
	// A value for all sections comes before the one for a single section,
	// because the environment has no order of its own.
	slices.SortStableFunc(all, func(a, b variable) int {
		_, _, numberA := l.resolve(a.path)
		_, _, numberB := l.resolve(b.path)
		if numberA < 0 != (numberB < 0) {
			return numberA - numberB
		}
		return strings.Compare(a.name, b.name)
	})
	paths := make([][]string, len(all))
	for i, v := range all {
		paths[i] = v.path
	}
	l.grow(paths)
	for _, v := range all {
		l.assign(v.path, value{kind: kindLoose, text: v.text}, v.name)
	}
}

// flags assigns the KEY=VALUE of each --set, in the order they were given.
func (l *loader) flags(set []string) {
	var paths [][]string
	for _, s := range set {
		key, _, ok := strings.Cut(s, "=")
		if !ok {
			l.problem(Error{Source: "--set", Key: s}, "must be KEY=VALUE, such as log.level=debug")
		}
		paths = append(paths, strings.Split(strings.TrimSpace(key), "."))
	}
	l.grow(paths)
	for i, s := range set {
		if _, text, ok := strings.Cut(s, "="); ok {
			l.assign(paths[i], value{kind: kindLoose, text: text}, "--set")
		}
	}
}

// count returns how many sections of one name there are.
func (l *loader) count(s Section) int {
	return member(reflect.ValueOf(l.config).Elem(), s.Path).Len()
}
