package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/shoal-tracker/shoal/internal/udpserver"
)

// maxSections bounds how often [[udp]] or [[http]] may stand.
const maxSections = 64

// loader builds one Config and remembers where each value came from.
type loader struct {
	config   *Config
	written  map[string]Error // by key, with its number; Problem is empty
	problems []*Error
}

func (l *loader) problem(e Error, format string, args ...any) {
	e.Problem = fmt.Sprintf(format, args...)
	l.problems = append(l.problems, &e)
}

// assign sets the key at path, in all sections of its name where the path has
// no number. It is the one way in, for files, variables and flags alike.
func (l *loader) assign(path []string, v value, source string) {
	at := Error{Source: source, Line: v.line, Key: strings.Join(path, ".")}
	generic, section, number := l.resolve(path)
	if k, rest, ok := tokensAt(path); ok {
		at.Value = v.String()
		l.assignTokens(k, path, rest, v, at)
		return
	}
	table, isTable := tableOf(generic)
	if isTable && v.kind == kindLoose {
		v = looseTable(v)
	}
	if v.kind == kindTable && len(v.table) > 0 && (!section.Many || number >= 0 || isTable) {
		for _, e := range v.table {
			l.assign(append(slices.Clone(path), e.path...), e.value, source)
		}
		return
	}
	k, isKey := known[generic]
	switch {
	case isKey && !section.Many:
		l.set(k.Of(l.config), k, v, at)
	case isKey:
		l.assignMany(section, k, number, v, at)
	case generic == section.Path && section.Many && number < 0:
		l.assignSections(section, v, at)
	case generic == section.Path && generic != "":
		if v.kind == kindTable {
			return // empty
		}
		at.Value = v.String()
		l.problem(at, "must be a section with the keys %s", names(section))
	case isTable:
		if v.kind == kindTable {
			return // empty
		}
		at.Value = v.String()
		l.problem(at, "must be a table such as { %s = … }, with any of the keys %s", table.Keys[0].Leaf(), leaves(table.Keys))
	default:
		l.problem(at, "unknown key%s", suggestion(generic))
	}
}

// resolve takes a path apart: without its number, the section it begins with,
// and the number there, or -1.
func (l *loader) resolve(path []string) (generic string, s Section, number int) {
	number = -1
	if len(path) > 0 {
		s, _ = sectionOf(path[0])
	}
	if s.Many && len(path) > 1 {
		if n, err := strconv.ParseUint(path[1], 10, 16); err == nil {
			number = int(n)
			path = append([]string{path[0]}, path[2:]...)
		}
	}
	return strings.Join(path, "."), s, number
}

func (l *loader) set(target reflect.Value, k Key, v value, at Error) {
	at.Value = v.String()
	if allowed := decode(target, k, v); allowed != "" {
		if allowed == beyondInt {
			allowed = l.rangeOf(target, at.Key)
		}
		l.problem(at, "must be %s", allowed)
		return
	}
	l.written[at.Key] = at
}

// rangeOf says what is allowed for the number at key, by trying one that no
// room takes.
func (l *loader) rangeOf(target reflect.Value, key string) (allowed string) {
	before := target.Int()
	target.SetInt(math.MinInt)
	l.config.Validate(func(reported string, _ any, is string) {
		if reported == key {
			allowed = is
		}
	})
	target.SetInt(before)
	if strings.HasSuffix(allowed, "or more") {
		allowed += ", at most " + strconv.Itoa(math.MaxInt)
	}
	return allowed
}

func (l *loader) assignMany(s Section, k Key, number int, v value, at Error) {
	list := member(reflect.ValueOf(l.config).Elem(), s.Path)
	if number == list.Len() && !l.add(s, at) {
		return
	}
	if number >= list.Len() {
		at.Value = v.String()
		l.problem(at, "there is no %s.%d: the sections are numbered from 0, the next one is %s.%d",
			s.Path, number, s.Path, list.Len())
		return
	}
	for i := range list.Len() {
		if number < 0 || number == i {
			at.Key = fmt.Sprintf("%s.%d.%s", s.Path, i, k.Name())
			l.set(member(list.Index(i), k.Name()), k, v, at)
		}
	}
}

// assignSections reads udp = [] and udp = [{…}, {…}].
func (l *loader) assignSections(s Section, v value, at Error) {
	at.Value = v.String()
	list := v.list
	if v.kind == kindLoose && strings.Trim(v.text, " ") != "[]" || v.kind != kindLoose && v.kind != kindList {
		l.problem(at, "must be written [[%s]], or %s = [] to have none", s.Path, s.Path)
		return
	}
	l.clear(s)
	l.written[s.Path] = at
	for i, element := range list {
		if element.kind != kindTable {
			l.problem(at, "must be a list of tables, such as [{ listen = \"0.0.0.0:6969\" }], or [] to have none")
			return
		}
		if !l.add(s, at) {
			return
		}
		l.assign([]string{s.Path, strconv.Itoa(i)}, element, at.Source)
	}
}

// clear removes the sections of one name.
func (l *loader) clear(s Section) {
	list := member(reflect.ValueOf(l.config).Elem(), s.Path)
	list.Set(reflect.MakeSlice(list.Type(), 0, 1))
}

// add appends a section with its defaults.
func (l *loader) add(s Section, at Error) bool {
	list := member(reflect.ValueOf(l.config).Elem(), s.Path)
	if list.Len() == maxSections {
		l.problem(at, "there are %d sections of this name already, and no more are allowed", maxSections)
		return false
	}
	switch list := list.Addr().Interface().(type) {
	case *[]udpserver.Config:
		*list = append(*list, udpserver.DefaultConfig())
	case *[]HTTP:
		*list = append(*list, defaultHTTP())
	default:
		panic("config: section " + s.Path + " has no defaults")
	}
	return true
}

// grow adds the sections that variables or flags name beyond those there are:
// udp.1 where only udp.0 is. It does so before anything is assigned, so that a
// value for all sections reaches the new one too.
func (l *loader) grow(paths [][]string) {
	wanted := map[string][]int{}
	for _, path := range paths {
		if _, s, number := l.resolve(path); number >= 0 {
			wanted[s.Path] = append(wanted[s.Path], number)
		}
	}
	for path, numbers := range wanted {
		s, _ := sectionOf(path)
		slices.Sort(numbers)
		for _, n := range numbers {
			if n < maxSections && n == member(reflect.ValueOf(l.config).Elem(), path).Len() {
				l.add(s, Error{})
			}
		}
	}
}
