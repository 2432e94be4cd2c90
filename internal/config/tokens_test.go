package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal/internal/api"
)

// TestTokens writes tokens in every way there is.
func TestTokens(t *testing.T) {
	const admin, grafana = "geheim-admin", "geheim-grafana"
	both := map[string]api.Token{"admin": {Token: admin}, "grafana": {Token: grafana, Scope: "read"}}
	alone := map[string]api.Token{"admin": {Token: admin}}
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		set     []string
		want    map[string]api.Token
	}{
		{name: "none"},
		{name: "empty table", file: "[api]\ntokens = {}"},
		{name: "empty table below", file: "[api.tokens]"},
		{name: "inline", file: "[api]\ntokens = { admin = \"" + admin + "\", grafana = { token = \"" + grafana + "\", scope = \"read\" } }", want: both},
		{name: "below", file: "[api.tokens]\nadmin = \"" + admin + "\"\ngrafana = { token = \"" + grafana + "\", scope = \"read\" }\n[log]\nlevel = \"info\"", want: both},
		{name: "below below", file: "[api.tokens.grafana]\nscope = \"read\"\ntoken = \"" + grafana + "\"\n[api.tokens]\nadmin = \"" + admin + "\"", want: both},
		{name: "dotted", file: "[api]\ntokens.admin = \"" + admin + "\"\ntokens.grafana.token = \"" + grafana + "\"\ntokens.grafana.scope = \"read\"", want: both},
		{name: "outside", file: "api.tokens.admin = \"" + admin + "\"", want: alone},
		{name: "variables", environ: []string{"SHOAL_API__TOKENS__ADMIN=" + admin, "SHOAL_API__TOKENS__GRAFANA__TOKEN=" + grafana, "SHOAL_API__TOKENS__GRAFANA__SCOPE=read"}, want: both},
		{name: "a table in a variable", environ: []string{"SHOAL_API__TOKENS={ admin = '" + admin + "', grafana = { token = '" + grafana + "', scope = 'read' } }"}, want: both},
		{name: "a table for one", set: []string{"api.tokens.grafana={token='" + grafana + "',scope='read'}", "api.tokens.admin=" + admin}, want: both},
		{name: "flags", set: []string{"api.tokens.admin.token=" + admin}, want: alone},
		{
			name: "a variable beside the file, and over it, keeps the scope",
			file: "[api.tokens]\ngrafana = { token = \"before-it\", scope = \"read\" }", environ: []string{"SHOAL_API__TOKENS__GRAFANA=" + grafana, "SHOAL_API__TOKENS__ADMIN=" + admin},
			want: both,
		},
		{
			name: "labels", file: "[api.tokens]\n\"Ci.2_a-b\" = \"" + admin + "\"", set: []string{"api.tokens.token=" + admin + "2", "api.tokens.scope=" + grafana},
			want: map[string]api.Token{"Ci.2_a-b": {Token: admin}, "token": {Token: admin + "2"}, "scope": {Token: grafana}},
		},
		{
			name: "what Kubernetes sets for a service called shoal-api-tokens", environ: kubernetes("SHOAL_API", "SHOAL_API_TOKENS", "SHOAL_HEALTH"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := load(test.file, test.environ, test.set)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.API.Tokens) == 0 && len(test.want) == 0 {
				return
			}
			if diff := cmp.Diff(test.want, c.API.Tokens); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestTokensAreNotShown has a token stand in everything that can be wrong about it.
func TestTokensAreNotShown(t *testing.T) {
	const token = "geheim:@{/}0123456789abcdef012345"
	for _, test := range []struct {
		file         string
		environ, set []string
		want         string // what the error begins with; empty: where it stands does not matter
	}{
		{file: "[api.tokens]\nadmin = \"geheim\"", want: "shoal.toml:2: api.tokens.admin"},
		{file: "[api.tokens]\nadmin = { token = \"geheim\" }", want: "shoal.toml:2: api.tokens.admin"},
		{file: "[api.tokens]\nadmin = { token = \"" + token + "\", scope = \"write\" }", want: "shoal.toml:2: api.tokens.admin.scope"},
		{file: "[api.tokens]\nadmin = { scope = \"geheim\" }", want: "shoal.toml:2: api.tokens.admin"},
		{file: "[api.tokens]\nadmin = { token = \"" + token + "\", scope = \"" + token + "\" }", want: "shoal.toml:2: api.tokens.admin.scope"},
		{file: "[api.tokens]\nadmin = { token = \"" + token + "\", colour = \"" + token + "\" }", want: "shoal.toml:2: api.tokens.admin.colour: unknown key"},
		{file: "[api.tokens]\nadmin = {}", want: "shoal.toml:2: api.tokens.admin = (not shown): must be a string"},
		{file: "[api.tokens]\nadmin = [\"" + token + "\"]", want: "shoal.toml:2: api.tokens.admin = (not shown): must be a string"},
		{file: "[api.tokens]\nadmin.token = [\"" + token + "\"]", want: "shoal.toml:2: api.tokens.admin.token = (not shown): must be a string"},
		{file: "[api.tokens]\n\"" + token + "\" = \"admin\"", want: "shoal.toml:2: api.tokens = (not shown): must have labels"},
		{file: "[api.tokens]\n" + strings.Repeat("geheim", 5) + " = \"admin\"", want: "shoal.toml:2: api.tokens.gehe… = (not shown)"},
		{file: "[api.tokens]\n\"\" = \"" + token + "\"", want: "shoal.toml:2: api.tokens = (not shown): must have labels"},
		{file: "[api]\ntokens = \"" + token + "\"", want: "shoal.toml:2: api.tokens = (not shown): must be a table"},
		{file: "[api]\ntokens = [\"" + token + "\"]", want: "shoal.toml:2: api.tokens = (not shown): must be a table"},
		{file: "[api]\ntoken = \"" + token + "\"", want: "shoal.toml:2: api.token: unknown key; did you mean api.tokens?"},
		{file: "api = \"" + token + "\"", want: "shoal.toml:1: api = (not shown): must be a section"},
		{file: "[api.tokens]\nadmin = \"" + token + "\"\nadmin = \"" + token + "\""},
		{file: "[api.tokens]\nadmin = " + token},
		{file: "[api.tokens]\nadmin = \"" + token},
		{set: []string{"api.tokens=" + token}, want: "--set: api.tokens = (not shown)"},
		{set: []string{"api.tokens.admin=geheim"}, want: "--set: api.tokens.admin"},
		{set: []string{"api.tokens.admin.admin=" + token}, want: "--set: api.tokens.admin.admin: unknown key"},
		{set: []string{"api.tokens:" + token}, want: "--set: (not shown)"},
		{set: []string{"api=" + token}},
		{environ: []string{"SHOAL_API__TOKENS=" + token}, want: "SHOAL_API__TOKENS: api.tokens = (not shown)"},
		{environ: []string{"SHOAL_API__TOKENS__ADMIN=geheim"}, want: "SHOAL_API__TOKENS__ADMIN: api.tokens.admin"},
		{environ: []string{"SHOAL_API__TOKENS__ADMIN__SCOPE=read"}, want: "SHOAL_API__TOKENS__ADMIN__SCOPE: api.tokens.admin"},
		{environ: []string{"SHOAL_API_TOKENS_ADMIN=" + token}, want: "SHOAL_API_TOKENS_ADMIN: is spelt SHOAL_API__TOKENS__ADMIN"},
		{environ: []string{"SHOAL_API=" + token}},
	} {
		_, err := load(test.file, test.environ, test.set)
		if err == nil || strings.Contains(err.Error(), "geheim") || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%+v: error %v", test, err)
		}
	}
}

// SHOAL_API_TOKEN is not a key: the commands read it.
func TestTokenOfCommands(t *testing.T) {
	if c, err := load("", []string{"SHOAL_API_TOKEN=geheim"}, nil); err != nil || len(c.API.Tokens) != 0 {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestReloadTokens(t *testing.T) {
	running, err := load("[api.tokens]\nold = \"12345678\"", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := load("[api]\ntorrust_compatible = true\nlisten = \"\"\n[api.tokens]\nnew = \"12345679\"\n[api.tls]\ncert = \"c\"\nkey = \"k\"\n[health]\nlisten = \"\"", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Reload(running, next)
	if diff := cmp.Diff([]string{"api.tokens", "api.torrust_compatible"}, c.Applied); diff != "" {
		t.Errorf("applied, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"api.listen", "api.tls.cert", "api.tls.key", "health.listen"}, c.Restart); diff != "" {
		t.Errorf("needs a restart, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(next.API.Tokens, c.Config.API.Tokens); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, ok := running.API.Tokens["old"]; !ok {
		t.Error("the running configuration was changed")
	}
	if c := Reload(Default(), Default()); len(c.Applied) > 0 || len(c.Restart) > 0 {
		t.Errorf("nothing differs, and %v %v", c.Applied, c.Restart)
	}
}

// What stands in [api.tls] has no key for requests without TLS: none is taken.
func TestPlainIsNotOfTheAPI(t *testing.T) {
	const want = "shoal.toml:2: api.tls.plain: unknown key"
	if _, err := load("[api.tls]\nplain = \"serve\"", nil, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
