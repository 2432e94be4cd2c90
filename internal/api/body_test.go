package api

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// broken are bodies that end early, or are no chunks.
var broken = map[string]string{
	"short":             "Content-Length: 1000\r\n\r\n{}",
	"no chunk":          "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
	"negative chunk":    "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
	"huge chunk":        "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
	"short chunk":       "Transfer-Encoding: chunked\r\n\r\n20\r\n{}",
	"no end of a chunk": "Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
	"no last chunk":     "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
	"long extension":    "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("x", 8192) + "\r\n{}\r\n0\r\n\r\n",
	"long trailer":      "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n",
}

// sendRaw sends a request as it stands, says that no more comes, and returns the
// answer.
func sendRaw(t *testing.T, url, request string) (status int, contentType, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	l := &line{conn: conn}
	defer l.conn.Close()
	fmt.Fprint(conn, request)
	conn.(*net.TCPConn).CloseWrite()
	text, _ := io.ReadAll(conn) // the rest of what was sent may be answered with a reset
	head, body, _ := strings.Cut(string(text), "\r\n\r\n")
	if _, err := fmt.Sscanf(head, "HTTP/1.1 %d", &status); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for field := range strings.SplitSeq(head, "\r\n") {
		if value, ok := strings.CutPrefix(field, "Content-Type: "); ok {
			contentType = value
		}
	}
	return status, contentType, body
}

func TestBrokenBodies(t *testing.T) {
	s := newStand(t, func(_ *Config, o *Options) { o.Modes = func() Modes { return Modes{Private: true} } })
	const head = "POST /api/v1/keys HTTP/1.1\r\nHost: tracker\r\nContent-Type: application/json\r\nAuthorization: Bearer " + adminToken + "\r\n"
	for name, body := range broken {
		status, contentType, text := sendRaw(t, s.url, head+body)
		if status != 400 || contentType != problemType || !strings.Contains(text, "ended early or is badly chunked") {
			t.Errorf("%s: %d %s %s", name, status, contentType, text)
		}
	}
	s.Configure(Config{Tokens: twoTokens(), TorrustCompatible: true})
	for name, body := range broken {
		status, contentType, text := sendRaw(t, s.url, head+body)
		if status != 400 || !strings.HasPrefix(contentType, "text/plain") || !strings.HasPrefix(text, "Failed to buffer the request body: ") {
			t.Errorf("to the letter, %s: %d %s %s", name, status, contentType, text)
		}
	}
	if text := s.log.String(); strings.Contains(text, "level=ERROR") || strings.Contains(text, "level=WARN") {
		t.Errorf("it is in the log: %s", text)
	}
}

type lateError struct{ error }

func (lateError) Timeout() bool   { return true }
func (lateError) Temporary() bool { return true }

func TestUnreadBody(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 5}), 413},
		{fmt.Errorf("read: %w", lateError{io.EOF}), 408},
		{io.ErrUnexpectedEOF, 400},
	} {
		if status, detail := unreadBody(test.err); status != test.want || detail == "" {
			t.Errorf("%v: %d %q", test.err, status, detail)
		}
	}
}

func TestTooMuch(t *testing.T) {
	for _, test := range []struct{ text, location, message string }{
		{``, "", ""},
		{`{"a":1,"b":[1,2,3],"c":"}],,,,,,,,,,,"}`, "", ""},
		{`{"a":[1,2,3,4]}`, "body.a", "expected array length <= 3"},
		{`{"b":"a","a" : [{"x":1},"2",[],4`, "body.a", "expected array length <= 3"},
		{`{"a\"":["\\",",",",",","]}`, `body.a\"`, "expected array length <= 3"},
		{`[[1,2,3,4]]`, "body.", "expected array length <= 3"},
		{`{"a":1,"a":1,"a":1,"a":1,"a":1,"a":1,"a":1,"a":1}`, "", ""},
		{`{"a":1,"a":1,"a":1,"a":1,"a":1,"a":1,"a":1,"a":1,"a":1}`, "body", "expected fewer values"},
		{`[[[1,1,1,1,1,1]]]`, "", ""},
		{`[[[1,1,1,1,1,1,1]]]`, "body", "expected fewer values"},
		{`[[[[[[[[`, "", ""},
		{`[[[[[[[[[`, "body", "expected fewer values"},
		{`{"`, "", ""},
		{`{"\`, "", ""},
		{`]]]]]],,,`, "", ""},
	} {
		detail := tooMuch([]byte(test.text), 8, 3)
		if test.message == "" && detail != nil || test.message != "" && (detail == nil || detail.Location != test.location || detail.Message != test.message) {
			t.Errorf("%s: %+v, want %s at %q", test.text, detail, test.message, test.location)
		}
	}
}

// TestTooManyEntries: an answer comes, and nothing was made of the body.
func TestTooManyEntries(t *testing.T) {
	s := newStand(t, nil)
	for _, test := range []struct{ path, body, location string }{
		{"/keys/bulk", `{"keys":[` + strings.Repeat("1,", 8_000_000) + `1]}`, "body.keys"},
		{"/whitelist/bulk", `{"no":[` + strings.Repeat(`1,`, mostEntries) + `1]}`, "body.no"},
		{"/deny/bulk", `{"torrents":[` + strings.Repeat(`{"a":1,"a":1,"a":1,"a":1,"a":1},`, mostEntries-1) + `1]}`, "body"},
		{"/keys/bulk", `{"keys":[` + strings.Repeat(strings.Repeat("[", 100)+strings.Repeat("]", 100)+",", 50_000) + `1]}`, "body"},
		{"/keys", `{"x":[` + strings.Repeat("1,", mostValues) + `1]}`, "body"},
	} {
		answer, body := s.ask("POST", "/api/v1"+test.path, test.body, bearer+adminToken)
		p := s.problem(answer, body, 422)
		if len(p.Errors) != 1 || p.Errors[0].Location != test.location {
			t.Errorf("%s: %s, want one at %s", test.path, body, test.location)
		}
	}
}

// TestOneLargeBody: the second waits for the first, and small ones do not.
func TestOneLargeBody(t *testing.T) {
	s := newStand(t, nil)
	s.patience = 0
	large := func() (*http.Response, string) {
		return s.ask("POST", "/api/v1/whitelist/bulk", `{"info_hashes":[]}`, bearer+adminToken)
	}
	s.large <- struct{}{} // the first
	answer, body := large()
	s.problem(answer, body, 503)
	if answer.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	if answer, body := s.ask("POST", "/api/v1/keys", `{"key":1}`, bearer+adminToken); answer.StatusCode != 422 {
		t.Errorf("a small one: %d %s", answer.StatusCode, body)
	}
	<-s.large
	s.patience = largePatience
	for range 3 { // each makes room for the next
		if answer, body := large(); answer.StatusCode != 422 {
			t.Errorf("after the first: %d %s", answer.StatusCode, body)
		}
	}
}

func TestMediaTypesHaveNoCase(t *testing.T) {
	s := newStand(t, nil)
	for header, want := range map[string]int{
		"application/JSON": 422, "APPLICATION/json; Charset=UTF-8": 422, "": 422, "text/JSON": 415, "application/x-www-form-urlencoded": 415,
	} {
		answer, body := s.ask("POST", "/api/v1/keys", `{"key":1}`, "Content-Type: "+header, bearer+adminToken)
		s.problem(answer, body, want)
	}
}
