package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

const (
	mostErrors = 32  // details of one problem
	mostShown  = 100 // bytes of a value that is not allowed
	mostSaid   = 400 // bytes of any other text

	retryDatabase = 5 // seconds
)

// problemOf returns the answer to an error: why a change or a question is not
// possible, or that something is wrong here, which the log has.
func problemOf(err error) error {
	var answer huma.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer):
		return err
	case errors.Is(err, ErrNoDatabase):
		return huma.Error409Conflict(ErrNoDatabase.Error())
	case errors.Is(err, ErrDatabaseAway):
		return later(ErrDatabaseAway.Error()+"; ask again", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return later("the request was given up before its end, since the client went away or the tracker is closing", err)
	}
	return &unexpected{err}
}

// later is 503 with Retry-After, because of err.
func later(detail string, err error) error {
	return &unavailable{newProblem(http.StatusServiceUnavailable, detail), err}
}

// unavailable is a problem that is over soon. The answer does not have its cause:
// that may name who asks the database, and where.
type unavailable struct {
	*huma.ErrorModel
	err error
}

// GetHeaders says when to ask again.
func (*unavailable) GetHeaders() http.Header {
	return http.Header{"Retry-After": {strconv.Itoa(retryDatabase)}}
}

// unexpected is an error that is not the caller's. It is logged where it is
// answered, and the answer does not say it: it may be about other callers' data.
type unexpected struct{ err error }

func (u *unexpected) Error() string { return u.err.Error() }
func (u *unexpected) Unwrap() error { return u.err }

// GetStatus makes it an answer.
func (u *unexpected) GetStatus() int { return http.StatusInternalServerError }

// ContentType makes the answer a problem.
func (u *unexpected) ContentType(string) string { return problemType }

const (
	problemType = "application/problem+json"
	inTheLog    = "something went wrong in the tracker; its log says what"
)

// finish is applied to every answer: it logs what is unexpected, and keeps
// problems small whatever was sent.
func (s *Server) finish(ctx huma.Context, _ string, answer any) (any, error) {
	switch a := answer.(type) {
	case *unexpected:
		s.failed(nameOf(ctx), actor(ctx.Context()), a.err)
		return newProblem(http.StatusInternalServerError, inTheLog), nil
	case *unavailable:
		s.putOff(nameOf(ctx), actor(ctx.Context()), a.err)
		return shorten(a.ErrorModel), nil
	case *huma.ErrorModel:
		if a.Status == http.StatusInternalServerError && a.Detail != inTheLog {
			for _, e := range a.Errors {
				a.Detail += ": " + e.Error()
			}
			s.failed(nameOf(ctx), actor(ctx.Context()), errors.New(a.Detail))
			return newProblem(http.StatusInternalServerError, inTheLog), nil
		}
		return shorten(a), nil
	}
	return answer, nil
}

// nameOf returns the route of a request. Its path may have a key in it.
func nameOf(ctx huma.Context) string { return ctx.Operation().Method + " " + ctx.Operation().Path }

func (s *Server) failed(request, by string, err error) {
	s.o.Log.Error("the management API could not answer", "request", request, "by", by, "error", err)
}

// putOff logs why a request is to be sent again: at most once a minute, because a
// database that is away is so for everybody. That a client is gone is no trouble.
func (s *Server) putOff(request, by string, err error) {
	const text = "the management API could not answer for now"
	if errors.Is(err, context.Canceled) {
		s.o.Log.Debug(text, "request", request, "by", by, "error", err)
		return
	}
	s.away.Do(func() { s.o.Log.Warn(text, "request", request, "by", by, "error", err) })
}

func newProblem(status int, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}
}

// shorten cuts what repeats the request: its value may be 16 MiB long, or wrong
// in 100,000 places.
func shorten(p *huma.ErrorModel) *huma.ErrorModel {
	p.Detail = cut(p.Detail, mostSaid)
	if more := len(p.Errors) - mostErrors; more > 0 {
		p.Errors = append(p.Errors[:mostErrors:mostErrors], &huma.ErrorDetail{Message: "and " + strconv.Itoa(more) + " more"})
	}
	for i, e := range p.Errors {
		if e == nil {
			p.Errors[i] = &huma.ErrorDetail{}
			continue
		}
		short := huma.ErrorDetail{Message: cut(inFull(e.Message), mostSaid), Location: cut(e.Location, mostSaid)}
		switch value := e.Value.(type) {
		case string:
			short.Value = cut(value, mostShown)
		case []any, map[string]any:
			// Its location says where it is.
		default:
			short.Value = value
		}
		p.Errors[i] = &short
	}
	return p
}

var limit = regexp.MustCompile(`^(expected number [<>]=? )(\d(?:\.\d+)?e\+\d+)$`)

// inFull writes the number of a message as people do: 3153600000, and not 3.1536e+09.
func inFull(message string) string {
	parts := limit.FindStringSubmatch(message)
	if parts == nil {
		return message
	}
	n, err := strconv.ParseFloat(parts[2], 64)
	if err != nil {
		return message
	}
	return parts[1] + strconv.FormatFloat(n, 'f', -1, 64)
}

// cut returns the first bytes of s, in whole characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// writeProblem answers what does not come through a route.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", problemType)
	w.Header().Del("Content-Length")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(newProblem(status, detail)) // fails where the client is gone
}
