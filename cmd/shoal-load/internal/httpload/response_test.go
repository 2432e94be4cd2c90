package httpload

import (
	"errors"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

const headOK = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"

func TestReadResponse(t *testing.T) {
	for _, test := range []struct {
		name, raw string
		eof       bool
		done      bool
		err       error
		close     bool
	}{
		{"whole", headOK + "\r\nbody", false, true, nil, false},
		{"whole and closed", headOK + "\r\nbody", true, true, nil, false},
		{"begins", "HTTP/1", false, false, nil, false},
		{"head without end", headOK, false, false, nil, false},
		{"part of the body", headOK + "\r\nbo", false, false, nil, false},
		{"asks to close", headOK + "CONNECTION: Close\r\n\r\nbody", false, true, nil, true},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length:  4  \r\n\r\nbody", false, true, nil, true},
		{"HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\nbody", false, true, nil, false},
		{"ends with the connection", "HTTP/1.1 200 OK\r\n\r\nbody", true, true, nil, false},
		{"may go on", "HTTP/1.1 200 OK\r\n\r\nbody", false, false, nil, false},
		{"nothing", "", true, true, errEmpty, false},
		{"cut in its head", "HTTP/1.1 200", true, true, errHead, false},
		{"cut in its body", headOK + "\r\nbo", true, true, errShort, false},
		{"bytes behind", headOK + "\r\nbody!", false, true, errBehind, false},
		{"not HTTP", "220 smtp ready at once\r\n\r\n", false, true, errHead, false},
		{"HTTP/2", "HTTP/2 200 \r\n\r\n", false, true, errHead, false},
		{"no status", "HTTP/1.1 OK and fine\r\n\r\n", false, true, errHead, false},
		{"short head", "HTTP/1.1\r\n\r\n", false, true, errHead, false},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, true, errHead, false},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, true, errChunked, false},
		{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", false, true, errLong, false},
		{"endless head", "HTTP/1.1 200 OK\r\n" + strings.Repeat("a", maxResponse), false, true, errLong, false},
	} {
		r, done, err := readResponse([]byte(test.raw), test.eof)
		if done != test.done || !errors.Is(err, test.err) || err == nil && done && (r.status != 200 || r.close != test.close) {
			t.Errorf("%s: done %v, error %v, %+v", test.name, done, err, r)
		}
	}
}

// TestReadResponseInParts: wherever a response is cut, it is the same response.
func TestReadResponseInParts(t *testing.T) {
	whole := "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
	for n := range len(whole) {
		if _, done, err := readResponse([]byte(whole[:n]), false); done || err != nil {
			t.Errorf("the first %d bytes: done %v, error %v", n, done, err)
		}
	}
	r, done, err := readResponse([]byte(whole), false)
	if !done || err != nil || r.status != 404 || !r.close || whole[r.start:] != "body" {
		t.Errorf("%+v, done %v, error %v", r, done, err)
	}
}

func FuzzReadResponse(f *testing.F) {
	f.Add([]byte(headOK+"\r\nbody"), false)
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\n"), true)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, raw []byte, eof bool) {
		r, done, err := readResponse(raw, eof)
		if eof && !done {
			t.Fatal("waits for more after the end")
		}
		if done && err == nil {
			end := len(raw)
			if r.length >= 0 {
				end = r.start + r.length
			}
			if r.start <= 0 || r.start > end || end > len(raw) {
				t.Fatalf("%+v of %d bytes", r, len(raw))
			}
			var a answer
			_ = a.read(raw[r.start:end], nil)
			_ = a.read(raw[r.start:end], make([]shoal.InfoHash, 5))
		}
	})
}
