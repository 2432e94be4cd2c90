package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal/internal/database"
)

// change is one line of the log of changes.
type change struct {
	ID      int64  `json:"id" doc:"Greater than those of earlier changes"`
	At      int64  `json:"at" doc:"When, in seconds since 1970"`
	Time    string `json:"time" doc:"The same, as text" format:"date-time"`
	Who     string `json:"who" doc:"The name of the token; offline is a command beside the tracker"`
	Action  string `json:"action" example:"key.add"`
	Subject string `json:"subject" doc:"What was changed: an info hash, the beginning of a key, or how many"`
	Count   int    `json:"count" doc:"How many entries were changed"`
}

type auditQuery struct {
	Before int64 `query:"before" minimum:"1" required:"false" doc:"Only changes before the one with this id"`
	Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Changes of one page"`
}

type auditPage struct {
	Changes []change `json:"changes" nullable:"false" doc:"The latest comes first"`
	Next    *int64   `json:"next" doc:"The before of the next page; null at the end"`
}

type auditAnswer struct{ Body auditPage }

func (s *Server) registerAudit(api huma.API) {
	huma.Register(api, read(huma.Operation{
		Method: http.MethodGet, Path: "/audit", Tags: []string{"system"}, Errors: []int{http.StatusConflict, http.StatusServiceUnavailable},
		Summary:     "Who changed what, and when",
		Description: "The log is kept in the database, the last 100,000 changes of it.",
	}), s.audit)
}

func (s *Server) audit(ctx context.Context, q *auditQuery) (*auditAnswer, error) {
	db, err := s.database()
	if err != nil {
		return nil, err
	}
	found, err := db.Changes(ctx, q.Before, q.Limit+1) // one more says whether there is a next page
	if err != nil {
		return nil, unread(err)
	}
	page := auditPage{Changes: make([]change, 0, len(found))}
	for _, c := range found[:min(len(found), q.Limit)] {
		page.Changes = append(page.Changes, changeOf(c))
	}
	if len(found) > q.Limit {
		page.Next = &page.Changes[q.Limit-1].ID
	}
	return &auditAnswer{page}, nil
}

func changeOf(c database.Change) change {
	return change{c.ID, c.At.Unix(), c.At.UTC().Format(time.RFC3339), c.Who, c.Action, c.Subject, c.Count}
}
