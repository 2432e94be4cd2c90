package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
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
		return later(ErrDatabaseAway.Error() + "; ask again")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return later("the request was given up before its end, since the client went away or the tracker is closing")
	}
	return &unexpected{err}
}

// later is 503 with Retry-After.
func later(detail string) error {
	return &unavailable{newProblem(http.StatusServiceUnavailable, detail)}
}

// unavailable is a problem that is over soon.
type unavailable struct{ *huma.ErrorModel }

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
		s.failed(ctx, a.err.Error())
		return newProblem(http.StatusInternalServerError, inTheLog), nil
	case *unavailable:
		return shorten(a.ErrorModel), nil
	case *huma.ErrorModel:
		if a.Status == http.StatusInternalServerError && a.Detail != inTheLog {
			for _, e := range a.Errors {
				a.Detail += ": " + e.Error()
			}
			s.failed(ctx, a.Detail)
			return newProblem(http.StatusInternalServerError, inTheLog), nil
		}
		return shorten(a), nil
	}
	return answer, nil
}

func (s *Server) failed(ctx huma.Context, why string) {
	s.o.Log.Error("the management API could not answer", "request", ctx.Operation().Method+" "+ctx.Operation().Path,
		"by", actor(ctx.Context()), "error", why)
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
		short := huma.ErrorDetail{Message: cut(e.Message, mostSaid), Location: cut(e.Location, mostSaid)}
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
