package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal/internal/database"
)

// alive is the answer to whether the API answers.
type alive struct {
	Status string `json:"status" enum:"Ok"`
}

type aliveAnswer struct{ Body alive }

// registerAlive is a route without a token, in Torrust's shape. It says nothing
// about the tracker: that is what the health check is for.
func (s *Server) registerAlive(api huma.API) {
	huma.Register(api, open(huma.Operation{
		Method: http.MethodGet, Path: "/api/health_check", Tags: []string{"system"}, OperationID: "health-check",
		Summary:     "Whether the API answers",
		Description: "It does not look at the trackers and the database; the health check on its own listener does.",
	}), func(context.Context, *struct{}) (*aliveAnswer, error) {
		return &aliveAnswer{alive{"Ok"}}, nil
	})
}

type (
	buildAnswer    struct{ Body Build }
	settingsAnswer struct{ Body map[string]any }
	reloadAnswer   struct{ Body Reloaded }
)

func (s *Server) registerSystem(api huma.API) {
	huma.Register(api, read(huma.Operation{
		Method: http.MethodGet, Path: "/build", Tags: []string{"system"},
		Summary: "Which program this is, and since when it runs",
	}), func(context.Context, *struct{}) (*buildAnswer, error) {
		return &buildAnswer{s.o.Build}, nil
	})
	huma.Register(api, read(huma.Operation{
		Method: http.MethodGet, Path: "/settings", Tags: []string{"system"},
		Summary:     "The configuration in force, by full key",
		Description: "Values that are secret are left out.",
	}), func(context.Context, *struct{}) (*settingsAnswer, error) {
		return &settingsAnswer{s.o.Settings()}, nil
	})
	huma.Register(api, admin(huma.Operation{
		Method: http.MethodPost, Path: "/reload", Tags: []string{"system"}, Errors: []int{http.StatusUnprocessableEntity},
		Summary:     "Read the configuration, and all it names, again",
		Description: "As SIGHUP does: keys, lists, certificates and tokens too. A configuration with a mistake changes nothing; the answer says what is wrong.",
	}), s.reload)
}

func (s *Server) reload(ctx context.Context, _ *struct{}) (*reloadAnswer, error) {
	reloaded, err := s.o.Reload(ctx)
	if err != nil {
		s.o.Log.Warn("a reload by the management API changed nothing", "by", actor(ctx), "error", err.Error())
		return nil, huma.Error422UnprocessableEntity("nothing was changed: " + err.Error())
	}
	s.noteReload(ctx)
	return &reloadAnswer{Reloaded{notNull(reloaded.Applied), notNull(reloaded.Restart)}}, nil
}

// noteReload writes the reload into the log of changes, if there is one: it is
// done, and without a database it is done as well.
func (s *Server) noteReload(ctx context.Context) {
	db, err := s.o.Database()
	if err == nil {
		err = db.Note(ctx, actor(ctx), database.ActionReload, "configuration", 1)
	}
	if err != nil && !errors.Is(err, ErrNoDatabase) {
		s.o.Log.Warn("a reload is missing in the log of changes", "by", actor(ctx), "error", err.Error())
	}
}

// notNull is all, as JSON has an empty list.
func notNull[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
