package api

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal/internal/database"
)

// route describes an operation of a noun. errors are the statuses that it may
// answer with, beside those that all have.
func route(method, path, noun, summary string, errors ...int) huma.Operation {
	return huma.Operation{Method: method, Path: path, Tags: []string{noun}, Summary: summary, Errors: errors}
}

// reading is a route that reads the database.
func reading(path, noun, summary string, errors ...int) huma.Operation {
	errors = append(errors, http.StatusConflict, http.StatusServiceUnavailable)
	return read(route(http.MethodGet, path, noun, summary, errors...))
}

// changing is a route that changes what is let in.
func changing(method, path, noun, summary string, errors ...int) huma.Operation {
	errors = append(errors, http.StatusConflict, http.StatusServiceUnavailable)
	return admin(route(method, path, noun, summary, errors...))
}

// taking is op with a body, which may be no JSON at all.
func taking(op huma.Operation) huma.Operation {
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	return op
}

// reply is an answer with a body and nothing else.
type reply[T any] struct{ Body T }

func replied[T any](body T) *reply[T] { return &reply[T]{body} }

// done is what a change is answered with.
type done struct {
	Status string `json:"status" enum:"ok" doc:"Always ok: what failed is answered with a problem"`
}

// removal is what a removal is answered with. One that was not there is removed as
// well: it can be asked for again.
type removal struct {
	Status  string `json:"status" enum:"ok" doc:"Always ok, whether it was there or not"`
	Removed int    `json:"removed" minimum:"0" doc:"How many were there"`
}

const statusOK = "ok"

func changed(err error) (*reply[done], error) {
	if err != nil {
		return nil, problemOf(err)
	}
	return replied(done{statusOK}), nil
}

func removed(found int, err error) (*reply[removal], error) {
	if err != nil {
		return nil, problemOf(err)
	}
	return replied(removal{statusOK, found}), nil
}

// database returns the open database, or the answer to those who need it.
func (s *Server) database() (*database.Database, error) {
	d, err := s.o.Database()
	if err != nil {
		return nil, problemOf(err)
	}
	return d, nil
}

// unread is the answer where the database was open and could not be read: it went
// away.
func unread(err error) error {
	return problemOf(fmt.Errorf("%w: %w", ErrDatabaseAway, err))
}

// only makes all other methods of a path an error. Without it a path such as
// /whitelist/bulk is also one of /whitelist/{info_hash}, for the methods it lacks.
func only(api huma.API, path, method string) {
	for _, other := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodTrace} {
		if other == method {
			continue
		}
		op := read(route(other, path, "", ""))
		op.Hidden = true
		api.Adapter().Handle(&op, func(ctx huma.Context) {
			ctx.SetHeader("Allow", method)
			_ = huma.WriteErr(api, ctx, http.StatusMethodNotAllowed, "this path takes "+method+" alone")
		})
	}
}
