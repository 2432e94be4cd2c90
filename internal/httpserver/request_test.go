package httpserver

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/shoal-tracker/shoal"
)

var (
	naiveLine   = regexp.MustCompile(`(?s)^([!#$%&'*+\-.^_\x60|~0-9A-Za-z]+) (.+) HTTP/1\.([0-9])$`)
	naiveHeader = regexp.MustCompile(`(?s)^([!#$%&'*+\-.^_\x60|~0-9A-Za-z]+):(.*)$`)
	naiveScheme = regexp.MustCompile(`(?is)^https?://([^/?]*)(.*)$`)
	naiveDigits = regexp.MustCompile(`^[0-9]+$`)
	naiveEnd    = regexp.MustCompile(`\n\r?\n`)
	naiveWord   = regexp.MustCompile(`(?s)^/(announce|scrape)/?$`)
	naiveBehind = regexp.MustCompile(`(?s)^/(announce|scrape)/([^/]+)/?$`)
	naiveBefore = regexp.MustCompile(`(?s)^/([^/]+)/(announce|scrape)/?$`)
)

// naiveRead says again, by other means, what request.read does.
func naiveRead(in string) (request, shoal.Failure) {
	var r request
	_, fields, _ := strings.Cut(in, "\n")
	r.fields = []byte(fields)
	lines := strings.Split(in, "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	line := naiveLine.FindStringSubmatch(lines[0])
	if line == nil {
		return r, shoal.RequestInvalid
	}
	r.method = map[string]method{"GET": get, "HEAD": head}[line[1]]
	r.old = line[3] == "0"
	connection, upgrade := map[string]bool{}, map[string]bool{}
	for i, l := range lines[1:] {
		if l == "" {
			break
		}
		if i == 64 {
			return r, shoal.RequestTooLarge
		}
		h := naiveHeader.FindStringSubmatch(l)
		if h == nil {
			return r, shoal.RequestInvalid
		}
		value := strings.Trim(h[2], " \t")
		switch lower(h[1]) {
		case "connection":
			for element := range strings.SplitSeq(value, ",") {
				connection[lower(strings.Trim(element, " \t"))] = true
			}
		case "upgrade":
			for element := range strings.SplitSeq(value, ",") {
				upgrade[lower(strings.Trim(element, " \t"))] = true
			}
		case "content-length":
			if !naiveDigits.MatchString(value) {
				r.body = r.body || strings.Trim(firstDigits(value), "0") != ""
				return r, shoal.RequestInvalid
			}
			r.body = r.body || strings.Trim(value, "0") != ""
		case "transfer-encoding":
			r.body = true
		}
	}
	r.keepAlive = !r.body && !connection["close"] && (!r.old || connection["keep-alive"])
	r.upgrade = connection["upgrade"] && upgrade["websocket"] && r.method == get && !r.old
	if r.method == methodUnknown {
		return r, shoal.MethodUnknown
	}
	if r.body {
		return r, shoal.RequestBody
	}
	target := line[2]
	if target[0] != '/' {
		m := naiveScheme.FindStringSubmatch(target)
		if m == nil {
			r.keepAlive = false
			return r, shoal.RequestInvalid
		}
		r.authority, target = []byte(m[1]), m[2]
	}
	r.target = []byte(target)
	path, query, found := strings.Cut(target, "?")
	if found {
		r.query = []byte(query)
	}
	routes := map[string]route{"announce": announce, "scrape": scrape}
	behind, before := naiveBehind.FindStringSubmatch(path), naiveBefore.FindStringSubmatch(path)
	switch {
	case behind != nil && before != nil:
	case behind != nil:
		r.route, r.key = routes[behind[1]], []byte(behind[2])
	case before != nil:
		r.route, r.key = routes[before[2]], []byte(before[1])
	default:
		if word := naiveWord.FindStringSubmatch(path); word != nil {
			r.route = routes[word[1]]
		}
	}
	if strings.HasPrefix(path, "/.well-known/acme-challenge/") {
		r.route = challenge
	}
	return r, shoal.OK
}

func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

// firstDigits is what is read of a number before what makes it invalid.
func firstDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

var (
	compare = cmp.Options{cmp.AllowUnexported(request{}), cmpopts.EquateComparable(netip.Addr{})}
	// decided is what is compared in tables: all but parts of the request as it came.
	decided = cmp.Options{compare, cmpopts.IgnoreFields(request{}, "target", "authority", "fields")}
)

func TestRead(t *testing.T) {
	many := func(n int) string { return strings.Repeat("A: b\r\n", n) }
	tests := []struct {
		name    string
		head    string // without the last line's end and the empty line
		want    request
		failure shoal.Failure
	}{
		{"announce", "GET /announce?a=b HTTP/1.1\r\nHost: h", request{method: get, route: announce, query: []byte("a=b"), keepAlive: true}, shoal.OK},
		{"scrape", "GET /scrape?a=b HTTP/1.1\r\nHost: h", request{method: get, route: scrape, query: []byte("a=b"), keepAlive: true}, shoal.OK},
		{"no headers", "GET /announce HTTP/1.1", request{method: get, route: announce, keepAlive: true}, shoal.OK},
		{"empty query", "GET /announce? HTTP/1.1", request{method: get, route: announce, query: []byte{}, keepAlive: true}, shoal.OK},
		{"slash at the end", "GET /announce/?a HTTP/1.1", request{method: get, route: announce, query: []byte("a"), keepAlive: true}, shoal.OK},
		{"scrape, slash at the end", "HEAD /scrape/ HTTP/1.1", request{method: head, route: scrape, keepAlive: true}, shoal.OK},
		{"two slashes at the end", "GET /announce// HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"key behind", "GET /announce/KEY?a HTTP/1.1", request{method: get, route: announce, key: []byte("KEY"), query: []byte("a"), keepAlive: true}, shoal.OK},
		{"key behind, slash at the end", "GET /announce/KEY/ HTTP/1.1", request{method: get, route: announce, key: []byte("KEY"), keepAlive: true}, shoal.OK},
		{"key before", "GET /KEY/announce HTTP/1.1", request{method: get, route: announce, key: []byte("KEY"), keepAlive: true}, shoal.OK},
		{"key before, slash at the end", "GET /KEY/announce/?a HTTP/1.1", request{method: get, route: announce, key: []byte("KEY"), query: []byte("a"), keepAlive: true}, shoal.OK},
		{"scrape, key behind", "GET /scrape/KEY HTTP/1.1", request{method: get, route: scrape, key: []byte("KEY"), keepAlive: true}, shoal.OK},
		{"scrape, key before", "GET /KEY/scrape HTTP/1.1", request{method: get, route: scrape, key: []byte("KEY"), keepAlive: true}, shoal.OK},
		{"key of any bytes", "GET /announce/\x00%zz\xff HTTP/1.1", request{method: get, route: announce, key: []byte("\x00%zz\xff"), keepAlive: true}, shoal.OK},
		{"key, absolute-form", "GET http://h/announce/KEY?a HTTP/1.1", request{method: get, route: announce, key: []byte("KEY"), query: []byte("a"), keepAlive: true}, shoal.OK},
		{"empty key", "GET //announce HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"empty key behind", "GET /announce//KEY HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"two segments behind", "GET /announce/KEY/more HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"two segments before", "GET /more/KEY/announce HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"key on both sides", "GET /KEY/announce/KEY HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"two words", "GET /announce/scrape HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"the same word twice", "GET /announce/announce HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"neither word", "GET /more/KEY HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"key only", "GET /KEY HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"other path", "GET / HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"path in capitals", "GET /Announce HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"escaped path", "GET /%61nnounce HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"challenge", "GET /.well-known/acme-challenge/a?b HTTP/1.1", request{method: get, route: challenge, query: []byte("b"), keepAlive: true}, shoal.OK},
		{"not quite a challenge", "GET /.well-known/acme-challenge HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"second question mark", "GET /announce?a?info_hash=b HTTP/1.1", request{method: get, route: announce, query: []byte("a?info_hash=b"), keepAlive: true}, shoal.OK},
		{"bare LF", "GET /announce HTTP/1.1\nConnection: close", request{method: get, route: announce}, shoal.OK},
		{"raw bytes", "GET /announce?\x00\x7f\x80\xff\r# HTTP/1.1", request{method: get, route: announce, query: []byte("\x00\x7f\x80\xff\r#"), keepAlive: true}, shoal.OK},
		{"spaces in the target", "GET /announce?a b HTTP/1.1 c HTTP/1.1", request{method: get, route: announce, query: []byte("a b HTTP/1.1 c"), keepAlive: true}, shoal.OK},
		{"absolute-form", "GET http://t.example:6969/announce?a HTTP/1.1", request{method: get, route: announce, query: []byte("a"), keepAlive: true}, shoal.OK},
		{"absolute-form in capitals", "GET HTTPS://t.example/scrape?a=/? HTTP/1.1", request{method: get, route: scrape, query: []byte("a=/?"), keepAlive: true}, shoal.OK},
		{"absolute-form, no path", "GET http://t.example HTTP/1.1", request{method: get, keepAlive: true}, shoal.OK},
		{"absolute-form, query only", "GET http://t.example?/announce HTTP/1.1", request{method: get, query: []byte("/announce"), keepAlive: true}, shoal.OK},
		{"HTTP/1.0", "GET /announce HTTP/1.0", request{method: get, route: announce, old: true}, shoal.OK},
		{"HTTP/1.0 keep-alive", "GET /announce HTTP/1.0\r\nconnection: Keep-Alive", request{method: get, route: announce, old: true, keepAlive: true}, shoal.OK},
		{"HTTP/1.9", "GET /announce HTTP/1.9", request{method: get, route: announce, keepAlive: true}, shoal.OK},
		{"close", "GET /announce HTTP/1.1\r\nCONNECTION:\t CLOSE \t", request{method: get, route: announce}, shoal.OK},
		{"close in a list", "GET /announce HTTP/1.1\r\nConnection: TE, close,", request{method: get, route: announce}, shoal.OK},
		{"close wins", "GET /announce HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive", request{method: get, route: announce, old: true}, shoal.OK},
		{"not quite close", "GET /announce HTTP/1.1\r\nConnection: closed, c lose", request{method: get, route: announce, keepAlive: true}, shoal.OK},
		{"empty headers", "GET /announce HTTP/1.1\r\nA:\r\nConnection:", request{method: get, route: announce, keepAlive: true}, shoal.OK},
		{"any bytes in a value", "GET /announce HTTP/1.1\r\nA: \x00\xff:\r\r", request{method: get, route: announce, keepAlive: true}, shoal.OK},
		{"body of no bytes", "GET /announce HTTP/1.1\r\nContent-Length: 00", request{method: get, route: announce, keepAlive: true}, shoal.OK},
		{"upgrade", "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket", request{method: get, keepAlive: true, upgrade: true}, shoal.OK},
		{"upgrade, any path", "GET /announce?a HTTP/1.1\r\nUPGRADE:WebSocket\r\nCONNECTION:upgrade", request{method: get, route: announce, query: []byte("a"), keepAlive: true, upgrade: true}, shoal.OK},
		{"upgrade in lists and lines", "GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: TE, upgrade\r\nUpgrade: h2c,\t websocket ", request{method: get, keepAlive: true, upgrade: true}, shoal.OK},
		{"upgrade and close", "GET / HTTP/1.1\r\nConnection: close, upgrade\r\nUpgrade: websocket", request{method: get, upgrade: true}, shoal.OK},
		{"upgrade to something else", "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c, websocket/13, websockets", request{method: get, keepAlive: true}, shoal.OK},
		{"upgrade that this hop is not asked for", "GET / HTTP/1.1\r\nConnection: keep-alive\r\nUpgrade: websocket", request{method: get, keepAlive: true}, shoal.OK},
		{"upgrade to nothing", "GET / HTTP/1.1\r\nConnection: upgrade", request{method: get, keepAlive: true}, shoal.OK},
		{"upgrade, HEAD", "HEAD / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket", request{method: head, keepAlive: true}, shoal.OK},
		{"upgrade, HTTP/1.0", "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket", request{method: get, old: true}, shoal.OK},
		{"64 headers", "GET /announce HTTP/1.1\r\n" + many(63) + "A: b", request{method: get, route: announce, keepAlive: true}, shoal.OK},

		{"65 headers", "GET /announce HTTP/1.1\r\n" + many(64) + "A: b", request{method: get}, shoal.RequestTooLarge},
		{"body", "GET /announce HTTP/1.1\r\nContent-Length: 10", request{method: get, body: true}, shoal.RequestBody},
		{"second length", "GET /announce HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 1", request{method: get, body: true}, shoal.RequestBody},
		{"chunks", "GET /announce HTTP/1.1\r\ntransfer-encoding: chunked", request{method: get, body: true}, shoal.RequestBody},
		{"post", "POST /announce HTTP/1.1", request{keepAlive: true}, shoal.MethodUnknown},
		{"post of a body", "POST /announce HTTP/1.1\r\nContent-Length: 5", request{body: true}, shoal.MethodUnknown},
		{"method in small letters", "get /announce HTTP/1.1", request{keepAlive: true}, shoal.MethodUnknown},
		{"connect", "CONNECT h:80 HTTP/1.1", request{keepAlive: true}, shoal.MethodUnknown},
		{"options", "OPTIONS * HTTP/1.1\r\nConnection: close", request{}, shoal.MethodUnknown},

		{"no version", "GET /announce", request{}, shoal.RequestInvalid},
		{"no target", "GET HTTP/1.1", request{}, shoal.RequestInvalid},
		{"empty target", "GET  HTTP/1.1", request{}, shoal.RequestInvalid},
		{"no method", " /announce HTTP/1.1", request{}, shoal.RequestInvalid},
		{"bad method", "G\x80T /announce HTTP/1.1", request{}, shoal.RequestInvalid},
		{"HTTP/2", "PRI * HTTP/2.0", request{}, shoal.RequestInvalid},
		{"HTTP/1.x", "GET /announce HTTP/1.x", request{}, shoal.RequestInvalid},
		{"HTTP/1.10", "GET /announce HTTP/1.10", request{}, shoal.RequestInvalid},
		{"version in small letters", "GET /announce http/1.1", request{}, shoal.RequestInvalid},
		{"space behind the version", "GET /announce HTTP/1.1 ", request{}, shoal.RequestInvalid},
		{"two spaces", "GET  /announce HTTP/1.1", request{method: get}, shoal.RequestInvalid},
		{"relative target", "GET announce HTTP/1.1", request{method: get}, shoal.RequestInvalid},
		{"other scheme", "GET ftp://h/announce HTTP/1.1", request{method: get}, shoal.RequestInvalid},
		{"authority-form", "GET h:80 HTTP/1.1", request{method: get}, shoal.RequestInvalid},
		{"header without colon", "GET /announce HTTP/1.1\r\nHost", request{method: get}, shoal.RequestInvalid},
		{"header without name", "GET /announce HTTP/1.1\r\n: h", request{method: get}, shoal.RequestInvalid},
		{"space before the colon", "GET /announce HTTP/1.1\r\nContent-Length : 10", request{method: get}, shoal.RequestInvalid},
		{"folded header", "GET /announce HTTP/1.1\r\nA: b\r\n Content-Length: 10", request{method: get}, shoal.RequestInvalid},
		{"CR before a name", "GET /announce HTTP/1.1\r\n\rContent-Length: 10", request{method: get}, shoal.RequestInvalid},
		{"line of CR", "GET /announce HTTP/1.1\r\n\r\r\nA: b", request{method: get}, shoal.RequestInvalid},
		{"no length", "GET /announce HTTP/1.1\r\nContent-Length:", request{method: get}, shoal.RequestInvalid},
		{"negative length", "GET /announce HTTP/1.1\r\nContent-Length: -1", request{method: get}, shoal.RequestInvalid},
		{"length with a sign", "GET /announce HTTP/1.1\r\nContent-Length: +0", request{method: get}, shoal.RequestInvalid},
		{"list of lengths", "GET /announce HTTP/1.1\r\nContent-Length: 0, 0", request{method: get}, shoal.RequestInvalid},
		{"CR in a length", "GET /announce HTTP/1.1\r\nContent-Length: 0\r", request{method: get}, shoal.RequestInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			head := tt.head + "\r\n\r\n"
			if size := headEnd([]byte(head+"more"), 0); size != len(head) {
				t.Fatalf("the head ends at %d, want %d", size, len(head))
			}
			var r request
			if failure := r.read([]byte(head)); failure != tt.failure {
				t.Errorf("failure %v, want %v", failure, tt.failure)
			}
			if diff := cmp.Diff(tt.want, r, decided); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHeadEnd(t *testing.T) {
	tests := []struct {
		in   string
		want int
	}{
		{"", 0},
		{"GET", 0},
		{"GET\r\n", 0},
		{"GET\r\n\r", 0},
		{"GET\r\n\r\n", 7},
		{"GET\n\n", 5},
		{"GET\n\r\n\r\n", 6},
		{"GET\r\nA\n\r\r\n", 0},
		{"GET\r\rA\r\n\n\n", 9},
	}
	for _, tt := range tests {
		if got := headEnd([]byte(tt.in), 0); got != tt.want {
			t.Errorf("headEnd(%q) = %d, want %d", tt.in, got, tt.want)
		}
	}
}

// FuzzRequest holds the reader against a naive one, and against net/http in
// what both accept: above all they must agree on where the request ends.
func FuzzRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > MaxHead {
			in = in[:MaxHead]
		}
		if len(in) == 0 || emptyLine(in) > 0 {
			return
		}
		size, naiveSize := headEnd(in, 0), 0
		if at := naiveEnd.FindIndex(in); at != nil {
			naiveSize = at[1]
		}
		if size != naiveSize {
			t.Fatalf("the head ends at %d, want %d", size, naiveSize)
		}
		arrived := size
		for n := range in {
			if arrived = headEnd(in[:n+1], max(n-2, 0)); arrived > 0 {
				break
			}
		}
		if arrived != size {
			t.Fatalf("arriving by the byte the head ends at %d, want %d", arrived, size)
		}
		if size == 0 {
			return
		}
		var r request
		failure := r.read(in[:size])
		want, wantFailure := naiveRead(string(in[:size]))
		if failure != wantFailure {
			t.Fatalf("failure %v, want %v", failure, wantFailure)
		}
		if diff := cmp.Diff(want, r, compare); diff != "" {
			t.Fatal(diff)
		}
		if failure == shoal.OK {
			checkNetHTTP(t, &r, in[:size])
		}
	})
}

// checkNetHTTP compares a request that was accepted with what net/http makes
// of it, if it accepts it too.
func checkNetHTTP(t *testing.T, r *request, in []byte) {
	rest := bytes.NewReader(in)
	buffered := bufio.NewReader(rest)
	q, err := http.ReadRequest(buffered)
	if err != nil {
		return // stricter about targets and values
	}
	if left := buffered.Buffered() + rest.Len(); left > 0 {
		t.Errorf("net/http sees the head end %d bytes earlier", left)
	}
	if q.ContentLength != 0 || len(q.TransferEncoding) > 0 {
		t.Errorf("net/http sees a body: %d bytes, %q", q.ContentLength, q.TransferEncoding)
	}
	if q.Close == r.keepAlive {
		t.Errorf("net/http: close is %v, here keepAlive is %v", q.Close, r.keepAlive)
	}
	asks := func(name, want string) bool {
		for _, line := range q.Header.Values(name) {
			for element := range strings.SplitSeq(line, ",") {
				if strings.EqualFold(strings.Trim(element, " \t"), want) {
					return true
				}
			}
		}
		return false
	}
	if want := asks("Connection", "upgrade") && asks("Upgrade", "websocket") && q.Method == "GET" && q.ProtoAtLeast(1, 1); r.upgrade != want {
		t.Errorf("net/http: upgrade is %v, here %v", want, r.upgrade)
	}
	if want := map[method]string{get: "GET", head: "HEAD"}[r.method]; q.Method != want {
		t.Errorf("net/http: method %q, here %q", q.Method, want)
	}
	if _, query, _ := strings.Cut(q.RequestURI, "?"); query != string(r.query) {
		t.Errorf("net/http: query %q, here %q", query, r.query)
	}
	got := map[route]string{announce: "/announce", scrape: "/scrape"}[r.route]
	if path := strings.TrimSuffix(q.URL.EscapedPath(), "/"); got != "" && r.key == nil && path != got {
		t.Errorf("net/http: path %q, here %q", path, got)
	}
	if r.key != nil {
		key, err := url.PathUnescape(string(r.key))
		path := strings.TrimSuffix(q.URL.Path, "/")
		if key = strings.TrimSuffix(key, "/"); err != nil || path != got+"/"+key && path != "/"+key+got && path != "/"+key+"/"+got {
			t.Errorf("net/http: path %q, here %q with %q", path, got, r.key)
		}
	}
}

func TestStatuses(t *testing.T) {
	longest := 0
	for f, status := range statuses {
		if !strings.HasPrefix(status, "HTTP/1.1 4") || !strings.HasSuffix(status, "\r\n") {
			t.Errorf("%v: %q is not a status line", f, status)
		}
		longest = max(longest, len(status))
	}
	worst := longest + len(fieldType+fieldLength+fieldKeepAlive+headClose) + len(fmt.Sprint(1<<62))
	if worst > headroom {
		t.Errorf("a head may have %d bytes, and headroom is %d", worst, headroom)
	}
}
