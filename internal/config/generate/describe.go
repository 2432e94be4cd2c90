package main

import (
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/shoal-tracker/shoal/internal/config"
)

type section struct {
	config.Section
	comment string
	keys    []key // without those of its tables
	tables  []table
}

type table struct {
	config.Table
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
		own := s.Keys
		for _, t := range s.Tables {
			comment, err := c.of(t.Owner, t.Field.Name)
			if err != nil {
				return nil, err
			}
			keys, err := describeKeys(c, t.Keys)
			if err != nil {
				return nil, err
			}
			described.tables = append(described.tables, table{t, comment, keys})
			own = own[:len(own)-len(t.Keys)]
		}
		var err error
		if described.keys, err = describeKeys(c, own); err != nil {
			return nil, err
		}
		all = append(all, described)
	}
	return all, nil
}

func describeKeys(c *comments, keys []config.Key) (described []key, err error) {
	for _, k := range keys {
		comment, err := c.of(k.Owner, k.Field.Name)
		if err != nil {
			return nil, err
		}
		described = append(described, key{k, comment, standard(k), allowed(k)})
	}
	return described, nil
}

func standard(k config.Key) string {
	v := k.Of(config.Default())
	if k.Field.Tag.Get("unit") == "bytes" {
		return config.Format(config.FormatSize(int(v.Int())))
	}
	return config.Format(v.Interface())
}

var numbers = regexp.MustCompile(`\.\d+\.|\[\d+\]$`)

// wrongLabel is what a token without a text is called.
const wrongLabel = "label"

// allowed sets the key to what nobody would allow and hears the complaint, so
// that the page and the error cannot differ.
func allowed(k config.Key) string {
	switch {
	case k.Type() == "boolean":
		return "true or false"
	case k.Field.Type == reflect.TypeFor[[]netip.AddrPort]():
		return `IP:PORT each, or ""`
	case k.Field.Type == reflect.TypeFor[[]netip.Prefix]():
		return "networks and addresses"
	case k.Name() == "tls.email":
		return "an address, or empty"
	case k.Name() == "tls.acme_roots", k.Name() == "tls.ticket_keys", k.Path == "access.allow_file", k.Path == "access.deny_file":
		return "the path of a file, or empty"
	}
	c := config.Default()
	if k.Path == "database.dsn" {
		c.Database.Driver = "mysql" // SQLite needs none
	}
	if k.Name() != "tls.acme" {
		// Without a certificate nobody would look at the rest of the table.
		c.HTTP[0].TLS.Cert, c.HTTP[0].TLS.Key = "cert.pem", "key.pem"
		c.API.TLS.Cert, c.API.TLS.Key = "cert.pem", "key.pem"
	}
	v := k.Of(c)
	if v.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(wrongLabel), reflect.Zero(v.Type().Elem()))
	}
	switch v.Interface().(type) {
	case []netip.Addr:
		v.Set(reflect.ValueOf([]netip.Addr{netip.IPv4Unspecified()}))
	case []string:
		wrong := ""
		if k.Path == "webtorrent.allow_origins" { // where it is a client without one
			wrong = "*"
		}
		v.Set(reflect.ValueOf([]string{wrong}))
	case []int:
		v.Set(reflect.ValueOf([]int{-1}))
	case time.Duration, int:
		v.SetInt(-1)
	case string:
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
		if path == k.Path || strings.HasPrefix(path, k.Path+"."+wrongLabel) {
			heard = allowed
		}
	})
	return heard
}
