package main

import (
	"net/netip"
	"reflect"
	"regexp"
	"time"

	"github.com/shoal-tracker/shoal/internal/config"
)

type section struct {
	config.Section
	comment string
	keys    []key
}

type key struct {
	config.Key
	comment  string
	standard string // the default, as written in a file
	allowed  string // in the words an error uses; empty where the type says it all
}

func describe(c *comments) ([]section, error) {
	var all []section
	for _, s := range config.Sections() {
		described := section{Section: s}
		if s.Path != "" {
			comment, err := c.of(reflect.TypeFor[config.Config](), s.Field.Name)
			if err != nil {
				return nil, err
			}
			described.comment = comment
		}
		for _, k := range s.Keys {
			comment, err := c.of(k.Owner, k.Field.Name)
			if err != nil {
				return nil, err
			}
			described.keys = append(described.keys, key{k, comment, standard(k), allowed(k)})
		}
		all = append(all, described)
	}
	return all, nil
}

func standard(k config.Key) string {
	v := k.Of(config.Default())
	if k.Field.Tag.Get("unit") == "bytes" {
		return config.Format(config.FormatSize(int(v.Int())))
	}
	return config.Format(v.Interface())
}

var numbers = regexp.MustCompile(`\.\d+\.|\[\d+\]$`)

// allowed sets the key to what nobody would allow and hears the complaint, so
// that the page and the error cannot differ.
func allowed(k config.Key) string {
	switch {
	case k.Type() == "boolean":
		return "true or false"
	case k.Field.Type == reflect.TypeFor[[]netip.AddrPort]():
		return `IP:PORT each, or ""`
	}
	c := config.Default()
	v := k.Of(c)
	switch v.Interface().(type) {
	case []string:
		v.Set(reflect.ValueOf([]string{""}))
	case []int:
		v.Set(reflect.ValueOf([]int{-1}))
	case time.Duration, int:
		v.SetInt(-1)
	default:
		v.SetString("")
	}
	heard := ""
	c.Validate(func(path string, _ any, allowed string) {
		path = numbers.ReplaceAllStringFunc(path, func(s string) string {
			if s[0] == '.' {
				return "."
			}
			return ""
		})
		if path == k.Path {
			heard = allowed
		}
	})
	return heard
}
