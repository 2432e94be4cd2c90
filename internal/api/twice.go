package api

import (
	"bytes"
	"encoding/json"
)

// twice returns a name that stands twice in one object of text, or "". The schema
// sees the last value alone, and decoding puts it on top of the first one.
func twice(text []byte) string {
	type level struct {
		names *names // nil: a list
		value bool   // what comes is one, not a name
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var in []level
	for {
		token, err := decoder.Token()
		if err != nil {
			return "" // the end, or what is no JSON, which others say
		}
		delim, isDelim := token.(json.Delim)
		if delim == '}' || delim == ']' {
			in = in[:len(in)-1]
			continue
		}
		if len(in) > 0 && in[len(in)-1].names != nil {
			top := &in[len(in)-1]
			if name, isName := token.(string); isName && !top.value && !top.names.add(name) {
				return name
			}
			top.value = !top.value
		}
		if isDelim {
			next := level{}
			if delim == '{' {
				next.names = &names{}
			}
			in = append(in, next)
		}
	}
}

// names are those of an object: mostly few.
type names struct {
	few  []string
	many map[string]bool
}

// add reports false if a name is there already.
func (n *names) add(name string) bool {
	const few = 16
	for _, other := range n.few {
		if other == name {
			return false
		}
	}
	if len(n.few) < few {
		n.few = append(n.few, name)
		return true
	}
	if n.many[name] {
		return false
	}
	if n.many == nil {
		n.many = map[string]bool{}
	}
	n.many[name] = true
	return true
}
