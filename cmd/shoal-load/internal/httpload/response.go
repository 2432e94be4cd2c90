package httpload

import (
	"bytes"
	"errors"
	"strconv"
)

// maxResponse bounds what is read of one response.
const maxResponse = 64 << 10

// response is the head of an HTTP response and where its body is.
type response struct {
	status int
	start  int  // of the body
	length int  // of the body; -1: until the connection ends
	close  bool // no other follows on this connection
}

var (
	errHead    = errors.New("no HTTP/1 response")
	errChunked = errors.New("a response in chunks, which trackers do not send")
	errShort   = errors.New("a response that ends before its length")
	errBehind  = errors.New("a response with bytes behind its end")
	errEmpty   = errors.New("no response")
	errLong    = errors.New("a longer response than any tracker's")
)

// readResponse reads all that has come of a response; with eof no more will.
// It is done, right or wrong, when more would change nothing. errEmpty says
// that the connection ended before the response began.
func readResponse(raw []byte, eof bool) (r response, done bool, err error) {
	r, ok, err := readHead(raw)
	switch {
	case err != nil:
	case ok && r.length < 0 && eof:
		return r, true, nil
	case ok && r.length >= 0 && len(raw) >= r.start+r.length:
		if len(raw) > r.start+r.length {
			err = errBehind
		}
		return r, true, err
	case eof && len(raw) == 0:
		err = errEmpty
	case eof && ok:
		err = errShort
	case eof:
		err = errHead
	case len(raw) >= maxResponse:
		err = errLong
	}
	return r, err != nil, err
}

// readHead reads the head of a response; ok is false when it is not complete.
func readHead(b []byte) (r response, ok bool, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return r, false, nil
	}
	head := b[:end+2]
	// "HTTP/1.1 200 OK"
	if len(head) < 14 || string(head[:7]) != "HTTP/1." || head[8] != ' ' {
		return r, false, errHead
	}
	r.status, err = strconv.Atoi(string(head[9:12]))
	if err != nil {
		return r, false, errHead
	}
	r.start, r.length = end+4, -1
	r.close = head[7] == '0'
	for line := bytes.IndexByte(head, '\n') + 1; line < len(head); {
		next := line + bytes.IndexByte(head[line:], '\n') + 1
		if err := r.field(head[line : next-1]); err != nil {
			return r, false, err
		}
		line = next
	}
	if r.length > maxResponse-r.start {
		return r, false, errLong
	}
	return r, true, nil
}

// field reads one header field, if it is one that matters.
func (r *response) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch {
	case is(name, "content-length"):
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 {
			return errHead
		}
		r.length = n
	case is(name, "connection"):
		r.close = is(value, "close") || r.close && !is(value, "keep-alive")
	case is(name, "transfer-encoding"):
		return errChunked
	}
	return nil
}

// is compares without case; lower is in lower case. It allocates nothing.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
