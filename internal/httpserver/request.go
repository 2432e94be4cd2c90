package httpserver

import (
	"bytes"
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// Bounds of a request, which has no body.
const (
	MaxHead    = 8 << 10 // bytes, the empty line at the end included
	maxHeaders = 64
)

type method uint8

const (
	methodUnknown method = iota
	get
	head
)

type route uint8

const (
	routeUnknown route = iota
	announce
	scrape
	challenge
)

// request is one request as far as a tracker cares.
type request struct {
	method    method
	route     route
	key       []byte // of a private tracker, as the path has it; nil: it has none
	query     []byte // without its '?', any bytes, in the memory of the head
	target    []byte // path and query
	authority []byte // host and port of a target that has them; nil: it has none
	fields    []byte // the header lines and the empty one, each ended by LF
	old       bool   // HTTP/1.0, where connections close unless told otherwise
	keepAlive bool   // the client wants the connection kept, and it can be
	body      bool   // something follows that is not a request
	upgrade   bool   // the client wants to speak WebSocket from here on
	upgraded  bool   // and does

	client    netip.Addr    // whose it is
	fromProxy bool          // client is the proxy's address, because it names nobody
	nameless  shoal.Failure // why nobody can say whose it is

	kind    kind
	refused bool
}

// emptyLine returns the length of the empty line that in begins with. Some
// clients send one after a request, and RFC 9112 wants them passed over.
func emptyLine(in []byte) int {
	switch {
	case in[0] == '\n':
		return 1
	case len(in) > 1 && in[0] == '\r' && in[1] == '\n':
		return 2
	}
	return 0
}

// mayBegin reports whether a request may begin with b, so that a TLS handshake
// on this port is told at once and not when its time is up.
func mayBegin(b byte) bool { return inToken[b] || b == '\r' }

// headEnd returns the length of the head in begins with, its empty line
// included, or 0 if it is not complete. The first searched bytes are known not
// to hold the beginning of that end: a head that arrives by the byte would
// otherwise cost its square.
func headEnd(in []byte, searched int) int {
	for at := searched; ; {
		n := bytes.IndexByte(in[at:], '\n')
		if n < 0 {
			return 0
		}
		at += n + 1
		if n := at; n < len(in) {
			if n += emptyLine(in[n:]); n > at {
				return n
			}
		}
	}
}

// read reads a whole head. What it says is kept even if it is refused, for the
// response to fit.
func (r *request) read(head []byte) shoal.Failure {
	line, rest := cutLine(head)
	r.fields = rest
	target, ok := r.readLine(line)
	if !ok {
		return shoal.RequestInvalid
	}
	if failure := r.readHeaders(rest); failure != shoal.OK {
		r.keepAlive = false
		return failure
	}
	if r.body {
		r.keepAlive = false
	}
	if r.method == methodUnknown {
		return shoal.MethodUnknown
	}
	if r.body {
		return shoal.RequestBody
	}
	if !r.readTarget(target) {
		r.keepAlive = false
		return shoal.RequestInvalid
	}
	return shoal.OK
}

// cutLine cuts off the first line. A bare LF ends one as CRLF does (RFC 9112).
func cutLine(in []byte) (line, rest []byte) {
	n := bytes.IndexByte(in, '\n')
	line, rest = in[:n], in[n+1:]
	if n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, rest
}

// readLine reads the request line. The target is all between the first space
// and the version, because some clients put the bytes of an info hash there as
// they are.
func (r *request) readLine(line []byte) (target []byte, ok bool) {
	const version = " HTTP/1.1"
	n := bytes.IndexByte(line, ' ')
	if n <= 0 || !isToken(line[:n]) {
		return nil, false
	}
	end := len(line) - len(version)
	if end <= n+1 || string(line[end:len(line)-1]) != version[:len(version)-1] {
		return nil, false
	}
	minor := line[len(line)-1]
	if minor < '0' || minor > '9' {
		return nil, false
	}
	switch string(line[:n]) {
	case "GET":
		r.method = get
	case "HEAD":
		r.method = head
	}
	r.old = minor == '0'
	return line[n+1 : end], true
}

// readTarget finds the route and the query of a target in origin-form or, as
// proxies send it, absolute-form.
func (r *request) readTarget(target []byte) bool {
	if target[0] != '/' {
		n := bytes.Index(target, []byte("://"))
		if n < 0 {
			return false
		}
		if scheme := target[:n]; !is(scheme, "http") && !is(scheme, "https") {
			return false
		}
		target = target[n+len("://"):]
		if n = bytes.IndexAny(target, "/?"); n < 0 {
			n = len(target)
		}
		r.authority, target = target[:n], target[n:]
	}
	r.target = target
	path := target
	if n := bytes.IndexByte(target, '?'); n >= 0 {
		path, r.query = target[:n], target[n+1:]
	}
	if bytes.HasPrefix(path, []byte(challengePath)) {
		r.route = challenge
	} else {
		r.route, r.key = readPath(path)
	}
	return true
}

// readPath finds what a path asks for, and the key in it: /announce, /announce/KEY,
// /KEY/announce and the same with scrape, each with a slash at the end or without.
// Any segment is taken for a key, so that one that is not is told what a key is.
func readPath(path []byte) (r route, key []byte) {
	if len(path) == 0 {
		return routeUnknown, nil
	}
	first, last, two := bytes.Cut(bytes.TrimSuffix(path[1:], []byte("/")), []byte("/"))
	if !two {
		return routeOf(first), nil
	}
	if len(first) == 0 || len(last) == 0 || bytes.IndexByte(last, '/') >= 0 {
		return routeUnknown, nil
	}
	switch behind, before := routeOf(first), routeOf(last); {
	case behind != routeUnknown && before == routeUnknown:
		return behind, last
	case before != routeUnknown && behind == routeUnknown:
		return before, first
	}
	return routeUnknown, nil // no word, or two and no key
}

func routeOf(word []byte) route {
	switch string(word) {
	case "announce":
		return announce
	case "scrape":
		return scrape
	}
	return routeUnknown
}

// authKey returns the key of a request whose query has the key given: that of the
// path goes before it, unless only that of the query can be one.
func (r *request) authKey(ofQuery shoal.AuthKey) shoal.AuthKey {
	ofPath := shoal.ParseAuthKey(r.key)
	if ofPath.None() || ofPath.Invalid() && !ofQuery.None() {
		return ofQuery
	}
	return ofPath
}

// readHeaders reads the header lines, up to the empty one, for what decides
// where this request ends and the next begins. It is strict about names: were
// "Content-Length :" passed over, a proxy that reads it otherwise could be
// made to send one client's request as the body of another's.
func (r *request) readHeaders(in []byte) shoal.Failure {
	var closes, keeps, upgrades, webSocket bool
	for count := 0; ; count++ {
		line, rest := cutLine(in)
		if len(line) == 0 {
			r.keepAlive = !closes && (keeps || !r.old)
			// HTTP/1.0 knows nothing of it: a proxy may have passed it on (RFC 9110).
			r.upgrade = upgrades && webSocket && r.method == get && !r.old
			return shoal.OK
		}
		if count == maxHeaders {
			return shoal.RequestTooLarge
		}
		n := bytes.IndexByte(line, ':')
		if n <= 0 || !isToken(line[:n]) {
			return shoal.RequestInvalid
		}
		name, value := line[:n], line[n+1:]
		switch {
		case is(name, "connection"):
			closes = closes || hasElement(value, "close")
			keeps = keeps || hasElement(value, "keep-alive")
			upgrades = upgrades || hasElement(value, "upgrade")
		case is(name, "upgrade"):
			webSocket = webSocket || hasElement(value, "websocket")
		case is(name, "content-length"):
			value = trim(value)
			digits := 0
			for _, b := range value {
				if b < '0' || b > '9' {
					return shoal.RequestInvalid
				}
				digits++
				r.body = r.body || b != '0'
			}
			if digits == 0 {
				return shoal.RequestInvalid
			}
		case is(name, "transfer-encoding"):
			r.body = true
		}
		in = rest
	}
}

// hasElement reports whether a comma-separated list has the element want.
func hasElement(list []byte, want string) bool {
	for len(list) > 0 {
		element := list
		if n := bytes.IndexByte(list, ','); n >= 0 {
			element, list = list[:n], list[n+1:]
		} else {
			list = nil
		}
		if is(trim(element), want) {
			return true
		}
	}
	return false
}

// is compares without regard to the case of ASCII letters. want is lower-case.
func is(b []byte, want string) bool {
	if len(b) != len(want) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

func isToken(b []byte) bool {
	for _, c := range b {
		if !inToken[c] {
			return false
		}
	}
	return true
}

// inToken holds the characters of methods and header names (RFC 9110).
var inToken = func() (set [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789" +
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		set[c] = true
	}
	return set
}()
