package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var byValue = cmpopts.EquateComparable(netip.AddrPort{}, netip.Prefix{}, netip.Addr{})

// load reads text as shoal.toml with variables and flags beside it.
func load(text string, environ, set []string) (*Config, error) {
	return Load(Options{Set: set, Environ: environ, ReadFile: func(name string) ([]byte, error) {
		if name != DefaultFile {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}})
}

func addresses(all ...string) []netip.AddrPort {
	var list []netip.AddrPort
	for _, s := range all {
		list = append(list, netip.MustParseAddrPort(s))
	}
	return list
}

func networks(all ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range all {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// kubernetes returns the variables that a container finds for services of
// these names, each with a port called listen.
func kubernetes(services ...string) (environ []string) {
	for _, s := range services {
		environ = append(environ, s+"_SERVICE_HOST=10.0.0.1", s+"_SERVICE_PORT=6969", s+"_SERVICE_PORT_LISTEN=6969",
			s+"_PORT=udp://10.0.0.1:6969")
		for _, protocol := range []string{"UDP", "TCP"} {
			port := s + "_PORT_6969_" + protocol
			environ = append(environ, port+"=udp://10.0.0.1:6969", port+"_PROTO=udp", port+"_PORT=6969", port+"_ADDR=10.0.0.1")
		}
	}
	return environ
}

func TestLoad(t *testing.T) {
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		set     []string
		want    func(c *Config) // what differs from the defaults
	}{
		{name: "an empty file", want: func(*Config) {}},
		{
			name: "every type",
			file: `
				data_dir = 'C:\shoal'
				log.level = "debug"
				access = { clients_denied = ["-XL", "-SD"], ports_denied = [22, 0x19] }
				[tracker]
				interval = "1h"
				peer_timeout = "90m"
				default_numwant = 1_00
				peer_details = true
				[[udp]]
				listen = "127.0.0.1:6969"
				receive_buffer = 65_536
				coalesce = 0
				[[udp]]
				listen = [
					"[::1]:6969", # IPv6
					"[::ffff:127.0.0.2]:6969",
				]
				receive_buffer = "1 mib"
				[[http]]
				listen = ""
				keep_alive = false
			`,
			want: func(c *Config) {
				c.DataDir, c.Log.Level = `C:\shoal`, "debug"
				c.Access.ClientsDenied, c.Access.PortsDenied = []string{"-XL", "-SD"}, []int{22, 25}
				c.Tracker.Interval, c.Tracker.PeerTimeout = time.Hour, 90*time.Minute
				c.Tracker.DefaultNumWant, c.Tracker.PeerDetails = 100, "true"
				c.UDP = append(c.UDP, c.UDP[0])
				c.UDP[0].Listen = addresses("127.0.0.1:6969")
				c.UDP[0].ReceiveBuffer, c.UDP[0].Coalesce = 65536, 0
				c.UDP[1].Listen = addresses("[::1]:6969", "127.0.0.2:6969")
				c.UDP[1].ReceiveBuffer = 1 << 20
				c.HTTP[0].Listen, c.HTTP[0].KeepAlive = []netip.AddrPort{}, false
			},
		},
		{
			name:    "flag before environment before file",
			file:    "[log]\nlevel = \"error\"\nformat = \"text\"\n[limits]\npeers = 1",
			environ: []string{"SHOAL_LOG__LEVEL=warn", "SHOAL_LOG__FORMAT=json"},
			set:     []string{"log.level=debug"},
			want:    func(c *Config) { c.Log, c.Limits.Peers = Log{"debug", "json"}, 1 },
		},
		{
			name:    "other people's variables",
			environ: []string{"SHOAL_BIN=/usr/bin/shoal", "HOME=/", "LOG_LEVEL=debug", "SHOALS_LOG_LEVEL=debug", "SHOAL_", "SHOAL_=", "SHOAL_UDP"},
			want:    func(*Config) {},
		},
		{
			name:    "what Kubernetes sets for services called shoal, shoal-udp, shoal-http, shoal-tracker, shoal-udp-0 and shoal-http-tls",
			environ: kubernetes("SHOAL", "SHOAL_UDP", "SHOAL_HTTP", "SHOAL_TRACKER", "SHOAL_UDP_0", "SHOAL_HTTP_TLS"),
			want:    func(*Config) {},
		},
		{
			name:    "data_dir has one underscore",
			environ: []string{"SHOAL_DATA_DIR=/d"},
			want:    func(c *Config) { c.DataDir = "/d" },
		},
		{
			name:    "one section goes before all of them, also one that is new",
			environ: []string{"SHOAL_UDP__1__LISTEN=[::1]:1,127.0.0.1:1", "SHOAL_UDP__WORKERS=4", "SHOAL_UDP__0__WORKERS=2"},
			want: func(c *Config) {
				c.UDP = append(c.UDP, c.UDP[0])
				c.UDP[0].Workers, c.UDP[1].Workers = 2, 4
				c.UDP[1].Listen = addresses("[::1]:1", "127.0.0.1:1")
			},
		},
		{
			name: "flags in their order",
			set:  []string{"udp.0.workers=2", "udp.workers=4", `access.clients_denied=["a,b", "c"]`, "http.listen="},
			want: func(c *Config) {
				c.UDP[0].Workers = 4
				c.Access.ClientsDenied = []string{"a,b", "c"}
				c.HTTP[0].Listen = []netip.AddrPort{}
			},
		},
		{
			name: "no UDP",
			file: "udp = []",
			want: func(c *Config) { c.UDP = c.UDP[:0] },
		},
		{
			name: "no HTTP, and one of two UDP sections",
			file: "[[udp]]\nlisten = \"\"\n[[udp]]",
			set:  []string{"http=[]"},
			want: func(c *Config) {
				c.UDP, c.HTTP = append(c.UDP, c.UDP[0]), c.HTTP[:0]
				c.UDP[0].Listen = []netip.AddrPort{}
			},
		},
		{
			name: "sections as inline tables",
			file: `udp = [{ listen = "127.0.0.1:1", workers = 3 }]`,
			want: func(c *Config) { c.UDP[0].Listen, c.UDP[0].Workers = addresses("127.0.0.1:1"), 3 },
		},
		{
			name: "port 0 as often as one likes, and a byte order mark",
			file: "\ufeffudp = [{ listen = \"127.0.0.1:0\" }, { listen = \"127.0.0.1:0\" }]",
			want: func(c *Config) {
				c.UDP = append(c.UDP, c.UDP[0])
				c.UDP[0].Listen, c.UDP[1].Listen = addresses("127.0.0.1:0"), addresses("127.0.0.1:0")
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

func TestWhichFile(t *testing.T) {
	files := map[string]string{"a.toml": `data_dir = "a"`, "b.toml": `data_dir = "b"`}
	for _, test := range []struct {
		name         string
		options      Options
		here         bool // shoal.toml is there
		dir, origin  string
		errorMention string
	}{
		{"nothing", Options{}, false, "data", "defaults", ""},
		{"shoal.toml", Options{}, true, "here", "shoal.toml", ""},
		{"variable", Options{Environ: []string{"SHOAL_CONFIG=a.toml"}}, true, "a", "a.toml", ""},
		{"text before path", Options{Environ: []string{"SHOAL_CONFIG=a.toml", "SHOAL_CONFIG_TOML=data_dir='t'"}}, true, "t", "SHOAL_CONFIG_TOML", ""},
		{"flag", Options{File: "b.toml", Environ: []string{"SHOAL_CONFIG=a.toml", "SHOAL_CONFIG_TOML=data_dir='t'"}}, true, "b", "b.toml", ""},
		{"empty variables", Options{Environ: []string{"SHOAL_CONFIG=", "SHOAL_CONFIG_TOML="}}, true, "here", "shoal.toml", ""},
		{"named and missing", Options{File: "c.toml"}, true, "", "", "open c.toml: file does not exist: name a file that is there"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options.ReadFile = func(name string) ([]byte, error) {
				if name == DefaultFile && test.here {
					return []byte(`data_dir = "here"`), nil
				}
				if text, ok := files[name]; ok {
					return []byte(text), nil
				}
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			c, err := Load(test.options)
			switch {
			case test.errorMention != "":
				if err == nil || !strings.Contains(err.Error(), test.errorMention) {
					t.Errorf("error %v does not mention %q", err, test.errorMention)
				}
			case err != nil:
				t.Error(err)
			case c.DataDir != test.dir || c.Origin != test.origin:
				t.Errorf("data_dir %q from %q, want %q from %q", c.DataDir, c.Origin, test.dir, test.origin)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	for _, name := range []string{"", "x.toml"} {
		_, err := Load(Options{File: name, ReadFile: func(name string) ([]byte, error) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}})
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "let the user that runs shoal read it") {
			t.Errorf("reading %q: %v", name, err)
		}
	}
}

// A file that is gone is not the wish to go back to the defaults.
func TestReloadWithoutTheFile(t *testing.T) {
	const back = ": the running configuration was read from it: put it back, or restart without it"
	for _, test := range []struct {
		running, want string
		options       Options
	}{
		{DefaultFile, "open shoal.toml: file does not exist" + back, Options{}},
		{"a.toml", "open a.toml: file does not exist" + back, Options{File: "a.toml"}},
		{"a.toml", "open a.toml: file does not exist" + back, Options{Environ: []string{"SHOAL_CONFIG=a.toml"}}},
		{"defaults", "", Options{}},
		{variableTOML, "", Options{Environ: []string{variableTOML + "=data_dir='t'"}}},
	} {
		test.options.Running = test.running
		test.options.ReadFile = func(name string) ([]byte, error) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		c, err := Load(test.options)
		if test.want == "" && (err != nil || c.Origin != test.running) {
			t.Errorf("%q: %v", test.running, err)
		}
		if test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), test.want)) {
			t.Errorf("%q: %v, want %q", test.running, err, test.want)
		}
	}
}
