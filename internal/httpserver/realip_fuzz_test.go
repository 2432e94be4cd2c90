package httpserver

import (
	"bufio"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

var (
	naiveNoHost  = netip.MustParsePrefix("224.0.0.0/4")
	naiveNoHost6 = netip.MustParsePrefix("ff00::/8")

	naivePort = regexp.MustCompile(`:([0-9]{1,5}|_[0-9A-Za-z._-]+)$`)
	naivePair = regexp.MustCompile(`(?s)^[ \t]*(?:([!#$%&'*+\-.^_\x60|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;, \t"\\]+)))?[ \t]*(?:([;,])|$)`)
)

// naiveNode reads the address of a hop by way of package netip.
func naiveNode(node string) (netip.Addr, bool) {
	bracket := strings.HasPrefix(node, "[")
	if bracket || strings.Count(node, ":") == 1 {
		node = naivePort.ReplaceAllString(node, "")
	}
	if bracket {
		inside, closed := strings.CutSuffix(node[1:], "]")
		if !closed || !strings.Contains(inside, ":") {
			return netip.Addr{}, false
		}
		node = inside
	}
	addr, err := netip.ParseAddr(node)
	if err != nil || addr.Zone() != "" || naiveNoHost.Contains(addr.Unmap()) || naiveNoHost6.Contains(addr) || addr.IsUnspecified() || addr.Unmap().String() == "255.255.255.255" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// naiveHops returns the nodes of one line, the last hop last, or reports that
// the line is malformed.
func naiveHops(header, line string) (nodes []string, ok bool) {
	if header != "Forwarded" {
		for element := range strings.SplitSeq(line, ",") {
			if element = strings.Trim(element, " \t"); element != "" {
				if n := len(element); n > 1 && element[0] == '"' && element[n-1] == '"' {
					element = element[1 : n-1]
				}
				nodes = append(nodes, element)
			}
		}
		return nodes, true
	}
	hop := map[string]string{}
	for {
		m := naivePair.FindStringSubmatch(line)
		if m == nil {
			return nil, false
		}
		line = line[len(m[0]):]
		if name := lower(m[1]); name != "" {
			if _, twice := hop[name]; twice && name == "for" {
				return nil, false
			}
			quoted := regexp.MustCompile(`(?s)\\(.)`).ReplaceAllString(m[2], "$1")
			if quoted != m[2] && len(quoted) > 64 {
				quoted = ""
			}
			hop[name] = quoted + m[3]
		}
		if m[4] == ";" {
			continue
		}
		if len(hop) > 0 {
			nodes = append(nodes, hop["for"])
		}
		if m[4] == "" {
			return nodes, true
		}
		hop = map[string]string{}
	}
}

// naiveClient says again, by other means, what settings.client does.
func naiveClient(header string, lines []string, trusted []netip.Prefix) (netip.Addr, verdict) {
	for _, line := range slices.Backward(lines) {
		nodes, ok := naiveHops(header, line)
		if !ok {
			return netip.Addr{}, unusable
		}
		for _, node := range slices.Backward(nodes) {
			addr, ok := naiveNode(node)
			if !ok {
				return netip.Addr{}, unusable
			}
			if !slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) }) {
				return addr, somebody
			}
		}
	}
	return netip.Addr{}, nobody
}

// FuzzForwarded puts header lines into a request and holds the address that is
// taken against a naive reader's, and the lines against those that net/http
// sees: what it takes for one line must not be two here.
func FuzzForwarded(f *testing.F) {
	f.Fuzz(func(t *testing.T, which byte, fields []byte) {
		header := forwardedHeaders[int(which)%len(forwardedHeaders)]
		c := behindProxies(header)
		head := "GET /announce HTTP/1.1\r\n" + string(fields) + "\r\n\r\n"
		if len(head) > MaxHead {
			return
		}
		var r request
		size := headEnd([]byte(head), 0)
		if r.read([]byte(head[:size])) != shoal.OK {
			return
		}
		got, verdict := newSettings(c).client(r.fields)

		var lines []string
		for line := range strings.SplitSeq(string(r.fields), "\n") {
			line = strings.TrimSuffix(line, "\r")
			if name, value, _ := strings.Cut(line, ":"); lower(name) == lower(header) {
				lines = append(lines, strings.Trim(value, " \t"))
			}
		}
		want, wantVerdict := naiveClient(header, lines, c.TrustedProxies)
		if got != want || verdict != wantVerdict {
			t.Fatalf("%s: got %v, %v, want %v, %v of %q", header, got, verdict, want, wantVerdict, lines)
		}
		if (verdict == somebody) != got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("%v with the verdict %d", got, verdict)
		}
		if q, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head[:size]))); err == nil {
			if seen := q.Header.Values(header); !slices.Equal(seen, lines) {
				t.Fatalf("net/http sees %q, here are %q", seen, lines)
			}
		}
	})
}

// The names of the corpus begin with the verdict: it has each, for a list and
// for Forwarded.
func TestForwardedCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzForwarded", "*-*"))
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`^go test fuzz v1\nbyte\('\\x0([0-3])'\)\n\[\]byte\((.*)\)\n$`).FindStringSubmatch(string(text))
		if m == nil {
			t.Fatalf("%s is not a byte and a []byte", file)
		}
		fields, err := strconv.Unquote(m[2])
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var r request
		if f := r.read([]byte("GET /announce HTTP/1.1\r\n" + fields + "\r\n\r\n")); f != shoal.OK {
			t.Errorf("%s is refused: %v", file, f)
		}
		header := forwardedHeaders[m[1][0]-'0']
		_, says := newSettings(behindProxies(header)).client(r.fields)
		got := map[verdict]string{nobody: "nobody", somebody: "somebody", unusable: "unusable"}[says]
		if want, _, _ := strings.Cut(filepath.Base(file), "-"); got != want {
			t.Errorf("%s: the verdict is %s", file, got)
		}
		if header != "Forwarded" {
			header = "list"
		}
		met[header+" "+got] = true
	}
	for _, kind := range []string{"list ", "Forwarded "} {
		for _, verdict := range []string{"nobody", "somebody", "unusable"} {
			if !met[kind+verdict] {
				t.Errorf("no input for %s%s", kind, verdict)
			}
		}
	}
}
