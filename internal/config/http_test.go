package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTLS writes the same table in every way there is.
func TestTLS(t *testing.T) {
	first := func(c *Config) { c.HTTP[0].TLS.Cert, c.HTTP[0].TLS.Key = "c.pem", "k.pem" }
	both := func(c *Config) {
		c.HTTP = append(c.HTTP, c.HTTP[0])
		c.HTTP[1].Listen = addresses("127.0.0.1:1")
	}
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		set     []string
		want    func(c *Config)
	}{
		{name: "inline table", file: "[[http]]\ntls = { cert = \"c.pem\", key = \"k.pem\" }", want: first},
		{name: "empty inline table", file: "[[http]]\ntls = {}", set: []string{"http.0.tls={}"}, want: func(*Config) {}},
		{name: "table below", file: "[[http]]\n[http.tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n[log]\nlevel = \"info\"", want: first},
		{name: "dotted keys", file: "[[http]]\ntls.cert = \"c.pem\"\ntls.key = \"k.pem\"", want: first},
		{name: "in a list of tables", file: `http = [{ tls = { cert = "c.pem", key = "k.pem" } }]`, want: first},
		{name: "variables", environ: []string{"SHOAL_HTTP__0__TLS__CERT=c.pem", "SHOAL_HTTP__TLS__KEY=k.pem"}, want: first},
		{name: "table in a variable", environ: []string{`SHOAL_HTTP__0__TLS={cert="c.pem",key="k.pem"}`}, want: first},
		{name: "table in a variable, for all", environ: []string{` SHOAL=`, `SHOAL_HTTP__TLS= { cert = 'c.pem', key = 'k.pem' } `}, want: first},
		{name: "flags", set: []string{"http.tls.cert=c.pem", "http.0.tls.key=k.pem"}, want: first},
		{name: "table in a flag", set: []string{`http.0.tls={ cert = "c.pem", key = "k.pem" }`}, want: first},
		{
			name: "each table belongs to the section above it",
			file: "[[http]]\n[http.tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n[[http]]\nlisten = \"127.0.0.1:1\"\n[http.tls]\nacme = [\"tracker.example.org\"]\nplain = \"redirect\"",
			want: func(c *Config) {
				both(c)
				first(c)
				c.HTTP[1].TLS.ACME, c.HTTP[1].TLS.Plain = []string{"tracker.example.org"}, "redirect"
			},
		},
		{
			name: "a flag for all sections, and one goes over the table of another",
			file: "[[http]]\ntls = { cert = \"x\", key = \"k.pem\", min_version = \"1.3\" }\n[[http]]\nlisten = \"127.0.0.1:1\"\ntls = { acme = [\"b.example.org\"] }",
			set:  []string{"http.tls.post_quantum=true", `http.0.tls={cert="c.pem"}`},
			want: func(c *Config) {
				both(c)
				first(c)
				c.HTTP[0].TLS.PostQuantum, c.HTTP[1].TLS.PostQuantum = true, true
				c.HTTP[0].TLS.MinVersion, c.HTTP[1].TLS.ACME = "1.3", []string{"b.example.org"}
			},
		},
		{
			name: "a new section",
			set:  []string{`http.1.tls={cert="c.pem", key="k.pem"}`, "http.1.listen=127.0.0.1:1"},
			want: func(c *Config) {
				both(c)
				c.HTTP[1].TLS.Cert, c.HTTP[1].TLS.Key = "c.pem", "k.pem"
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := load(test.file, test.environ, test.set)
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			want.Origin = DefaultFile
			test.want(want)
			if diff := cmp.Diff(want, got, byValue); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestNetworks has each way to write trusted_proxies and external_ip.
func TestNetworks(t *testing.T) {
	for written, want := range map[string][]netip.Prefix{
		`""`:                            {},
		`[]`:                            {},
		`"10.0.0.0/8"`:                  networks("10.0.0.0/8"),
		`"10.1.2.3/8"`:                  networks("10.0.0.0/8"),
		`"192.0.2.1"`:                   networks("192.0.2.1/32"),
		`"2001:db8::1"`:                 networks("2001:db8::1/128"),
		`" 2001:db8::1/32 "`:            networks("2001:db8::/32"),
		`"::ffff:192.0.2.1"`:            networks("192.0.2.1/32"),
		`"::ffff:10.0.0.0/104"`:         networks("10.0.0.0/8"),
		`["0.0.0.0/0", "::/0"]`:         networks("0.0.0.0/0", "::/0"),
		`["10.0.0.0/8", "fd00::1/128"]`: networks("10.0.0.0/8", "fd00::1/128"),
	} {
		loose := strings.Trim(written, `"`)
		for name, f := range map[string]func() (*Config, error){
			"file":     func() (*Config, error) { return load("[[http]]\ntrusted_proxies = "+written, nil, nil) },
			"variable": func() (*Config, error) { return load("", []string{"SHOAL_HTTP__0__TRUSTED_PROXIES=" + loose}, nil) },
			"flag":     func() (*Config, error) { return load("", nil, []string{"http.trusted_proxies=" + loose}) },
		} {
			c, err := f()
			if err != nil {
				t.Errorf("%s, %s: %v", name, written, err)
			} else if diff := cmp.Diff(want, c.HTTP[0].TrustedProxies, byValue); diff != "" {
				t.Errorf("%s, %s, -want +got:\n%s", name, written, diff)
			}
		}
	}
	c, err := load("[tracker]\nexternal_ip = \"::ffff:203.0.113.1\"", nil, nil)
	if err != nil || len(c.Tracker.ExternalIP) != 1 || c.Tracker.ExternalIP[0] != netip.MustParseAddr("203.0.113.1") {
		t.Errorf("external_ip: %v, %v", c, err)
	}
	c, err = load("", []string{"SHOAL_TRACKER__EXTERNAL_IP=2001:db8::1, 203.0.113.1"}, []string{"http.1.trusted_proxies=10.0.0.0/8,::1", "http.1.listen="})
	if err != nil || len(c.Tracker.ExternalIP) != 2 || len(c.HTTP[0].TrustedProxies) != 0 || len(c.HTTP[1].TrustedProxies) != 2 {
		t.Errorf("lists with commas: %+v, %v", c, err)
	}
}

// What stands behind a list in a variable or flag is not passed over.
func TestMoreThanAList(t *testing.T) {
	for _, text := range []string{
		"[\"10.0.0.0/8\"]\nx = [\"1.1.1.1\"]",
		"[\"10.0.0.0/8\"]\n[x]",
		"[\"10.0.0.0/8\"]\n[",
		"[\"10.0.0.0/8\"] [\"1.1.1.1\"]",
	} {
		if c, err := load("", []string{"SHOAL_HTTP__0__TRUSTED_PROXIES=" + text}, nil); err == nil {
			t.Errorf("variable %q: %v", text, c.HTTP[0].TrustedProxies)
		}
		if c, err := load("", nil, []string{"http.trusted_proxies=" + text}); err == nil {
			t.Errorf("flag %q: %v", text, c.HTTP[0].TrustedProxies)
		}
	}
}

func TestWarnings(t *testing.T) {
	const acme = "[http.tls]\nacme = [\"tracker.example.org\"]\n"
	for _, test := range []struct {
		file string
		want []string // what the warnings begin with
	}{
		{"", nil},
		{"[[http]]\n" + acme, []string{"http.0.tls.acme: the authority will connect to port 80 or 443"}},
		{"[[http]]\nlisten = \"0.0.0.0:443\"\n" + acme, nil},
		{"[[http]]\nlisten = [\"0.0.0.0:6969\", \"[::]:80\"]\n" + acme, nil},
		{"[[http]]\n" + acme + "[[http]]\nlisten = \"0.0.0.0:80\"", nil},
		{"[[http]]\ntrusted_proxies = [\"10.0.0.0/8\", \"0.0.0.0/0\", \"::/0\"]", []string{
			"http.0.trusted_proxies: 0.0.0.0/0 trusts everyone", "http.0.trusted_proxies: ::/0 trusts everyone",
		}},
		{"[[http]]\ntrusted_proxies = [\"0.0.0.0/1\", \"128.0.0.0/1\", \"8.0.0.0/7\", \"::/1\", \"2a00::/15\", \"f800::/5\"]", []string{
			"http.0.trusted_proxies: 0.0.0.0/1 trusts a good part", "http.0.trusted_proxies: 128.0.0.0/1 trusts a good part",
			"http.0.trusted_proxies: 8.0.0.0/7 trusts a good part", "http.0.trusted_proxies: ::/1 trusts a good part",
			"http.0.trusted_proxies: 2a00::/15 trusts a good part", "http.0.trusted_proxies: f800::/5 trusts a good part",
		}},
		{"[[http]]\ntrusted_proxies = [\"10.0.0.0/8\", \"2a00::/16\", \"fc00::/7\", \"fd00::/8\", \"fe80::/10\"]", nil},
		{"[tracker]\nuse_ip_param = \"trusted\"", []string{"tracker.use_ip_param: trusted has no effect"}},
		{"[tracker]\nuse_ip_param = \"trusted\"\n[[http]]\nlisten = \"127.0.0.1:1\"\n[[http]]\ntrusted_proxies = \"10.0.0.1\"", nil},
		{"[tracker]\nuse_ip_param = \"private\"", nil},
		{"[api]\nlisten = [\"127.0.0.1:1\", \"[::1]:1\"]", nil},
		{"[api]\nlisten = [\"127.0.0.1:1\", \"0.0.0.0:1\"]", []string{"api.listen: 0.0.0.0:1 is open to others"}},
		{"[api]\nlisten = \"0.0.0.0:1\"\ntls = { cert = \"c\", key = \"k\" }", nil},
		{"[api]\nlisten = \"0.0.0.0:1\"\ntrusted_proxies = \"10.0.0.0/8\"", nil},
		{"[api]\ntrusted_proxies = [\"0.0.0.0/0\", \"2000::/3\"]", []string{"api.trusted_proxies: 0.0.0.0/0 trusts more", "api.trusted_proxies: 2000::/3 trusts more"}},
		{"[api.tls]\nacme = [\"api.example.org\"]", []string{"api.tls.acme: the authority will connect"}},
		{"[api]\nlisten = \"0.0.0.0:443\"\ntls = { acme = [\"api.example.org\"] }", nil},
		{"[api.tls]\nacme = [\"api.example.org\"]\n[[http]]\nlisten = \"0.0.0.0:80\"", nil},
	} {
		c, err := load(test.file, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := c.Warnings()
		if len(got) != len(test.want) {
			t.Errorf("%s: got %q, want %q", test.file, got, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: got %q, want %q", test.file, got[i], want)
			}
		}
	}
}
