package config

import (
	"net/netip"
	"reflect"
	"strconv"
	"time"

	"github.com/shoal-tracker/shoal/internal/api"
)

// Settings returns every setting of c by its full key, such as "http.0.listen",
// with its value about as a file has it: strings, booleans, whole numbers, lists
// and, for tokens, tables by label. What is secret is left out: "(secret)" stands
// in its place, or "" where there is none.
func Settings(c *Config) map[string]any {
	all := map[string]any{}
	for _, s := range sections {
		if !s.Many {
			for _, k := range s.Keys {
				all[k.Path] = k.plain(k.Of(c))
			}
			continue
		}
		list := member(reflect.ValueOf(c).Elem(), s.Path)
		if list.Len() == 0 {
			all[s.Path] = []string{}
		}
		for i := range list.Len() {
			for _, k := range s.Keys {
				all[s.Path+"."+strconv.Itoa(i)+"."+k.Name()] = k.plain(member(list.Index(i), k.Name()))
			}
		}
	}
	return all
}

// plain returns a value of k in types that JSON has too.
func (k Key) plain(v reflect.Value) any {
	switch v := v.Interface().(type) {
	case map[string]api.Token: // its marks are known, so that labels and scopes can be shown
		return plainTokens(v)
	case time.Duration:
		return formatDuration(v)
	case []netip.AddrPort:
		return texts(v)
	case []netip.Prefix:
		return texts(v)
	case []netip.Addr:
		return texts(v)
	case []string:
		return append([]string{}, v...)
	case []int:
		return append([]int{}, v...)
	case int:
		if k.Field.Tag.Get("unit") == "bytes" {
			return FormatSize(v)
		}
		return v
	case bool:
		return v
	case string:
		if k.Secret && v != "" {
			return isSecret
		}
		return v
	}
	panic("config: " + k.Path + " has type " + v.Type().String() + ", which nothing shows")
}

func plainTokens(tokens map[string]api.Token) map[string]any {
	all := map[string]any{}
	for label, token := range tokens {
		scope := token.Scope
		if scope == "" {
			scope = "admin"
		}
		all[label] = map[string]any{"token": isSecret, "scope": scope}
	}
	return all
}

func texts[T interface{ String() string }](list []T) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = v.String()
	}
	return all
}
