package config

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// file reads a TOML document. It reports false where the document is not TOML,
// so that what follows from half a document need not be reported too.
func (l *loader) file(source string, text []byte) (whole bool) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // Windows editors write it
	var p unstable.Parser
	p.Reset(text)
	cleared := map[string]bool{}
	var prefix []string
	skip := false // the keys under a header that was wrong itself
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			path, line := keyOf(&p, e)
			prefix, skip = l.table(path, cleared, Error{Source: source, Line: line, Key: strings.Join(path, ".")})
		case unstable.ArrayTable:
			path, line := keyOf(&p, e)
			prefix, skip = l.arrayTable(path, cleared, Error{Source: source, Line: line, Key: strings.Join(path, ".")})
		case unstable.KeyValue:
			if skip {
				continue
			}
			path, line := keyOf(&p, e)
			v := valueOf(&p, e.Value(), line)
			l.inFile(prefix, path, v, source)
		}
	}
	if err := p.Error(); err != nil {
		at := Error{Source: source}
		if syntax := (*unstable.ParserError)(nil); errors.As(err, &syntax) {
			at.Line = p.Shape(p.Range(syntax.Highlight)).Start.Line
		}
		l.problem(at, "not valid TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
		return false
	}
	if len(l.problems) > 0 {
		return true // a wrong header stands in the wrong place too
	}
	return l.redefined(source, text)
}

// inFile assigns one key of a file. What is short for all sections in a flag
// would be a second way to write the same thing here.
func (l *loader) inFile(prefix, path []string, v value, source string) {
	path = slices.Concat(prefix, path)
	if _, s, _ := l.resolve(path); s.Many && len(path) > 1 && len(prefix) == 0 {
		at := Error{Source: source, Line: v.line, Key: strings.Join(path, "."), Value: v.String()}
		l.problem(at, "must stand below a line [[%s]]", s.Path)
		return
	}
	l.assign(path, v, source)
}

func (l *loader) table(path []string, cleared map[string]bool, at Error) (prefix []string, skip bool) {
	s, ok := sectionOf(strings.Join(path, "."))
	_, isTable := tableOf(strings.Join(path, "."))
	_, _, isTokens := tokensAt(path)
	switch {
	case isTable:
		return l.tableBelow(path, cleared, at)
	case isTokens:
		return path, false
	case !ok:
		l.problem(at, "unknown section; there are %s", sectionNames())
	case s.Many:
		l.problem(at, "must be written [[%s]] with two brackets, because it may stand more than once", s.Path)
	default:
		return path, false
	}
	return nil, true
}

// tableBelow reads a line such as [http.tls], which is about the last [[http]]
// above it.
func (l *loader) tableBelow(path []string, cleared map[string]bool, at Error) (prefix []string, skip bool) {
	s, _ := sectionOf(path[0])
	switch {
	case !s.Many:
		return path, false
	case !cleared[s.Path]:
		l.problem(at, "must stand below a line [[%s]]", s.Path)
		return nil, true
	}
	return []string{s.Path, strconv.Itoa(l.count(s) - 1), path[1]}, false
}

func (l *loader) arrayTable(path []string, cleared map[string]bool, at Error) (prefix []string, skip bool) {
	s, ok := sectionOf(strings.Join(path, "."))
	table, isTable := tableOf(strings.Join(path, "."))
	switch {
	case isTable:
		l.problem(at, "must be written [%s] with one bracket, because it stands once below [[%s]]", table.Path, path[0])
		return nil, true
	case !ok:
		l.problem(at, "unknown section; there are %s", sectionNames())
		return nil, true
	case !s.Many:
		l.problem(at, "must be written [%s] with one bracket, because it stands once", s.Path)
		return nil, true
	case !cleared[s.Path]: // the first in the file takes the place of the defaults
		cleared[s.Path] = true
		l.clear(s)
	}
	if !l.add(s, at) {
		return nil, true
	}
	return []string{s.Path, strconv.Itoa(l.count(s) - 1)}, false
}

// redefined reports keys and sections that stand twice. The parser above reads
// line by line and does not see them; TOML says they are errors.
func (l *loader) redefined(source string, text []byte) bool {
	var ignored map[string]any
	err := toml.Unmarshal(text, &ignored)
	if err == nil {
		return true
	}
	at := Error{Source: source}
	if syntax := (*toml.DecodeError)(nil); errors.As(err, &syntax) {
		at.Line, _ = syntax.Position()
		at.Key = strings.Join(syntax.Key(), ".")
	}
	l.problem(at, "not valid TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
	return false
}
