package certificates

import (
	"slices"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	names := func(list ...string) func(*Config) { return func(c *Config) { c.ACME = list } }
	tests := []struct {
		name string
		set  func(*Config)
		want []string // keys reported
	}{
		{"default", func(*Config) {}, nil},
		{"pair", func(c *Config) { c.Cert, c.Key = "c", "k" }, nil},
		{"pair and all", func(c *Config) {
			c.Cert, c.Key, c.Plain, c.MinVersion, c.PostQuantum, c.TicketKeys = "c", "k", "redirect", "1.3", true, "t"
		}, nil},
		{"key missing", func(c *Config) { c.Cert = "c" }, []string{"key"}},
		{"cert missing", func(c *Config) { c.Key = "k" }, []string{"cert"}},
		{"pair and acme", func(c *Config) { c.Cert, c.Key, c.ACME = "c", "k", []string{"a.example.org"} }, []string{"acme"}},
		{"plain", func(c *Config) { c.Cert, c.Key, c.Plain = "c", "k", "maybe" }, []string{"plain"}},
		{"version", func(c *Config) { c.MinVersion = "1.1" }, []string{"min_version"}},
		{"nothing to redirect to", func(c *Config) { c.Plain = "redirect" }, []string{"plain"}},
		{"idle settings", func(c *Config) {
			c.Email, c.Directory, c.Roots, c.TicketKeys = "a@example.org", "https://ca.example.org/d", "r", "t"
		}, []string{"email", "acme_directory", "acme_roots", "ticket_keys"}},
		{"idle TLS", func(c *Config) { c.MinVersion, c.PostQuantum = "1.3", true }, []string{"min_version", "post_quantum"}},
		{"idle and out of range", func(c *Config) { c.Email, c.Directory = "nobody", "" }, []string{"email", "acme_directory"}},
		{"acme settings beside a pair", func(c *Config) {
			c.Cert, c.Key = "c", "k"
			c.Email, c.Directory, c.Roots = "a@example.org", "https://ca.example.org/d", "r"
		}, []string{"email", "acme_directory", "acme_roots"}},
		{"acme and all", func(c *Config) {
			c.ACME, c.Email, c.Directory, c.Roots = []string{"a.example.org"}, "a@example.org", "https://ca.example.org/d", "r"
			c.Plain, c.MinVersion, c.PostQuantum, c.TicketKeys = "redirect", "1.3", true, "t"
		}, nil},
		{"acme", func(c *Config) { c.ACME, c.Email = []string{"a.example.org", "B.example.org"}, "a@example.org" }, nil},
		{"own authority", func(c *Config) { c.ACME, c.Directory = []string{"tracker"}, "https://ca:14000/dir" }, nil},
		{"email", func(c *Config) { c.ACME, c.Email = []string{"a.example.org"}, "Me <a@example.org>" }, []string{"email"}},
		{"http directory", func(c *Config) { c.ACME, c.Directory = []string{"a.example.org"}, "http://ca/dir" }, []string{"acme_directory"}},
		{"no directory", func(c *Config) { c.ACME, c.Directory = []string{"a.example.org"}, "" }, []string{"acme_directory"}},
		{"directory with a password", func(c *Config) { c.ACME, c.Directory = []string{"a.b"}, "https://u:p@ca/dir" }, []string{"acme_directory"}},
		{"puny", names("xn--bcher-kva.example"), nil},
		{"digits", names("1.2.example4"), nil},
		{"wildcard", names("*.example.org"), []string{"acme[0]"}},
		{"address", names("192.0.2.1"), []string{"acme[0]"}},
		{"address of six", names("2001:db8::1"), []string{"acme[0]"}},
		{"port", names("a.example.org:443"), []string{"acme[0]"}},
		{"URL", names("https://a.example.org"), []string{"acme[0]"}},
		{"unicode", names("bücher.example"), []string{"acme[0]"}},
		{"underscore", names("a_b.example.org"), []string{"acme[0]"}},
		{"empty", names(""), []string{"acme[0]"}},
		{"end dot", names("a.example.org."), []string{"acme[0]"}},
		{"two dots", names("a..example.org"), []string{"acme[0]"}},
		{"hyphens", names("-a.example.org", "a-.example.org", "a-b.example.org"), []string{"acme[0]", "acme[1]"}},
		{"long label", names(strings.Repeat("a", 64) + ".org"), []string{"acme[0]"}},
		{"long name", names(strings.Repeat("a.", 126) + "org"), []string{"acme[0]"}},
		{"traversal", names("../../etc.passwd"), []string{"acme[0]"}},
		{"not public", names("tracker"), []string{"acme[0]"}},
		{"twice", names("a.example.org", "A.example.ORG"), []string{"acme[1]"}},
		{"too many", names(slices.Repeat([]string{"a.example.org"}, mostNames+1)...), []string{"acme"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := DefaultConfig()
			test.set(&c)
			var got []string
			c.Validate(func(key string, _ any, allowed string) {
				got = append(got, key)
				if allowed == "" {
					t.Errorf("%s: nothing is said of what is allowed", key)
				}
			})
			if !slices.Equal(got, test.want) {
				t.Errorf("reported %q, want %q", got, test.want)
			}
		})
	}
}
