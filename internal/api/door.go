package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
)

// mostRequestID bounds what is sent back of X-Request-Id.
const mostRequestID = 128

// ServeHTTP is the door: every request comes through here, and loses its
// credentials before anything else sees it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.working.RLock()
	defer s.working.RUnlock()
	settings := s.settings.Load()
	c := &caller{credentials: takeCredentials(r), source: sourceOf(r, settings.proxies), otherSite: fromAnotherSite(r)}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
	a := &outgoing{ResponseWriter: w}
	c.answer = a
	h := w.Header()
	h.Set("X-Request-Id", requestID(r.Header.Get("X-Request-Id")))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // the address of a page may have a token in it
	h.Set("Cache-Control", "no-store")
	body := &stayingOpen{ReadCloser: http.MaxBytesReader(w, r.Body, 2*mostBulk)}
	r.Body = body
	defer s.recover(a, r)
	s.prepare()
	if !isClean(r.URL.EscapedPath()) {
		writeProblem(a, http.StatusNotFound, nothingHere)
		return
	}
	if settings.compatible {
		s.compatible.ServeHTTP(a, r)
	} else {
		s.route(a, r)
	}
	s.logChange(a, r, c.who)
	if body.begun && c.who != nil && c.who.verdict == knownToken {
		// A client that is answered while it still sends, because its body is too
		// long, may find its connection broken and the answer gone.
		_, _ = io.Copy(io.Discard, body)
	}
}

// stayingOpen is a body that can be read after a handler closed it. The server
// closes it in the end.
type stayingOpen struct {
	io.ReadCloser
	begun bool // the client was told to go on, if it asked
}

// Read reads on.
func (s *stayingOpen) Read(b []byte) (int, error) {
	s.begun = true
	return s.ReadCloser.Read(b)
}

// Close does nothing.
func (*stayingOpen) Close() error { return nil }

// logChange is the one line that a change leaves in the log. It has the route
// and not the path: that may have a key in it.
func (s *Server) logChange(a *outgoing, r *http.Request, who *identity) {
	reads := (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasSuffix(r.Pattern, "/reload")
	if reads || who == nil || who.verdict != knownToken || a.status/100 != 2 {
		return
	}
	attributes := []any{"by", who.label, "request", r.Pattern}
	if hash := r.PathValue("info_hash"); hash != "" {
		attributes = append(attributes, "info_hash", cut(hash, mostShown))
	}
	s.o.Log.Info("changed by the management API", attributes...)
}

// route is where a request goes that nobody answered before: to the routes of
// the API, or to 404 or 405.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	probe := &probe{header: http.Header{}}
	s.mux.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		allow := s.methods[r.URL.Path]
		if allow == "" {
			allow = probe.header.Get("Allow")
		}
		w.Header().Set("Allow", allow)
		writeProblem(w, http.StatusMethodNotAllowed, "this path is not for "+cut(r.Method, mostShown)+"; it is for "+allow)
		return
	}
	writeProblem(w, http.StatusNotFound, nothingHere)
}

const nothingHere = "there is nothing at this path; " + base + "/docs shows what there is"

// isClean reports whether the mux has an answer to a path, other than a page that
// leads to another one. Clients that follow it would send their token again.
func isClean(p string) bool {
	clean := path.Clean(p)
	return p == clean || clean != "/" && p == clean+"/"
}

// probe takes an answer for its status and header.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// recover answers for a handler that panicked. It is logged once, without the
// path: that may have a key in it.
func (s *Server) recover(a *outgoing, r *http.Request) {
	why := recover()
	if why == nil {
		return
	}
	err, _ := why.(error)
	if a.broken || errors.Is(err, http.ErrAbortHandler) { // the former only says that the client is gone
		panic(http.ErrAbortHandler)
	}
	s.o.Log.Error("the management API panicked", "request", r.Method+" "+r.Pattern, "panic", cut(fmt.Sprint(why), mostSaid), "stack", string(debug.Stack()))
	if a.status != 0 {
		panic(http.ErrAbortHandler) // so that nobody takes half an answer for a whole one
	}
	writeProblem(a, http.StatusInternalServerError, inTheLog)
}

// outgoing is a ResponseWriter that knows how far it came.
type outgoing struct {
	http.ResponseWriter
	status int // 0: nothing was sent
	broken bool
	begins func() // called when the head is sent; nil: nothing is
}

// Unwrap is for http.ResponseController.
func (a *outgoing) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader sends the head.
func (a *outgoing) WriteHeader(status int) {
	a.begin()
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (a *outgoing) Write(b []byte) (int, error) {
	a.begin()
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(b)
	a.broken = a.broken || err != nil
	return n, err
}

func (a *outgoing) begin() {
	if a.begins != nil {
		a.begins()
	}
}

// requestID returns the caller's own name of the request, if it is one, or a
// random one: what two logs are held side by side with.
func requestID(sent string) string {
	if sent != "" && len(sent) <= mostRequestID && isVisible(sent) {
		return sent
	}
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // a UUID of version 4
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
