package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Key is one setting.
type Key struct {
	Path  string              // section and name, without the number of a section: "udp.workers", "http.tls.cert"
	Owner reflect.Type        // the struct that declares it
	Field reflect.StructField // its declaration there

	Secret bool // shown to nobody
}

// Section is one struct of settings; the first has no Path and holds the keys
// outside of all sections.
type Section struct {
	Path  string
	Many  bool                // written [[path]], any number of times
	Field reflect.StructField // its declaration in Config; the zero value for the first
	Keys  []Key               // those of its tables too, behind the others

	Tables []Table
}

// Table is a struct of settings inside a section. In a file it is written as an
// inline table, below a line of its own such as [http.tls], or with dotted keys.
type Table struct {
	Path  string              // "http.tls"
	Owner reflect.Type        // the struct that declares it
	Field reflect.StructField // its declaration there
	Keys  []Key
}

var (
	sections = declared()
	known    = func() map[string]Key {
		all := map[string]Key{}
		for _, s := range sections {
			for _, k := range s.Keys {
				all[k.Path] = k
			}
		}
		return all
	}()
)

// Sections returns all settings in the order they are declared.
func Sections() []Section { return slices.Clone(sections) }

func declared() []Section {
	all := []Section{{}}
	t := reflect.TypeFor[Config]()
	for field := range fields(t) {
		name, element := field.Tag.Get("toml"), field.Type
		if name == "-" {
			continue
		}
		many := element.Kind() == reflect.Slice && element.Elem().Kind() == reflect.Struct
		if many {
			element = element.Elem()
		}
		if element.Kind() != reflect.Struct {
			all[0].Keys = append(all[0].Keys, Key{Path: name, Owner: t, Field: field})
			continue
		}
		s := Section{Path: name, Many: many, Field: field}
		s.add(element)
		for _, table := range s.Tables { // what follows the line of a table is the table's
			s.Keys = append(s.Keys, table.Keys...)
		}
		secret := strings.Fields(field.Tag.Get("secret"))
		for i := range s.Keys {
			k := &s.Keys[i]
			k.Secret = k.Field.Tag.Get("secret") == "true" || slices.Contains(secret, k.Name())
		}
		all = append(all, s)
	}
	return all
}

// add takes the settings of struct t, those of embedded structs in their place.
func (s *Section) add(t reflect.Type) {
	for field := range fields(t) {
		path := s.Path + "." + field.Tag.Get("toml")
		switch {
		case field.Anonymous:
			s.add(field.Type)
		case field.Type.Kind() == reflect.Struct:
			table := Table{Path: path, Owner: t, Field: field}
			without := strings.Fields(field.Tag.Get("without")) // what has no meaning here
			for inside := range fields(field.Type) {
				if name := inside.Tag.Get("toml"); !slices.Contains(without, name) {
					table.Keys = append(table.Keys, Key{Path: path + "." + name, Owner: field.Type, Field: inside})
				}
			}
			s.Tables = append(s.Tables, table)
		default:
			s.Keys = append(s.Keys, Key{Path: path, Owner: t, Field: field})
		}
	}
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func sectionOf(path string) (Section, bool) {
	i := slices.IndexFunc(sections, func(s Section) bool { return s.Path == path && path != "" })
	if i < 0 {
		return Section{}, false
	}
	return sections[i], true
}

// tableOf returns the table of a section with this path, such as "http.tls".
func tableOf(path string) (Table, bool) {
	first, _, _ := strings.Cut(path, ".")
	s, _ := sectionOf(first)
	for _, table := range s.Tables {
		if table.Path == path {
			return table, true
		}
	}
	return Table{}, false
}

// Name returns the key without its section: "workers", "tls.cert".
func (k Key) Name() string {
	if _, name, ok := strings.Cut(k.Path, "."); ok {
		return name
	}
	return k.Path
}

// Leaf returns the key without its section and table: "cert".
func (k Key) Leaf() string { return k.Path[strings.LastIndexByte(k.Path, '.')+1:] }

// Type says in a few words what is written for the key.
func (k Key) Type() string {
	switch t := k.Field.Type; {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[[]netip.AddrPort]():
		return "address or list of addresses"
	case t == reflect.TypeFor[[]netip.Prefix]():
		return "network or list of networks"
	case t == reflect.TypeFor[[]netip.Addr]():
		return "IP address or list of IP addresses"
	case k.Field.Tag.Get("unit") == "bytes":
		return "size"
	case takesBool[k.Path]:
		return "string or boolean"
	case t.Kind() == reflect.Map:
		return "table of tokens"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Int:
		return "whole number"
	case t == reflect.TypeFor[[]string]():
		return "list of strings"
	case t == reflect.TypeFor[[]int]():
		return "list of whole numbers"
	}
	return "string"
}

// takesBool has the keys of type string that mean the same with true or false
// unquoted.
var takesBool = map[string]bool{"tracker.peer_details": true}

// Live reports whether a changed value is taken by a reload. The others need a
// restart.
func (k Key) Live() bool {
	switch section, _, _ := strings.Cut(k.Path, "."); section {
	case "access", "accounting", "limits", "webtorrent":
		return true
	case "tracker":
		// Details that were not kept cannot be had later, and the time of a
		// peer is kept in hundredths of the timeout.
		return k.Path != "tracker.peer_details" && k.Path != "tracker.peer_timeout"
	case "api":
		return k.Path == "api.tokens" || k.Path == "api.trusted_proxies" || k.Path == "api.torrust_compatible"
	case "http":
		return k.Path == "http.trusted_proxies" || k.Path == "http.forwarded"
	}
	return k.Path == "log.level"
}

// Of returns the value of k in c, or in the first of its sections.
func (k Key) Of(c *Config) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	section, _, nested := strings.Cut(k.Path, ".")
	if nested {
		if v = member(v, section); v.Kind() == reflect.Slice {
			v = v.Index(0)
		}
	}
	return member(v, k.Name())
}

// member returns the field of struct v, or of a struct embedded there, that
// has this name in a file. A dot in the name leads into a table.
func member(v reflect.Value, name string) reflect.Value {
	first, rest, nested := strings.Cut(name, ".")
	for field := range fields(v.Type()) {
		if field.Anonymous {
			if m := member(v.FieldByIndex(field.Index), name); m.IsValid() {
				return m
			}
		} else if field.Tag.Get("toml") == first {
			if nested {
				return member(v.FieldByIndex(field.Index), rest)
			}
			return v.FieldByIndex(field.Index)
		}
	}
	return reflect.Value{}
}
