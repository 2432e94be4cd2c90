package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

type kind uint8

const (
	kindString kind = iota
	kindInteger
	kindBool
	kindOther // floats, dates and times: nothing takes one
	kindList
	kindTable
	kindLoose // from a variable or flag: text whose type is the key's
)

// value is what was written for a key, not yet read as anything.
type value struct {
	kind  kind
	text  string // decoded of strings, as written of other scalars
	list  []value
	table []entry
	line  int
}

type entry struct {
	path  []string
	value value
}

// String returns the value about as it was written, for messages.
func (v value) String() string {
	const enough = 100 // bytes; nobody finds an error in more
	var s string
	switch v.kind {
	case kindString, kindLoose:
		s = strconv.Quote(v.text)
	case kindList:
		parts := make([]string, len(v.list))
		for i, e := range v.list {
			parts[i] = e.String()
		}
		s = "[" + strings.Join(parts, ", ") + "]"
	case kindTable:
		s = "{…}"
	default:
		s = v.text
	}
	if len(s) > enough {
		s = strings.ToValidUTF8(s[:enough], "") + "…"
	}
	return s
}

// valueOf copies what the parser read; the parser's memory is used again.
func valueOf(p *unstable.Parser, n *unstable.Node, line int) value {
	if n.Raw.Length > 0 {
		line = p.Shape(n.Raw).Start.Line
	}
	v := value{text: string(n.Data), line: line}
	switch n.Kind {
	case unstable.String:
		v.kind = kindString
	case unstable.Integer:
		v.kind = kindInteger
	case unstable.Bool:
		v.kind = kindBool
	case unstable.Array:
		v.kind = kindList
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				v.list = append(v.list, valueOf(p, it.Node(), line))
			}
		}
	case unstable.InlineTable:
		v.kind = kindTable
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				path, at := keyOf(p, it.Node())
				v.table = append(v.table, entry{path, valueOf(p, it.Node().Value(), at)})
			}
		}
	default:
		v.kind = kindOther
	}
	return v
}

// keyOf returns the parts of a dotted key and the line it stands on.
func keyOf(p *unstable.Parser, n *unstable.Node) (path []string, line int) {
	for it := n.Key(); it.Next(); {
		if line == 0 {
			line = p.Shape(it.Node().Raw).Start.Line
		}
		path = append(path, string(it.Node().Data))
	}
	return path, line
}

// looseTable reads an inline table out of a variable or flag, or returns v as it
// was if it is none.
func looseTable(v value) value {
	var p unstable.Parser
	p.Reset([]byte("table = " + strings.TrimSpace(v.text)))
	if !p.NextExpression() || p.Expression().Kind != unstable.KeyValue {
		return v
	}
	table := valueOf(&p, p.Expression().Value(), 0)
	if table.kind != kindTable || p.NextExpression() || p.Error() != nil {
		return v
	}
	table.forgetLines()
	return table
}

// forgetLines takes the lines out of what does not stand in a file.
func (v *value) forgetLines() {
	v.line = 0
	for i := range v.list {
		v.list[i].forgetLines()
	}
	for i := range v.table {
		v.table[i].value.forgetLines()
	}
}

// looseList reads a list out of a variable or flag: a TOML array, or text
// between commas.
func looseList(text string) ([]value, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		var p unstable.Parser
		p.Reset([]byte("list = " + text))
		if !p.NextExpression() || p.Expression().Kind != unstable.KeyValue {
			return nil, fmt.Errorf("%q is not a TOML array: %w", text, p.Error())
		}
		list := valueOf(&p, p.Expression().Value(), 0)
		if p.NextExpression() || p.Error() != nil {
			return nil, fmt.Errorf("%q is more than a TOML array", text)
		}
		return list.list, nil
	}
	var list []value
	for part := range strings.SplitSeq(text, ",") {
		list = append(list, value{kind: kindLoose, text: strings.TrimSpace(part)})
	}
	return list, nil
}
