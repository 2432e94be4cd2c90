package httpserver

import (
	"slices"
	"strconv"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
)

const (
	statusOK       = "HTTP/1.1 200 OK\r\n"
	fieldType      = "Content-Type: text/plain"
	fieldLength    = "\r\nContent-Length: "
	fieldClose     = "\r\nConnection: close"
	fieldKeepAlive = "\r\nConnection: keep-alive"
	headClose      = "\r\n\r\n"

	// headroom is how many bytes the head of a response has at most: the
	// longest status below, the fields and a length.
	headroom = 256
)

// statuses are the status lines of refusals, and the fields that go with them.
// What a BitTorrent client may do wrong is not here, malformed as it may be:
// clients show the text of a failure only if the status is 200.
var statuses = map[shoal.Failure]string{
	shoal.RequestTooLarge: "HTTP/1.1 431 Request Header Fields Too Large\r\n",
	shoal.PathUnknown:     "HTTP/1.1 404 Not Found\r\n",
	shoal.MethodUnknown:   "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n",
	shoal.TLSRequired:     "HTTP/1.1 403 Use HTTPS\r\n", // clients show this line, where they show no body
}

// unread reports whether bytes that are no request may follow one that was
// refused for f.
func (r *request) unread(f shoal.Failure) bool {
	return r.body || f == shoal.RequestInvalid || f == shoal.RequestTooLarge
}

// refuse appends the response to a request that is refused.
func (r *request) refuse(out []byte, f shoal.Failure) []byte {
	status, ok := statuses[f]
	if !ok {
		status = statusOK
	}
	start := len(out) + headroom
	buf := slices.Grow(out, headroom)
	buf = httptracker.AppendFailure(buf[:start], f)
	return r.finish(buf, len(out), start, status)
}

// finish puts the head in front of the body, which is buf[start:] and has at
// least headroom before it, behind the replies in buf[:base]. If there are
// none the response stays where it is.
func (r *request) finish(buf []byte, base, start int, status string) []byte {
	var room [headroom]byte
	h := append(room[:0], status...)
	h = append(h, fieldType+fieldLength...)
	h = r.endHead(strconv.AppendUint(h, uint64(len(buf)-start), 10))
	if r.method == head {
		buf = buf[:start]
	}
	start -= len(h)
	copy(buf[start:], h)
	if base == 0 {
		return buf[start:]
	}
	return buf[:base+copy(buf[base:], buf[start:])]
}

// endHead appends what becomes of the connection and the empty line.
func (r *request) endHead(h []byte) []byte {
	switch {
	case !r.keepAlive:
		h = append(h, fieldClose...)
	case r.old:
		h = append(h, fieldKeepAlive...)
	}
	return append(h, headClose...)
}

// headOfAnnounce appends the answer to HEAD for an announce. HEAD is a safe
// method, which checks and link previews send: an announce made for it would
// store a peer that does not exist, or remove one that does. Every announce
// has this head, served or refused; its length only an announce could tell.
func (r *request) headOfAnnounce(out []byte) []byte {
	return r.endHead(append(out, statusOK+fieldType...))
}
