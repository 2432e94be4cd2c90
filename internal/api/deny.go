package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/database"
)

func (s *Server) registerDeny(api huma.API) {
	const one = "/deny/{info_hash}"
	huma.Register(api, reading("/deny", "deny", "The torrents that are refused, in the order of their info hashes"), s.listDenied)
	huma.Register(api, reading(one, "deny", "Why a torrent is refused, and how long", http.StatusNotFound), s.getDenied)
	huma.Register(api, taking(changing(http.MethodPut, one, "deny", "Refuse a torrent, or give another reason and expiry")), s.deny)
	huma.Register(api, changing(http.MethodDelete, one, "deny", "Refuse a torrent no longer"), s.deleteDenied)
	huma.Register(api, bulk(taking(changing(http.MethodPost, "/deny/bulk", "deny", "Refuse up to 100,000 torrents, all of them or none"))), s.denyMany)
	only(api, "/deny/bulk", http.MethodPost)
}

type deniedTorrent struct {
	InfoHash   string  `json:"info_hash"`
	Reason     string  `json:"reason" doc:"For operators; clients are not told"`
	Created    int64   `json:"created" doc:"Unix seconds"`
	ValidUntil *int64  `json:"valid_until" doc:"Unix seconds; null: for ever"`
	ExpiryTime *string `json:"expiry_time" doc:"The same, for people"`
}

func deniedOf(t *database.Denied) deniedTorrent {
	return deniedTorrent{t.Hash.String(), t.Reason, t.Created.Unix(), unixOf(t.Until), textOf(t.Until)}
}

type deniedPage struct {
	Torrents []deniedTorrent `json:"torrents" nullable:"false"`
	Next     *string         `json:"next" doc:"What the next page is behind; null: this is the last one"`
}

func (s *Server) listDenied(ctx context.Context, in *listHashesInput) (*reply[deniedPage], error) {
	after, err := hashOrNil("query.after", in.After)
	if err != nil {
		return nil, err
	}
	d, err := s.database()
	if err != nil {
		return nil, err
	}
	all, err := d.Denied(ctx, after, in.Limit+1)
	if err != nil {
		return nil, unread(err)
	}
	all, next := pageOf(all, in.Limit, func(t database.Denied) string { return t.Hash.String() })
	page := deniedPage{make([]deniedTorrent, len(all)), next}
	for i := range all {
		page.Torrents[i] = deniedOf(&all[i])
	}
	return replied(page), nil
}

func (s *Server) getDenied(ctx context.Context, in *hashPath) (*reply[deniedTorrent], error) {
	hash, err := in.hash()
	if err != nil {
		return nil, err
	}
	d, err := s.database()
	if err != nil {
		return nil, err
	}
	found, err := d.Denied(ctx, before(hash), 1)
	if err != nil {
		return nil, unread(err)
	}
	if len(found) == 0 || found[0].Hash != hash {
		return nil, huma.Error404NotFound("this torrent is not on the deny list of the database")
	}
	return replied(deniedOf(&found[0])), nil
}

type denyInput struct {
	InfoHash string `path:"info_hash" pattern:"^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$" patternDescription:"an info hash: 40 hexadecimal digits, or the 64 of version 2" doc:"40 hexadecimal digits, or the 64 of version 2, which are cut to 40" example:"0123456789abcdef0123456789abcdef01234567"`
	Body     *struct {
		Reason       string `json:"reason,omitempty" nullable:"true" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$" patternDescription:"text without control characters, those for the direction of text included" doc:"Kept for operators: 200 bytes of UTF-8 without control characters"`
		SecondsValid *int64 `json:"seconds_valid,omitempty" nullable:"true" minimum:"1" maximum:"3153600000" doc:"How long from now; null: for ever"`
	} `nameHint:"PutDenied"`
}

func (s *Server) deny(ctx context.Context, in *denyInput) (*reply[done], error) {
	hash, err := hashAt("path.info_hash", in.InfoHash)
	if err != nil {
		return nil, err
	}
	t := database.Denied{Hash: hash}
	if in.Body != nil {
		t.Reason = in.Body.Reason
		if t.Until, err = untilOf("body.seconds_valid", in.Body.SecondsValid, time.Now()); err != nil {
			return nil, err
		}
	}
	if err := checkText("body.reason", t.Reason); err != nil {
		return nil, err
	}
	return changed(s.o.Changes.AddDenied(ctx, actor(ctx), []database.Denied{t}))
}

func (s *Server) deleteDenied(ctx context.Context, in *hashPath) (*reply[removal], error) {
	hash, err := in.hash()
	if err != nil {
		return nil, err
	}
	return removed(s.o.Changes.RemoveDenied(ctx, actor(ctx), []shoal.InfoHash{hash}))
}

type newDenied struct {
	InfoHash     string `json:"info_hash" pattern:"^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$" patternDescription:"an info hash: 40 hexadecimal digits, or the 64 of version 2"`
	Reason       string `json:"reason,omitempty" nullable:"true" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$" patternDescription:"text without control characters, those for the direction of text included" doc:"Kept for operators: 200 bytes of UTF-8 without control characters"`
	SecondsValid *int64 `json:"seconds_valid,omitempty" nullable:"true" minimum:"1" maximum:"3153600000" doc:"How long from now; null: for ever"`
}

type manyDeniedInput struct {
	Body struct {
		Torrents []newDenied `json:"torrents" nullable:"false" minItems:"1" maxItems:"100000" doc:"Of two that are the same the later one counts"`
	} `nameHint:"AddDenied"`
}

func (s *Server) denyMany(ctx context.Context, in *manyDeniedInput) (*reply[done], error) {
	now := time.Now()
	torrents := make([]database.Denied, len(in.Body.Torrents))
	for i := range in.Body.Torrents {
		n, location := &in.Body.Torrents[i], fmt.Sprintf("body.torrents[%d]", i)
		hash, err := hashAt(location+".info_hash", n.InfoHash)
		if err != nil {
			return nil, err
		}
		if err := checkText(location+".reason", n.Reason); err != nil {
			return nil, err
		}
		until, err := untilOf(location+".seconds_valid", n.SecondsValid, now)
		if err != nil {
			return nil, err
		}
		torrents[i] = database.Denied{Hash: hash, Reason: n.Reason, Until: until}
	}
	return changed(s.o.Changes.AddDenied(ctx, actor(ctx), torrents))
}
