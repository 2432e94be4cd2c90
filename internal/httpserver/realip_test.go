package httpserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// behindProxies trusts 10.0.0.0/8, 192.0.2.1 and fd00::/8.
func behindProxies(header string) Config {
	c := DefaultConfig()
	c.Forwarded = header
	for _, network := range []string{"10.0.0.0/8", "192.0.2.1/32", "fd00::/8"} {
		c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix(network))
	}
	return c
}

// What a row expects beside an address.
const (
	missing = "missing" // the proxy names nobody: the tracker refuses
	invalid = "invalid" // what it names is none
)

// forms has rows that are the same for every header whose value is a list.
var forms = []struct {
	name  string
	lines []string
	want  string
}{
	{"no header", nil, missing},
	{"empty", []string{""}, missing},
	{"nothing but commas", []string{" , ,, ", ","}, missing},
	{"IPv4", []string{"198.51.100.7"}, "198.51.100.7"},
	{"IPv4 and port", []string{"198.51.100.7:50123"}, "198.51.100.7"},
	{"IPv4 in quotes", []string{`"198.51.100.7:50123"`}, "198.51.100.7"},
	{"IPv6", []string{"2001:db8::7"}, "2001:db8::7"},
	{"IPv6 in capitals", []string{"2001:DB8::A"}, "2001:db8::a"},
	{"IPv6 in brackets", []string{"[2001:db8::7]"}, "2001:db8::7"},
	{"IPv6 and port", []string{"[2001:db8::7]:50123"}, "2001:db8::7"},
	{"IPv6 in quotes", []string{`"[2001:db8::7]:50123"`}, "2001:db8::7"},
	{"IPv4-mapped", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
	{"IPv4-mapped in brackets", []string{"[::ffff:c633:6407]:1"}, "198.51.100.7"},
	{"IPv4-mapped, trusted", []string{"198.51.100.7, ::ffff:10.0.0.2"}, "198.51.100.7"},
	{"spaces and tabs", []string{" \t198.51.100.7\t "}, "198.51.100.7"},
	{"spoofed in front", []string{"203.0.113.1, 198.51.100.7"}, "198.51.100.7"},
	{"spoofed in front, trusted", []string{"10.0.0.2, 198.51.100.7"}, "198.51.100.7"},
	{"spoofed in front, garbage", []string{"<script>\x00\xff, 198.51.100.7"}, "198.51.100.7"},
	{"spoofed in front, a quote", []string{`", 198.51.100.7`}, "198.51.100.7"},
	{"through two proxies", []string{"203.0.113.1, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
	{"through three proxies of both families", []string{"198.51.100.7,fd00::2 ,192.0.2.1,[fd00::3]:80"}, "198.51.100.7"},
	{"an empty element last", []string{"198.51.100.7, "}, "198.51.100.7"},
	{"two lines", []string{"203.0.113.1", "198.51.100.7"}, "198.51.100.7"},
	{"two lines, the last trusted", []string{"203.0.113.1, 198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
	{"two lines, the last empty", []string{"198.51.100.7", ""}, "198.51.100.7"},
	{"64 lines", append(slices.Repeat([]string{"10.0.0.2"}, 63), "198.51.100.7"), "198.51.100.7"},
	{"64 lines, only the first not trusted", append([]string{"198.51.100.7"}, slices.Repeat([]string{"10.0.0.2"}, 63)...), "198.51.100.7"},
	{"many elements", []string{"198.51.100.7" + strings.Repeat(",10.1.1.1", 800)}, "198.51.100.7"},
	{"all trusted", []string{"10.0.0.3, fd00::1", "192.0.2.1"}, missing},
	{"the next address to a trusted one", []string{"192.0.2.2"}, "192.0.2.2"},
	{"private, and not trusted", []string{"192.168.0.1"}, "192.168.0.1"},

	{"unknown", []string{"unknown"}, invalid},
	{"unknown behind an address", []string{"198.51.100.7, unknown"}, invalid},
	{"unknown before a proxy", []string{"198.51.100.7, unknown, 10.0.0.2"}, invalid},
	{"a hidden name", []string{"_hidden"}, invalid},
	{"a name", []string{"example.org"}, invalid},
	{"a socket", []string{"198.51.100.7, unix:"}, invalid},
	{"zone", []string{"fe80::1%eth0"}, invalid},
	{"zone in brackets", []string{"[fe80::1%25eth0]"}, invalid},
	{"unspecified", []string{"0.0.0.0"}, invalid},
	{"unspecified IPv6", []string{"::"}, invalid},
	{"multicast", []string{"224.0.0.1"}, invalid},
	{"multicast IPv6", []string{"ff02::1"}, invalid},
	{"multicast, IPv4-mapped", []string{"::ffff:239.1.2.3"}, invalid},
	{"broadcast behind an address", []string{"198.51.100.7, 255.255.255.255"}, invalid},
	{"one bracket", []string{"[2001:db8::7"}, invalid},
	{"one quote", []string{`"198.51.100.7`}, invalid},
	{"an octal number", []string{"0198.51.100.7"}, invalid},
	{"garbage", []string{"\x00\xff\r\x7f"}, invalid},
	{"garbage last", []string{"198.51.100.7", "\x01"}, invalid},
	{"spaces between", []string{"198.51.100.7 10.0.0.2"}, invalid},
}

// elements is what the forms look like in Forwarded: each element is the node
// of a for, in quotes where it has to be.
func elements(line string) string {
	list := strings.Split(line, ",")
	for i, element := range list {
		if node := strings.Trim(element, " \t"); node != "" {
			if strings.ContainsAny(node, ":[]") && !strings.Contains(node, `"`) {
				node = `"` + node + `"`
			}
			list[i] = strings.Replace(element, strings.Trim(element, " \t"), "proto=http;For="+node, 1)
		}
	}
	return strings.Join(list, ",")
}

// inForwarded are the forms that come out otherwise there.
var inForwarded = map[string]string{
	"spoofed in front, a quote": invalid, // a line is read as a whole
}

func TestForms(t *testing.T) {
	for _, header := range forwardedHeaders {
		for _, form := range forms {
			lines, want := form.lines, form.want
			if header == "Forwarded" {
				lines = nil
				for _, line := range form.lines {
					if line = elements(line); len(line) < 7000 {
						lines = append(lines, line)
					}
				}
				if other, ok := inForwarded[form.name]; ok {
					want = other
				}
				if len(lines) < len(form.lines) {
					continue // too long with its names
				}
			}
			t.Run(header+"/"+form.name, func(t *testing.T) { checkForm(t, header, lines, want) })
		}
	}
}

// checkForm announces with the given lines of a header, from a proxy and from
// others, and looks at what is stored and told.
func checkForm(t *testing.T, header string, lines []string, want string) {
	t.Helper()
	var head strings.Builder
	head.WriteString("GET /announce?" + leecher + " HTTP/1.1\r\n")
	for i, line := range lines {
		fmt.Fprintf(&head, "%s: %s\r\n", []string{header, strings.ToUpper(header), strings.ToLower(header)}[i%3], line)
	}
	head.WriteString("\r\n")
	for _, proxy := range []string{"10.0.0.1:5000", "[fd00::1]:5000"} {
		s := newServerWith(behindProxies(header), "never", false, Options{})
		got := visitAs(s, proxy, streamio.ConnState{Trusted: true}).send(head.String())
		_, body, _ := strings.Cut(got, "\r\n\r\n")
		switch want {
		case missing, invalid:
			f := shoal.ForwardedMissing
			if want == invalid {
				f = shoal.ForwardedInvalid
			}
			if body != failure(f) {
				t.Errorf("from %s: got %q, want the failure %v", proxy, got, f)
			}
			if peers := everybody(t, s); len(peers) > 0 {
				t.Errorf("from %s: %v is stored", proxy, peers)
			}
		default:
			if reply := parse(t, got); reply.ExternalIP.String() != want {
				t.Errorf("from %s: external IP %v, want %s", proxy, reply.ExternalIP, want)
			}
			if peers := everybody(t, s); len(peers) != 1 || peers[0].Addr().String() != want {
				t.Errorf("from %s: %v is stored, want %s", proxy, peers, want)
			}
		}
	}
	// From anyone else the same head says nothing.
	for _, from := range []string{"198.51.100.66:5000", "[2001:db8::66]:5000"} {
		s := newServerWith(behindProxies(header), "never", false, Options{})
		visit(s, from).send(head.String())
		if peers := everybody(t, s); len(peers) != 1 || peers[0].Addr() != netip.MustParseAddrPort(from).Addr() {
			t.Errorf("from %s: %v is stored", from, peers)
		}
	}
}

// everybody returns the peers of the torrent that forms announce.
func everybody(t *testing.T, s *Server) []netip.AddrPort {
	t.Helper()
	ask := strings.Replace(leecher, "6881", "0", 1)
	return parse(t, visit(s, "203.0.113.200:1").send("GET /announce?"+ask+" HTTP/1.1\r\n\r\n")).Peers
}

// What only RFC 7239 has.
func TestForwarded(t *testing.T) {
	for line, want := range map[string]string{
		`for=198.51.100.7`:                                 "198.51.100.7",
		`FOR=198.51.100.7`:                                 "198.51.100.7",
		`for="198.51.100.7"`:                               "198.51.100.7",
		`for="[2001:db8:cafe::17]:4711"`:                   "2001:db8:cafe::17",
		`for="198.51.100.7:_p.1"`:                          "198.51.100.7",
		`for="[2001:db8::7]:_p"`:                           "2001:db8::7",
		`for=[2001:db8::7]:80`:                             "2001:db8::7", // should be in quotes
		`for=198.51.100.7:80`:                              "198.51.100.7",
		`for="\1\98.51.100.7"`:                             "198.51.100.7",
		`for="\[2001:db8::7\]"`:                            "2001:db8::7",
		`for=198.51.100.7;proto=http;by=203.0.113.43`:      "198.51.100.7",
		`by=203.0.113.43 ; for=198.51.100.7 ;proto=https;`: "198.51.100.7",
		`;;for=198.51.100.7;;`:                             "198.51.100.7",
		`for=203.0.113.1, for=198.51.100.7`:                "198.51.100.7",
		`for=198.51.100.7,for=10.0.0.2;by=10.0.0.1`:        "198.51.100.7",
		`for=198.51.100.7, , ,`:                            "198.51.100.7",
		`host="a,for=203.0.113.1;x";for=198.51.100.7`:      "198.51.100.7",
		`host="a\",for=203.0.113.1";for=198.51.100.7`:      "198.51.100.7",
		`for=unknown, for=198.51.100.7`:                    "198.51.100.7",
		`for="", for=198.51.100.7`:                         "198.51.100.7",
		`ext-1=a;for=198.51.100.7;ext-1=b`:                 "198.51.100.7",
		`for=10.0.0.2, for="[fd00::1]"`:                    missing,
		`;`:                                                missing,
		`for=unknown`:                                      invalid,
		`for="_gazonk"`:                                    invalid,
		`for=_SEVKISEK`:                                    invalid,
		`for=""`:                                           invalid,
		`proto=http`:                                       invalid, // a hop that does not say for whom
		`for=198.51.100.7, proto=http`:                     invalid,
		`for=198.51.100.7, by=10.0.0.1;proto=https, for=10.0.0.2`: invalid,
		`for=198.51.100.7;for=203.0.113.1`:                        invalid,
		`for=198.51.100.7;FOR=198.51.100.7`:                       invalid,
		`for="` + strings.Repeat(`\1`, 65) + `"`:                  invalid,
		`for=`:                                                    invalid,
		`for`:                                                     invalid,
		`=198.51.100.7`:                                           invalid,
		`for =198.51.100.7`:                                       invalid,
		`for= 198.51.100.7`:                                       invalid,
		`for=198.51.100.7 proto=http`:                             invalid,
		`for="198.51.100.7"x`:                                     invalid,
		`for="198.51.100.7`:                                       invalid,
		`for="198.51.100.7\"`:                                     invalid,
		`for="198.51.100.7\`:                                      invalid,
		`for=\198.51.100.7`:                                       invalid,
		`for=198.51"100.7`:                                        invalid,
		`198.51.100.7`:                                            invalid,

		// A client that opens a quote, for what a proxy appends to be inside.
		`for=203.0.113.1;x=", for=198.51.100.7`:           invalid,
		`for=203.0.113.1;x=", for="[2001:db8::7]:80"`:     invalid,
		`for=203.0.113.1;x=", for="198.51.100.7";by="_a"`: invalid,
		`for=203.0.113.1;x="\, for="[2001:db8::7]"`:       invalid,
		`for=203.0.113.1;x=a", for=198.51.100.7`:          invalid,
		`for=203.0.113.1;x, for=198.51.100.7`:             invalid,
	} {
		t.Run(line, func(t *testing.T) { checkForm(t, "Forwarded", []string{line}, want) })
	}
	// The line that a proxy wrote does not suffer from the one before it.
	checkForm(t, "Forwarded", []string{`for=203.0.113.1;x="`, "for=198.51.100.7"}, "198.51.100.7")
}

// Only the header that is configured is believed.
func TestOtherHeaders(t *testing.T) {
	const all = "X-Forwarded-For: 203.0.113.1\r\nForwarded: for=203.0.113.2\r\nX-Real-IP: 203.0.113.3\r\nCF-Connecting-IP: 203.0.113.4\r\n" +
		"X-Forwarded-For-: 1.1.1.1\r\nXX-Real-IP: 1.1.1.1\r\nX_Real_IP: 1.1.1.1\r\nForwarded-For: 1.1.1.1\r\nTrue-Client-IP: 1.1.1.1\r\n"
	for i, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP"} {
		s := newServerWith(behindProxies(header), "never", false, Options{})
		visitAs(s, "10.0.0.1:1", streamio.ConnState{Trusted: true}).send("GET /announce?" + leecher + " HTTP/1.1\r\n" + all + "\r\n")
		want := fmt.Sprintf("203.0.113.%d:6881", i+1)
		if peers := everybody(t, s); len(peers) != 1 || peers[0].String() != want {
			t.Errorf("%s: %v is stored, want %s", header, peers, want)
		}
	}
}

// A proxy that names nobody may say with ip= whom it speaks for, where that is
// allowed; one that names somebody, or nonsense, only passes on what a client
// wrote.
func TestClaims(t *testing.T) {
	tests := []struct {
		use, header string
		trusted     bool
		want        string // "": refused
	}{
		{"never", "", true, ""},
		{"never", "", false, "10.0.0.1"},
		{"private", "", true, ""},
		{"private", "", false, "203.0.113.1"},
		{"private", "X-Forwarded-For: 192.168.0.1\r\n", true, "203.0.113.1"},
		{"private", "X-Forwarded-For: 198.51.100.7\r\n", true, "198.51.100.7"},
		{"trusted", "", true, "203.0.113.1"},
		{"trusted", "", false, "10.0.0.1"},
		{"trusted", "X-Forwarded-For: 10.0.0.2\r\n", true, "203.0.113.1"},
		{"trusted", "X-Forwarded-For: 198.51.100.7\r\n", true, "198.51.100.7"},
		{"trusted", "X-Forwarded-For: 192.168.0.1\r\n", true, "192.168.0.1"},
		{"trusted", "X-Forwarded-For: unknown\r\n", true, ""},
	}
	for _, tt := range tests {
		for _, claim := range []string{"&ip=203.0.113.1", "&ipv4=203.0.113.1%3a9&ipv6=2001:db8::1"} {
			s := newServerWith(behindProxies("X-Forwarded-For"), tt.use, false, Options{})
			v := visitAs(s, "10.0.0.1:1", streamio.ConnState{Trusted: tt.trusted})
			v.send("GET /announce?" + leecher + claim + " HTTP/1.1\r\n" + tt.header + "\r\n")
			got := ""
			if peers := everybody(t, s); len(peers) == 1 && peers[0].Port() == 6881 {
				got = peers[0].Addr().String()
			}
			if got != tt.want {
				t.Errorf("use_ip_param %s, trusted %v, %q: %q is stored, want %q", tt.use, tt.trusted, tt.header, got, tt.want)
			}
		}
	}
}

// A PROXY header that names nobody: what the request says is not the proxy's.
func TestNameless(t *testing.T) {
	for _, use := range []string{"never", "private", "trusted"} {
		for _, header := range []string{"", "X-Forwarded-For: 198.51.100.7\r\n", "X-Forwarded-For: unknown\r\n"} {
			s := newServerWith(behindProxies("X-Forwarded-For"), use, false, Options{})
			v := visitAs(s, "10.0.0.1:1", streamio.ConnState{Trusted: true, Nameless: true})
			got := v.send("GET /announce?" + leecher + "&ip=203.0.113.1 HTTP/1.1\r\n" + header + "\r\n")
			if want := response("200 OK", failure(shoal.ForwardedMissing)); got != want {
				t.Errorf("use_ip_param %s, %q: got %q", use, header, got)
			}
			if peers := everybody(t, s); len(peers) > 0 {
				t.Errorf("use_ip_param %s, %q: %v is stored", use, header, peers)
			}
		}
	}
}

// Requests that are about no peer need none.
func TestProxyWithoutHeader(t *testing.T) {
	s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{})
	v := visitAs(s, "10.0.0.1:1", streamio.ConnState{Trusted: true})
	in := "GET /scrape?info_hash=%aa%AAaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n" + "HEAD /announce HTTP/1.1\r\n\r\n" + "GET / HTTP/1.1\r\n\r\n"
	want := response("200 OK", found) + headOfAnnounce + response("404 Not Found", failure(shoal.PathUnknown))
	if got := v.send(in); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestConfigure(t *testing.T) {
	s := newServerWith(behindProxies("X-Forwarded-For"), "never", false, Options{})
	v := visitAs(s, "10.0.0.1:1", streamio.ConnState{Trusted: true})
	in := "GET /announce?" + leecher + " HTTP/1.1\r\nX-Forwarded-For: 203.0.113.1, 198.51.100.7\r\nX-Real-IP: 203.0.113.3\r\n\r\n"
	step := func(c Config, want string) {
		t.Helper()
		s.Configure(c)
		if got := parse(t, v.send(in)).ExternalIP.String(); got != want {
			t.Errorf("%s, trusting %v: got %s, want %s", c.Forwarded, c.TrustedProxies, got, want)
		}
		for _, network := range c.TrustedProxies {
			if !s.Proxies().Contain(network.Addr()) {
				t.Errorf("the listeners do not trust %v", network)
			}
		}
	}
	c := behindProxies("X-Forwarded-For")
	step(c, "198.51.100.7")
	c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix("198.51.100.0/24"))
	step(c, "203.0.113.1")
	c.Forwarded = "X-Real-IP"
	step(c, "203.0.113.3")
	step(behindProxies("X-Forwarded-For"), "198.51.100.7")
	// A proxy that is taken off is not believed on a connection that is open.
	c = behindProxies("X-Forwarded-For")
	c.TrustedProxies = c.TrustedProxies[1:]
	step(c, "10.0.0.1")
	step(behindProxies("X-Forwarded-For"), "198.51.100.7")
	if s.Proxies().Contain(netip.MustParseAddr("198.51.100.7")) {
		t.Error("the listeners trust what is not trusted any more")
	}
}

func TestValidate(t *testing.T) {
	for name, want := range map[string]int{
		"X-Forwarded-For": 0, "Forwarded": 0, "X-Real-IP": 0, "CF-Connecting-IP": 0,
		"": 1, "x-forwarded-for": 1, "True-Client-IP": 1, "X-Forwarded-For, Forwarded": 1,
	} {
		c, got := DefaultConfig(), 0
		c.Forwarded = name
		c.Validate(func(key string, value any, allowed string) {
			got++
			if key != "forwarded" || allowed != "X-Forwarded-For, Forwarded, X-Real-IP or CF-Connecting-IP" {
				t.Errorf("%q: %s must be %s", name, key, allowed)
			}
		})
		if got != want {
			t.Errorf("%q: %d complaints, want %d", name, got, want)
		}
	}
}
