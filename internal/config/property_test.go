package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal/internal/api"
)

// drawn are values in range, as a file has them, for keys whose range cannot
// be told from their type.
var drawn = map[string][]string{
	"data_dir":                {`"d"`, `"/var/lib/shoal"`},
	"log.level":               {`"debug"`, `"error"`},
	"log.format":              {`"text"`, `"json"`},
	"tracker.interval":        {`"20m"`, `"1h"`},
	"tracker.min_interval":    {`"1s"`, `"10m"`},
	"tracker.peer_timeout":    {`"61m"`, `"168h"`},
	"tracker.default_numwant": {"0", "200"},
	"tracker.peer_details":    {`"true"`, "false", `"auto"`},
	"access.private":          {"true", "false"},
	"access.listed":           {"true", "false"},
	"access.allow_file":       {`""`, `"allowed.txt"`},
	"access.deny_file":        {`""`, `"/etc/shoal/denied.txt"`},
	"access.addresses_denied": {`""`, "[]", `"10.1.2.3/8"`, `["192.0.2.1", "2001:db8::/32"]`},
	"access.private_addresses": {
		`"keep"`, `"drop"`,
	},
	"accounting.enabled":      {"false"}, // true needs access.private
	"accounting.max_rate":     {`"1KiB"`, `"10GiB"`},
	"database.driver":         {`"sqlite"`},
	"database.dsn":            {`""`, `"other.db"`},
	"access.clients_denied":   {"[]", `["-XL0012-", "a"]`},
	"access.ports_denied":     {"[]", "[0, 65535]"},
	"udp.engine":              {`"portable"`, `"mmsg"`},
	"udp.workers":             {"1", "1024"},
	"udp.receive_buffer":      {`"64KiB"`, "65537", `"512MiB"`},
	"udp.coalesce":            {"0", `"10ms"`},
	"udp.connection_id_epoch": {`"30s"`, `"24h"`},
	"udp.listen":              {`""`, "[]", `"127.0.0.1:1"`, `["127.0.0.1:1", "[::1]:1"]`},
	"http.listen":             {`""`, `"[fe80::1%eth0]:1"`, `["127.0.0.1:1", "[::1]:1"]`},
	"http.keep_alive":         {"false", "true"},
	"limits.torrents":         {"0", "12"},
	"limits.peers":            {"0", "12"},
	"limits.peers_per_torrent": {
		"0", "12",
	},
	"limits.peers_per_network": {"0", "12"},
	"limits.connections":       {"0", "12"},
	"tracker.external_ip":      {`""`, `"203.0.113.1"`, `["2001:db8::1", "203.0.113.1"]`},
	"tracker.use_ip_param":     {`"private"`, `"trusted"`},
	"http.trusted_proxies":     {`""`, "[]", `"10.1.2.3/8"`, `["192.0.2.1", "2001:db8::/32"]`},
	"http.forwarded":           {`"Forwarded"`, `"X-Real-IP"`},
	"http.webtorrent":          {"false", "true"},
	"webtorrent.interval":      {`"10s"`, `"1h"`},
	"webtorrent.max_offers":    {"0", "64"},
	"webtorrent.answer_replies": {
		"false", "true",
	},
	"webtorrent.allow_origins": {"[]", `["https://example.org", ""]`},
	"http.tls.cert":            {`"c.pem"`},
	"http.tls.key":             {`"k.pem"`},
	"http.tls.plain":           {`"serve"`, `"redirect"`, `"refuse"`},
	"http.tls.acme":            {`["tracker.example.org", "b.example.org"]`},
	"http.tls.email":           {`""`, `"admin@example.org"`},
	"http.tls.acme_directory":  {`"https://ca.example.org/directory"`},
	"http.tls.acme_roots":      {`"ca.pem"`},
	"http.tls.min_version":     {`"1.2"`, `"1.3"`},
	"http.tls.post_quantum":    {"true", "false"},
	"http.tls.ticket_keys":     {`"tickets"`},
	"api.listen":               {`""`, "[]", `"127.0.0.1:2"`, `["127.0.0.1:2", "[::1]:2"]`},
	"api.tokens": {
		"{}", `{ admin = "12345678" }`, `{ a = "{:@=,}[x]", "b.c" = { token = "87654321", scope = "read" }, d-e_f = { scope = "admin", token = "12345679" } }`,
	},
	"api.trusted_proxies":    {`""`, `"10.1.2.3/8"`, `["192.0.2.1", "2001:db8::/32"]`},
	"api.torrust_compatible": {"true", "false"},
	"api.tls.cert":           {`"c.pem"`},
	"api.tls.key":            {`"k.pem"`},
	"api.tls.acme":           {`["api.example.org"]`},
	"api.tls.email":          {`""`, `"admin@example.org"`},
	"api.tls.acme_directory": {`"https://ca.example.org/directory"`},
	"api.tls.acme_roots":     {`"ca.pem"`},
	"api.tls.min_version":    {`"1.2"`, `"1.3"`},
	"api.tls.post_quantum":   {"true", "false"},
	"api.tls.ticket_keys":    {`"tickets"`},
	"health.listen":          {`""`, "[]", `"127.0.0.1:3"`, `["127.0.0.1:3", "[::1]:3"]`},
}

// certificateKeys say for each way to have certificates which keys of the table
// must be set and which may not be.
var certificateKeys = []map[string]bool{
	{"cert": true, "key": true, "acme": false, "email": false, "acme_directory": false, "acme_roots": false},
	{"cert": false, "key": false, "acme": true},
	{
		"cert": false, "key": false, "acme": false, "plain": false, "email": false, "acme_directory": false,
		"acme_roots": false, "ticket_keys": false, "min_version": false, "post_quantum": false,
	},
}

// TestOneSchema checks that every key can be set by file, environment and
// flag, and that all three mean the same.
func TestOneSchema(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var file strings.Builder
		var environ, set []string
		certificates := rapid.SampledFrom(certificateKeys).Draw(t, "certificates")
		for _, s := range Sections() {
			path := s.Path
			switch {
			case s.Many:
				path += ".0"
				fmt.Fprintf(&file, "[[%s]]\n", s.Path)
			case s.Path != "":
				fmt.Fprintf(&file, "[%s]\n", s.Path)
			}
			for _, k := range s.Keys {
				values, ok := drawn[k.Path]
				if !ok {
					t.Fatalf("no values to draw for %s: add some to the table above", k.Path)
				}
				isSet := rapid.Bool().Draw(t, k.Path+" is set")
				if forced, ok := certificates[k.Leaf()]; ok {
					isSet = forced
				}
				if !isSet {
					continue
				}
				text := rapid.SampledFrom(values).Draw(t, k.Path)
				fmt.Fprintf(&file, "%s = %s\n", k.Name(), text)
				full := strings.TrimPrefix(path+"."+k.Name(), ".")
				loose := strings.Trim(text, `"`)
				set = append(set, full+"="+loose)
				environ = append(environ, "SHOAL_"+strings.ToUpper(strings.ReplaceAll(full, ".", "__"))+"="+loose)
			}
		}
		fromFile, err := load(file.String(), nil, nil)
		if err != nil && strings.HasSuffix(err.Error(), nowhere) {
			t.Skip("no listener was drawn")
		}
		if err != nil {
			t.Fatalf("file: %v\n%s", err, file.String())
		}
		for name, f := range map[string]func() (*Config, error){
			"environment": func() (*Config, error) { return load("", environ, nil) },
			"flags":       func() (*Config, error) { return load("", nil, set) },
		} {
			got, err := f()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(fromFile, got, byValue); diff != "" {
				t.Errorf("%s differs from the file:\n%s", name, diff)
			}
		}
	})
}

func TestReferenceIsTheDefaults(t *testing.T) {
	got, err := load(Reference(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Origin = DefaultFile
	want.Access.ClientsDenied, want.Access.AddressesDenied, want.Access.PortsDenied = []string{}, []netip.Prefix{}, []int{}
	want.Tracker.ExternalIP, want.HTTP[0].TrustedProxies, want.HTTP[0].TLS.ACME = []netip.Addr{}, []netip.Prefix{}, []string{}
	want.API.TrustedProxies, want.API.TLS.ACME = []netip.Prefix{}, []string{}
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Errorf("-defaults +reference:\n%s", diff)
	}
	for _, s := range Sections() {
		for _, k := range s.Keys {
			if !strings.Contains(Reference(), "\n"+k.Leaf()+" = ") {
				t.Errorf("%s is missing", k.Path)
			}
		}
	}
}

func TestFormat(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{time.Duration(0), `"0s"`},
		{500 * time.Microsecond, `"500us"`},
		{70 * time.Minute, `"1h10m"`},
		{time.Hour, `"1h"`},
		{90 * time.Second, `"1m30s"`},
		{10 * time.Minute, `"10m"`},
		{10 * time.Second, `"10s"`},
		{"a\"b", `"a\"b"`},
		{addresses("[::]:1", "1.2.3.4:5"), `["[::]:1", "1.2.3.4:5"]`},
		{netip.MustParseAddrPort("1.2.3.4:5"), `"1.2.3.4:5"`},
		{networks("10.0.0.0/8", "::1/128"), `["10.0.0.0/8", "::1/128"]`},
		{[]netip.Addr{netip.MustParseAddr("::1")}, `["::1"]`},
		{netip.MustParseAddr("192.0.2.1"), `"192.0.2.1"`},
		{[]string(nil), "[]"},
		{[]int{1, 2}, "[1, 2]"},
		{true, "true"},
		{map[string]api.Token(nil), "{}"},
		{map[string]api.Token{"b": {Token: "geheim22"}, "a": {Token: "geheim11", Scope: "read"}}, "{ a = (not shown), b = (not shown) }"},
		{FormatSize(8 << 20), `"8MiB"`},
		{FormatSize(1000), `"1000"`},
		{FormatSize(0), `"0"`},
	} {
		if got := Format(test.value); got != test.want {
			t.Errorf("%v (%v) is written %s, want %s", test.value, reflect.TypeOf(test.value), got, test.want)
		}
	}
}
