package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every key that is written with single underscores is told with two.
func TestSpelling(t *testing.T) {
	for _, s := range Sections()[1:] {
		for _, k := range s.Keys {
			wrong := "SHOAL_" + strings.ToUpper(strings.ReplaceAll(k.Path, ".", "_"))
			right := "SHOAL_" + strings.ToUpper(strings.ReplaceAll(k.Path, ".", "__"))
			if _, err := load("", []string{wrong + "=1"}, nil); err == nil || !strings.Contains(err.Error(), right) {
				t.Errorf("%s: error %v does not say %s", wrong, err, right)
			}
		}
	}
}

// A number that no int holds is told what its room allows.
func TestBeyondInt(t *testing.T) {
	most := strconv.Itoa(math.MaxInt)
	for set, want := range map[string]string{
		"limits.peers=99999999999999999999":           "0 or more, at most " + most,
		"limits.connections=-99999999999999999999":    "0 or more, at most " + most,
		"udp.workers=99999999999999999999":            "0 (one a core) to 1024",
		"tracker.default_numwant=1" + most:            "0 to 200",
		"access.ports_denied=80,99999999999999999999": "a list of whole numbers, such as [1, 2]",
	} {
		_, err := load("", nil, []string{set})
		if err == nil || !strings.HasSuffix(err.Error(), ": must be "+want) {
			t.Errorf("%s: error %v, want %q", set, err, want)
		}
	}
	for key, k := range known {
		if k.Type() != "whole number" {
			continue
		}
		if _, err := load("", nil, []string{key + "=99999999999999999999"}); err == nil || strings.HasSuffix(err.Error(), "must be ") {
			t.Errorf("%s: error %v does not say what is allowed", key, err)
		}
	}
}

const nowhere = `: must be on, because http is off too and nothing would be served: take out udp = [] or http = [], ` +
	`or give a listen of [[udp]] or [[http]] an address such as "0.0.0.0:6969"`

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		set     []string
		want    []string
	}{
		{
			name: "out of range, with line and as written",
			file: "[tracker]\n\ninterval = \"5s\"\ndefault_numwant = 0xFFF\n[[udp]]\n[[udp]]\nlisten = []\nreceive_buffer = \"1KiB\"\n[access]\nports_denied = [\n 1,\n 70000]",
			want: []string{
				`shoal.toml:3: tracker.interval = "5s": must be 10s to 24h`,
				`shoal.toml:4: tracker.default_numwant = 0xFFF: must be 0 to 200`,
				`shoal.toml:8: udp.1.receive_buffer = "1KiB": must be 64KiB to 512MiB`,
				`shoal.toml:10: access.ports_denied[1] = 70000: must be a port from 0 to 65535`,
				// The defaults do not go with an interval of 5 seconds.
				`defaults: tracker.min_interval = "5m": must be 1s to the interval`,
			},
		},
		{
			name: "wrong types",
			file: "data_dir = 7\n[log]\nlevel = true\n[tracker]\ninterval = 1800\nmin_interval = 1.5\npeer_timeout = \"30 minutes\"\ndefault_numwant = \"50\"\npeer_details = 1\n" +
				"[access]\nclients_denied = \"-XL\"\nports_denied = [\"a\"]\n[[http]]\nkeep_alive = \"yes\"\nlisten = \":6969\"\n[[udp]]\nlisten = [\"localhost:6969\"]\nreceive_buffer = \"8 megabytes\"\n",
			want: []string{
				`shoal.toml:1: data_dir = 7: must be a string in quotes`,
				`shoal.toml:3: log.level = true: must be a string in quotes`,
				`shoal.toml:5: tracker.interval = 1800: must be a duration with a unit, such as "90s", "30m" or "1h30m"`,
				`shoal.toml:6: tracker.min_interval = 1.5: must be a duration with a unit, such as "90s", "30m" or "1h30m"`,
				`shoal.toml:7: tracker.peer_timeout = "30 minutes": must be a duration with a unit, such as "90s", "30m" or "1h30m"`,
				`shoal.toml:8: tracker.default_numwant = "50": must be a whole number (without quotes)`,
				`shoal.toml:9: tracker.peer_details = 1: must be a string in quotes`,
				`shoal.toml:11: access.clients_denied = "-XL": must be a list of strings, such as ["a", "b"]`,
				`shoal.toml:12: access.ports_denied = ["a"]: must be a list of whole numbers, such as [1, 2]`,
				`shoal.toml:14: http.0.keep_alive = "yes": must be true or false (without quotes)`,
				`shoal.toml:15: http.0.listen = ":6969": must be IP:PORT, such as "0.0.0.0:6969" or "[::]:6969", a list of them, or "" to listen nowhere`,
				`shoal.toml:17: udp.0.listen = ["localhost:6969"]: must be IP:PORT, such as "0.0.0.0:6969" or "[::]:6969", a list of them, or "" to listen nowhere`,
				`shoal.toml:18: udp.0.receive_buffer = "8 megabytes": must be a size such as "64KiB", "8MiB" or "1GiB", or a number of bytes`,
			},
		},
		{
			name:    "unknown keys, wherever they stand",
			file:    "interval = \"1h\"\nlog.lvel = \"info\"\ncolour = 1\n[udp.tls]\n[[udp]]\nworker = 1\nlog.level = \"info\"\n",
			environ: []string{"SHOAL_TRACKER__INTREVAL=1h", "SHOAL_UDP__0__WROKERS=1"},
			set:     []string{"udp.wrokers=1", "access.nothing_like_any_of_them=x"},
			want: []string{
				`shoal.toml:1: interval: unknown key; did you mean tracker.interval or webtorrent.interval?`,
				`shoal.toml:2: log.lvel: unknown key; did you mean log.level?`,
				`shoal.toml:3: colour: unknown key; there are data_dir and the sections [log], [tracker], [limits], [access], [accounting], [[udp]], [[http]], [webtorrent], [database], [api], [health]`,
				`shoal.toml:4: udp.tls: unknown section; there are [log], [tracker], [limits], [access], [accounting], [[udp]], [[http]], [webtorrent], [database], [api], [health]`,
				`shoal.toml:6: udp.0.worker: unknown key; did you mean udp.workers?`,
				`shoal.toml:7: udp.0.log.level: unknown key; did you mean log.level?`,
				`SHOAL_TRACKER__INTREVAL: tracker.intreval: unknown key; did you mean tracker.interval?`,
				`SHOAL_UDP__0__WROKERS: udp.0.wrokers: unknown key; did you mean udp.workers?`,
				`--set: udp.wrokers: unknown key; did you mean udp.workers?`,
				`--set: access.nothing_like_any_of_them: unknown key; [access] has the keys private, listed, allow_file, deny_file, clients_denied, addresses_denied, ports_denied, private_addresses`,
			},
		},
		{
			name: "brackets",
			file: "udp.workers = 1\nhttp.0.keep_alive = true\nlog = 3\n[udp]\nworkers = 2\n[[log]]\nlevel = \"nonsense\"\n",
			want: []string{
				`shoal.toml:1: udp.workers = 1: must stand below a line [[udp]]`,
				`shoal.toml:2: http.0.keep_alive = true: must stand below a line [[http]]`,
				`shoal.toml:3: log = 3: must be a section with the keys level, format`,
				`shoal.toml:4: udp: must be written [[udp]] with two brackets, because it may stand more than once`,
				`shoal.toml:6: log: must be written [log] with one bracket, because it stands once`,
			},
		},
		{
			name: "sections as a value",
			file: "udp = 1\nhttp = [1]",
			set:  []string{"udp=", "log=debug", "log.level"},
			want: []string{
				`shoal.toml:1: udp = 1: must be written [[udp]], or udp = [] to have none`,
				`shoal.toml:2: http = [1]: must be a list of tables, such as [{ listen = "0.0.0.0:6969" }], or [] to have none`,
				`--set: log.level: must be KEY=VALUE, such as log.level=debug`,
				`--set: udp = "": must be written [[udp]], or udp = [] to have none`,
				`--set: log = "debug": must be a section with the keys level, format`,
			},
		},
		{
			name: "variables with single underscores",
			environ: []string{"SHOAL_LOG_LEVEL=debug", "SHOAL_TRACKER_PEER_TIMEOUT=2h", "SHOAL_UDP_LISTEN=", "SHOAL_UDP_1_RECEIVE_BUFFER=1MiB",
				"SHOAL_log_format=text", "SHOAL_UDP=[]", "SHOAL_HTTP=on", "SHOAL_HTTP_2=", "SHOAL_LOG=debug", "SHOAL_LIMITS_="},
			want: []string{
				`SHOAL_LOG_LEVEL: is spelt SHOAL_LOG__LEVEL, with two underscores`,
				`SHOAL_TRACKER_PEER_TIMEOUT: is spelt SHOAL_TRACKER__PEER_TIMEOUT, with two underscores`,
				`SHOAL_UDP_LISTEN: is spelt SHOAL_UDP__LISTEN, with two underscores, or SHOAL_UDP__0__LISTEN for the first [[udp]] alone`,
				`SHOAL_UDP_1_RECEIVE_BUFFER: is spelt SHOAL_UDP__1__RECEIVE_BUFFER, with two underscores`,
				`SHOAL_log_format: is spelt SHOAL_LOG__FORMAT, with two underscores`,
				`SHOAL_UDP: is a section and not a key: set its keys one by one, such as SHOAL_UDP__0__LISTEN`,
				`SHOAL_HTTP: is a section and not a key: set its keys one by one, such as SHOAL_HTTP__0__LISTEN`,
				`SHOAL_HTTP_2: is a section and not a key: set its keys one by one, such as SHOAL_HTTP__2__LISTEN`,
				`SHOAL_LOG: is a section and not a key: set its keys one by one, such as SHOAL_LOG__LEVEL`,
				`SHOAL_LIMITS_: is a section and not a key: set its keys one by one, such as SHOAL_LIMITS__TORRENTS`,
			},
		},
		{
			name: "addresses of proxies, and of this machine",
			file: "[tracker]\nexternal_ip = [\"203.0.113.1\", \"shoal.example.org\"]\nuse_ip_param = \"always\"\n[[http]]\ntrusted_proxies = [\"10.0.0.0/8\", \"nginx\"]\nforwarded = \"True-Client-IP\"\n" +
				"[[http]]\nlisten = \"\"\ntrusted_proxies = \"10.0.0.0/33\"\n[[http]]\nlisten = \"\"\ntrusted_proxies = [\"fe80::1%eth0\"]\n[[http]]\nlisten = \"\"\ntrusted_proxies = 10",
			environ: []string{"SHOAL_HTTP__2__TRUSTED_PROXIES=10.0.0.0/8,::ffff:0:0/95", "SHOAL_HTTP__0__FORWARDED="},
			set:     []string{"tracker.external_ip=127.0.0.1", "tracker.external_ip=203.0.113.1,[2001:db8::1]", "tracker.external_ip=203.0.113.1, 203.0.113.2"},
			want: []string{
				`shoal.toml:2: tracker.external_ip = ["203.0.113.1", "shoal.example.org"]: must be an IP address such as "192.0.2.1" or "2001:db8::1", or a list of them; "shoal.example.org" is none`,
				`shoal.toml:3: tracker.use_ip_param = "always": must be never, private or trusted`,
				`shoal.toml:5: http.0.trusted_proxies = ["10.0.0.0/8", "nginx"]: must be a network such as "10.0.0.0/8" or "2001:db8::/32", an address, or a list of them; "nginx" is none`,
				`shoal.toml:9: http.1.trusted_proxies = "10.0.0.0/33": must be a network such as "10.0.0.0/8" or "2001:db8::/32", an address, or a list of them`,
				`shoal.toml:12: http.2.trusted_proxies = ["fe80::1%eth0"]: must be a network such as "10.0.0.0/8" or "2001:db8::/32", an address, or a list of them`,
				`shoal.toml:15: http.3.trusted_proxies = 10: must be a network such as "10.0.0.0/8" or "2001:db8::/32", an address, or a list of them`,
				`SHOAL_HTTP__2__TRUSTED_PROXIES: http.2.trusted_proxies = "10.0.0.0/8,::ffff:0:0/95": must be a network such as "10.0.0.0/8" or "2001:db8::/32", an address, or a list of them; "::ffff:0:0/95" is none`,
				`--set: tracker.external_ip = "203.0.113.1,[2001:db8::1]": must be an IP address such as "192.0.2.1" or "2001:db8::1", or a list of them; "[2001:db8::1]" is none`,
				`SHOAL_HTTP__0__FORWARDED: http.0.forwarded = "": must be X-Forwarded-For, Forwarded, X-Real-IP or CF-Connecting-IP`,
			},
		},
		{
			name: "two addresses of one family",
			file: "[tracker]\nexternal_ip = [\"203.0.113.1\", \"203.0.113.2\"]",
			want: []string{`shoal.toml:2: tracker.external_ip[1] = "203.0.113.2": must be of the other family than the one before it: there is one of IPv4 and one of IPv6 at most`},
		},
		{
			name:    "external_ip that nobody can dial",
			environ: []string{"SHOAL_TRACKER__EXTERNAL_IP=::1"},
			want:    []string{`SHOAL_TRACKER__EXTERNAL_IP: tracker.external_ip[0] = "::1": must be an address of this machine at which others can dial it`},
		},
		{
			name: "tables",
			file: "[http.tls]\ncert = \"c\"\n[[http]]\ntls = 1\n[[http.tls]]\nkey = \"k\"\n[http.tls]\ncret = \"c\"\ncert = 1\n[http.0.tls]\n[udp.tls]\n",
			environ: []string{"SHOAL_HTTP__0__TLS=on", "SHOAL_HTTP__TLS={cert=\"c\"", "SHOAL_HTTP__0__TLS__COLOUR_OF_THE_LOCK=1", "SHOAL_HTTP_TLS_CERT=c",
				"SHOAL_HTTP_0_TLS_ACME_DIRECTORY=c", "SHOAL_HTTP_TLS={}", "SHOAL_HTTP__TLS_CERT=c"},
			set: []string{"http.0.tls={cert=1}", "http.0.tls={cert=\"a\"}\nb=1", "http.tls=", "log.cert=c"},
			want: []string{
				`shoal.toml:1: http.tls: must stand below a line [[http]]`,
				`shoal.toml:4: http.0.tls = 1: must be a table such as { cert = … }, with any of the keys cert, key, plain, acme, email, acme_directory, acme_roots, min_version, post_quantum, ticket_keys`,
				`shoal.toml:5: http.tls: must be written [http.tls] with one bracket, because it stands once below [[http]]`,
				`shoal.toml:8: http.0.tls.cret: unknown key; did you mean http.tls.cert?`,
				`shoal.toml:9: http.0.tls.cert = 1: must be a string in quotes`,
				`shoal.toml:10: http.0.tls: unknown section; there are [log], [tracker], [limits], [access], [accounting], [[udp]], [[http]], [webtorrent], [database], [api], [health]`,
				`shoal.toml:11: udp.tls: unknown section; there are [log], [tracker], [limits], [access], [accounting], [[udp]], [[http]], [webtorrent], [database], [api], [health]`,
				`SHOAL_HTTP_TLS_CERT: is spelt SHOAL_HTTP__TLS__CERT, with two underscores, or SHOAL_HTTP__0__TLS__CERT for the first [[http]] alone`,
				`SHOAL_HTTP_0_TLS_ACME_DIRECTORY: is spelt SHOAL_HTTP__0__TLS__ACME_DIRECTORY, with two underscores`,
				`SHOAL_HTTP_TLS: is spelt SHOAL_HTTP__TLS, with two underscores, or SHOAL_HTTP__0__TLS for the first [[http]] alone`,
				`SHOAL_HTTP__TLS: http.tls = "{cert=\"c\"": must be a table such as { cert = … }, with any of the keys cert, key, plain, acme, email, acme_directory, acme_roots, min_version, post_quantum, ticket_keys`,
				`SHOAL_HTTP__TLS_CERT: http.tls_cert: unknown key; did you mean http.tls.cert?`,
				`SHOAL_HTTP__0__TLS: http.0.tls = "on": must be a table such as { cert = … }, with any of the keys cert, key, plain, acme, email, acme_directory, acme_roots, min_version, post_quantum, ticket_keys`,
				`SHOAL_HTTP__0__TLS__COLOUR_OF_THE_LOCK: http.0.tls.colour_of_the_lock: unknown key; http.tls has the keys cert, key, plain, acme, email, acme_directory, acme_roots, min_version, post_quantum, ticket_keys`,
				`--set: http.0.tls.cert = 1: must be a string in quotes`,
				`--set: http.0.tls = "{cert=\"a\"}\nb=1": must be a table such as { cert = … }, with any of the keys cert, key, plain, acme, email, acme_directory, acme_roots, min_version, post_quantum, ticket_keys`,
				`--set: http.tls = "": must be a table such as { cert = … }, with any of the keys cert, key, plain, acme, email, acme_directory, acme_roots, min_version, post_quantum, ticket_keys`,
				`--set: log.cert: unknown key; did you mean http.tls.cert or api.tls.cert?`,
			},
		},
		{
			name: "certificates",
			file: "[[http]]\ntls = { key = \"k\" }\n[[http]]\nlisten = \"\"\ntls = { cert = \"c\", key = \"k\", acme = [\"tracker.example.org\"] }\n" +
				"[[http]]\nlisten = \"\"\n[http.tls]\nplain = \"refuse\"",
			environ: []string{"SHOAL_HTTP__3__LISTEN=", "SHOAL_HTTP__3__TLS__CERT=c"},
			want: []string{
				`defaults: http.0.tls.cert = "": must be the file of the certificate that key belongs to`,
				`defaults: http.3.tls.key = "": must be the file of the private key that cert belongs to`,
				`shoal.toml:5: http.1.tls.acme = ["tracker.example.org"]: must be empty where there are cert and key; another [[http]] section may have them`,
				`shoal.toml:9: http.2.tls.plain = "refuse": must be left out, as long as there is neither a cert with its key nor acme`,
			},
		},
		{
			name: "no listener: both transports off",
			file: "\nudp = []\nhttp = []",
			want: []string{"shoal.toml:2: udp = []" + nowhere},
		},
		{
			name:    "no listener: every listen is empty",
			file:    "[[udp]]\nlisten = \"\"\n[[udp]]\nlisten = []\n[[http]]\n",
			environ: []string{"SHOAL_HTTP__LISTEN="},
			want:    []string{`shoal.toml:2: udp.0.listen = ""` + nowhere},
		},
		{
			name: "no listener: one of each",
			file: "http = [{ listen = [] }]",
			set:  []string{"udp=[]"},
			want: []string{`--set: udp = "[]"` + nowhere},
		},
		{
			name:    "numbers of sections",
			environ: []string{"SHOAL_UDP__2__WORKERS=1"},
			want:    []string{`SHOAL_UDP__2__WORKERS: udp.2.workers = "1": there is no udp.2: the sections are numbered from 0, the next one is udp.1`},
		},
		{
			name: "not TOML: nothing about the half that was not read",
			file: "[tracker]\ninterval = \"3h\"\npeer_timeout = 4h\n",
			want: []string{`shoal.toml:3: not valid TOML: …`},
		},
		{
			name: "a key twice",
			file: "[log]\nlevel = \"info\"\nlevel = \"debug\"\n",
			want: []string{`shoal.toml:3: level: not valid TOML: …`},
		},
		{
			name: "a section twice",
			file: "[log]\nlevel = \"info\"\n\n[log]\nformat = \"text\"\n",
			want: []string{`shoal.toml:4: log: not valid TOML: …`},
		},
		{
			name: "an address twice",
			file: "[[udp]]\nlisten = \"127.0.0.1:1\"\n[[udp]]\nlisten = [\"127.0.0.1:2\", \"127.0.0.1:1\"]\n[[http]]\nlisten = \"127.0.0.1:1\"\n",
			set:  []string{"api.listen=127.0.0.1:1", "health.listen=127.0.0.1:2,127.0.0.1:1"},
			want: []string{
				`shoal.toml:4: udp.1.listen[1] = "127.0.0.1:1": must be an address that stands once; it stands in udp.0.listen already`,
				`--set: api.listen[0] = "127.0.0.1:1": must be an address that stands once; it stands in http.0.listen already`,
				`--set: health.listen[1] = "127.0.0.1:1": must be an address that stands once; it stands in http.0.listen already`,
			},
		},
		{
			name:    "too large",
			environ: []string{"SHOAL_LIMITS__PEERS=99999999999999999999", "SHOAL_UDP__0__RECEIVE_BUFFER=9223372036854775807GiB"},
			want: []string{
				`SHOAL_LIMITS__PEERS: limits.peers = "99999999999999999999": must be 0 or more, at most …`,
				`SHOAL_UDP__0__RECEIVE_BUFFER: udp.0.receive_buffer = "9223372036854775807GiB": must be a size such as "64KiB", "8MiB" or "1GiB", or a number of bytes, up to …`,
			},
		},
		{
			name: "65 sections",
			file: strings.Repeat("[[udp]]\nlisten = \"\"\n", 65),
			want: []string{`shoal.toml:129: udp: there are 64 sections of this name already, and no more are allowed`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := load(test.file, test.environ, test.set)
			if err == nil {
				t.Fatalf("no error; got %+v", c)
			}
			got := strings.Split(err.Error(), "\n")
			want := slices.Clone(test.want)
			for i, w := range want {
				if start, cut := strings.CutSuffix(w, "…"); cut && i < len(got) && strings.HasPrefix(got[i], start) {
					want[i] = got[i]
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestPasswordsAreNotShown has the password of a database stand in everything that
// can be wrong about it.
func TestPasswordsAreNotShown(t *testing.T) {
	const dsn = "shoal:hunter22@127.0.0.1:3306/shoal"
	for _, test := range []struct {
		file         string
		environ, set []string
	}{
		{file: "[database]\ndriver = \"mysql\"\ndsn = \"" + dsn + "\"\n"},
		{file: "[database]\ndriver = \"none\"\ndsn = \"" + dsn + "\"\n"},
		{file: "[database]\ndsn = [\"" + dsn + "\"]\n"},
		{file: "[database]\ndsn = { a = \"" + dsn + "\" }\n"},
		{file: "[database]\ndsn = \"" + dsn + "\"\ndsn = \"" + dsn + "\"\n"},
		{file: "[database]\ndsn.password = \"" + dsn + "\"\n"},
		{file: "[database]\ndns = \"" + dsn + "\"\n"},
		{file: "[database]\ndsn = \"" + dsn + "\n"},
		{file: "[database]\ndsn = " + dsn + "\n"},
		{file: "database = \"" + dsn + "\"\n"},
		{set: []string{"database=" + dsn}},
		{set: []string{"database.driver=mysql", "database.dsn=" + dsn}},
		{set: []string{"database.dns=" + dsn}},
		{set: []string{"database.driver=" + dsn}},
		{set: []string{"postgres://" + dsn}},
		{environ: []string{"SHOAL_DATABASE=" + dsn}},
		{environ: []string{"SHOAL_DATABASE__DRIVER=mysql", "SHOAL_DATABASE__DSN=" + dsn}},
		{environ: []string{"SHOAL_DATABASE_DSN=" + dsn}},
	} {
		_, err := load(test.file, test.environ, test.set)
		if err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%+v: error %v", test, err)
		}
	}
}
