package api

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultConfig(t *testing.T) {
	c := DefaultConfig()
	c.Validate(func(key string, value any, allowed string) { t.Errorf("%s = %v: allowed is %s", key, value, allowed) })
	if len(c.Listen) != 1 || c.Listen[0] != netip.MustParseAddrPort("127.0.0.1:1212") || c.TorrustCompatible {
		t.Errorf("%+v", c)
	}
}

// TestValidateTokens has every way to write tokens wrong, and looks for their
// texts in what is reported.
func TestValidateTokens(t *testing.T) {
	const good = "s3cret-s3cret"
	for _, test := range []struct {
		name   string
		tokens map[string]Token
		want   []string // keys
	}{
		{"none", nil, nil},
		{"good", map[string]Token{"admin": {Token: good}, "A.b_c-9": {Token: good + "2", Scope: "read"}, "x": {Token: good + "3", Scope: "admin"}}, nil},
		{"shortest", map[string]Token{"a": {Token: "12345678"}}, nil},
		{"longest", map[string]Token{strings.Repeat("l", 64): {Token: strings.Repeat("t", 256)}}, nil},
		{"too short", map[string]Token{"a": {Token: "s3cret7"}}, []string{"tokens.a"}},
		{"empty", map[string]Token{"a": {}}, []string{"tokens.a"}},
		{"too long", map[string]Token{"a": {Token: strings.Repeat("s3cret", 43)}}, []string{"tokens.a"}},
		{"a space", map[string]Token{"a": {Token: "s3cret s3cret"}}, []string{"tokens.a"}},
		{"no ASCII", map[string]Token{"a": {Token: "s3crets3cré"}}, []string{"tokens.a"}},
		{"control character", map[string]Token{"a": {Token: "s3cret\x00s3cret"}}, []string{"tokens.a"}},
		{"delete", map[string]Token{"a": {Token: "s3crets3cret\x7f"}}, []string{"tokens.a"}},
		{"swapped", map[string]Token{"s3cret/s3cret": {Token: "administrator"}}, []string{"tokens"}},
		{"empty label", map[string]Token{"": {Token: good}}, []string{"tokens"}},
		{"long label", map[string]Token{strings.Repeat("l", 65): {Token: good}}, []string{"tokens"}},
		{"twice", map[string]Token{"a": {Token: good}, "b": {Token: good, Scope: "read"}}, []string{"tokens.b"}},
		{"scope", map[string]Token{"a": {Token: good, Scope: "s3cret"}}, []string{"tokens.a.scope"}},
		{"all", map[string]Token{"a": {Token: "s3cret", Scope: "Read"}, "b": {}}, []string{"tokens.a", "tokens.a.scope", "tokens.b"}},
	} {
		c := DefaultConfig()
		c.Tokens = test.tokens
		var got []string
		c.Validate(func(key string, value any, allowed string) {
			got = append(got, key)
			if said := fmt.Sprint(key, value, allowed); strings.Contains(said, "s3cret") || allowed == "" {
				t.Errorf("%s: %q", test.name, said)
			}
		})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", test.name, diff)
		}
	}
}
