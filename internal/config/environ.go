package config

import (
	"reflect"
	"slices"
	"strconv"
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
// underscores is somebody else's, SHOAL_DATA_DIR and what spelling knows
// excepted: Kubernetes gives every container SHOAL_PORT and more where a
// service is called shoal.
func (l *loader) environ(environ []string) {
	type variable struct {
		name, text string
		path       []string
	}
	var all []variable
	for _, e := range environ {
		name, text, ok := strings.Cut(e, "=")
		rest, ours := strings.CutPrefix(name, "SHOAL_")
		if !ok || !ours {
			continue
		}
		if !strings.Contains(rest, "__") && name != "SHOAL_DATA_DIR" {
			if right := spelling(rest); right != "" {
				l.problem(Error{Source: name}, "%s", right)
			}
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

// spelling returns what is wrong with SHOAL_ and rest, which has single
// underscores only, if it means a key or a section. What Kubernetes makes up
// for services called shoal or shoal-udp (SHOAL_UDP_PORT, SHOAL_SERVICE_HOST,
// SHOAL_UDP_PORT_6969_UDP_ADDR) means none: no key is called port or service.
func spelling(rest string) string {
	rest = strings.ToLower(rest)
	section, key, _ := strings.Cut(rest, "_")
	s, ok := sectionOf(section)
	if !ok {
		return ""
	}
	number, tail, _ := strings.Cut(key, "_")
	if _, err := strconv.ParseUint(number, 10, 16); err == nil && s.Many {
		key = tail
	} else {
		number = ""
	}
	if key == "" { // the number of a section, too, names no key
		if number == "" && s.Many {
			number = "0"
		}
		return "is a section and not a key: set its keys one by one, such as " + variable(s.Path, number, s.Keys[0].Name())
	}
	if key, ok = s.spelt(key); !ok {
		return ""
	}
	right := "is spelt " + variable(s.Path, number, key) + ", with two underscores"
	if number == "" && s.Many {
		right += ", or " + variable(s.Path, "0", key) + " for the first [[" + s.Path + "]] alone"
	}
	return right
}

// spelt returns the name of the key, or table, whose dots have become single
// underscores in key.
func (s Section) spelt(key string) (name string, ok bool) {
	for _, k := range s.Keys {
		if strings.ReplaceAll(k.Name(), ".", "_") == key {
			return k.Name(), true
		}
	}
	for _, k := range s.Keys {
		if label, ok := strings.CutPrefix(key, k.Name()+"_"); ok && k.Field.Type.Kind() == reflect.Map && !isOfService(label) {
			return k.Name() + "." + label, true
		}
	}
	for _, table := range s.Tables {
		if table.Field.Tag.Get("toml") == key {
			return key, true
		}
	}
	return "", false
}

// isOfService reports whether a variable ends as those that Kubernetes makes up.
func isOfService(end string) bool {
	return strings.HasPrefix(end, "service_") || end == "port" || strings.HasPrefix(end, "port_")
}

// variable returns the name of a key's variable, without the empty parts.
func variable(path ...string) string {
	path = slices.DeleteFunc(path, func(part string) bool { return part == "" })
	return "SHOAL_" + strings.ToUpper(strings.ReplaceAll(strings.Join(path, "__"), ".", "__"))
}

// flags assigns the KEY=VALUE of each --set, in the order they were given.
func (l *loader) flags(set []string) {
	var paths [][]string
	for _, s := range set {
		key, _, ok := strings.Cut(s, "=")
		if !ok {
			if strings.ContainsAny(s, ":@/") { // most likely a value, and it may have a password
				s = notShown
			}
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
