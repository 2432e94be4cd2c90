package httpserver

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// naiveUpgrade says again, by other means, what an upgrade with these header
// lines comes to: whether it is one, and what each of doorNames is.
func naiveUpgrade(fields string) (asked bool, header map[string]string) {
	lines := map[string][]string{}
	for line := range strings.SplitSeq(fields, "\n") {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		lines[lower(name)] = append(lines[lower(name)], strings.Trim(value, " \t"))
	}
	has := func(name, want string) bool {
		return slices.ContainsFunc(strings.Split(strings.Join(lines[name], ","), ","), func(element string) bool {
			return lower(strings.Trim(element, " \t")) == want
		})
	}
	header = map[string]string{}
	for _, name := range doorNames {
		if values := lines[name]; len(values) == 1 {
			header[name] = values[0]
		}
	}
	return has("connection", "upgrade") && has("upgrade", "websocket"), header
}

// FuzzUpgrade sends header lines of any kind, with bytes behind the head, and
// holds what becomes of them against a naive reader.
func FuzzUpgrade(f *testing.F) {
	d := &door{}
	s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{Upgrade: d.upgrade})
	f.Fuzz(func(t *testing.T, proxied bool, fields, behind []byte) {
		head := "GET /any HTTP/1.1\r\n" + string(fields) + "\r\n\r\n"
		if len(head) > MaxHead {
			return
		}
		size := headEnd([]byte(head), 0)
		head = head[:size]
		var r request
		if r.read([]byte(head)) != shoal.OK {
			return
		}
		*d = door{t: t}
		from, state := "203.0.113.9:5000", streamio.ConnState{}
		if proxied {
			from, state.Trusted = "10.0.0.1:5000", true
		}
		v := visitAs(s, from, state)
		got := v.send(head + string(behind))

		asks, header := naiveUpgrade(string(r.fields))
		want := netip.MustParseAddrPort(from).Addr()
		if proxied {
			var lines []string
			for line := range strings.SplitSeq(string(r.fields), "\n") {
				name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
				if lower(name) == "x-forwarded-for" {
					lines = append(lines, strings.Trim(value, " \t"))
				}
			}
			named, says := naiveClient("X-Forwarded-For", lines, behindProxies("").TrustedProxies)
			switch {
			case !asks:
			case says != somebody:
				f := shoal.ForwardedMissing
				if says == unusable {
					f = shoal.ForwardedInvalid
				}
				if got != refusedUpgrade(f) || d.asked > 0 || !v.IsClosed() {
					t.Fatalf("asked %d times, got %q", d.asked, got)
				}
				return
			}
			want = named
		}
		switch _, key := header["sec-websocket-key"]; {
		case !asks:
			if strings.HasPrefix(got, granted) || strings.HasPrefix(got, barred) {
				t.Fatalf("not asked for, and got %q", got)
			}
			return
		case d.asked != 1 || d.from != want || d.target != "/any":
			t.Fatalf("%+v, want %v", d, want)
		case !key:
			if got != barred || !v.IsClosed() {
				t.Fatalf("without a key: %q", got)
			}
		case len(behind) > 0 && got != granted+"heard "+string(behind), len(behind) == 0 && got != granted:
			t.Fatalf("%q was behind, got %q", behind, got)
		}
		if len(d.header) != len(header) {
			t.Fatalf("%q, want %q", d.header, header)
		}
		for name, value := range header {
			if seen, ok := d.header[name]; !ok || seen != value {
				t.Fatalf("%s: %q, %v, want %q", name, seen, ok, value)
			}
		}
	})
}

// The names of the corpus begin with how it ends, and it has an input for each
// way to end.
func TestUpgradeCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzUpgrade", "*-*"))
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]string{
		"granted": granted,
		"barred":  barred,
		"missing": refusedUpgrade(shoal.ForwardedMissing),
		"invalid": refusedUpgrade(shoal.ForwardedInvalid),
		"other":   "HTTP/1.1 404 Not Found\r\n",
	}
	met := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`^go test fuzz v1\nbool\((true|false)\)\n\[\]byte\((.*)\)\n\[\]byte\((.*)\)\n$`).FindStringSubmatch(string(text))
		if m == nil {
			t.Fatalf("%s is not a bool and two []byte", file)
		}
		fields, err := strconv.Unquote(m[2])
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		from, state := "203.0.113.9:5000", streamio.ConnState{}
		if m[1] == "true" {
			from, state.Trusted = "10.0.0.1:5000", true
		}
		d := &door{t: t}
		s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{Upgrade: d.upgrade})
		got := visitAs(s, from, state).send("GET /any HTTP/1.1\r\n" + fields + "\r\n\r\n")
		kind, _, _ := strings.Cut(filepath.Base(file), "-")
		if end := ends[kind]; end == "" || !strings.HasPrefix(got, end) {
			t.Errorf("%s ends with %q", file, got)
		}
		met[kind] = true
	}
	for kind := range ends {
		if !met[kind] {
			t.Errorf("no input that is %s", kind)
		}
	}
}
