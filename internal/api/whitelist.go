package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal"
)

func (s *Server) registerWhitelist(api huma.API) {
	const one = "/whitelist/{info_hash}"
	huma.Register(api, reading("/whitelist", "whitelist", "The torrents of the whitelist, in the order of their info hashes"), s.listAllowed)
	huma.Register(api, reading(one, "whitelist", "Whether a torrent is on the whitelist", http.StatusNotFound), s.getAllowed)
	huma.Register(api, changing(http.MethodPut, one, "whitelist", "Put a torrent on the whitelist"), s.allow)
	huma.Register(api, changing(http.MethodPost, one, "whitelist", "Put a torrent on the whitelist: the same as PUT"), s.allow)
	huma.Register(api, changing(http.MethodDelete, one, "whitelist", "Take a torrent off the whitelist"), s.deleteAllowed)
	huma.Register(api, bulk(taking(changing(http.MethodPost, "/whitelist/bulk", "whitelist", "Put up to 100,000 torrents on the whitelist, all of them or none"))), s.allowMany)
	huma.Register(api, changing(http.MethodGet, "/whitelist/reload", "whitelist", "Read keys, whitelist and deny list of the database again"), s.reloadLists)
	only(api, "/whitelist/bulk", http.MethodPost)
	only(api, "/whitelist/reload", http.MethodGet)
}

type hashPath struct {
	InfoHash string `path:"info_hash" pattern:"^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$" patternDescription:"an info hash: 40 hexadecimal digits, or the 64 of version 2" doc:"40 hexadecimal digits, or the 64 of version 2, which are cut to 40" example:"0123456789abcdef0123456789abcdef01234567"`
}

func (p *hashPath) hash() (shoal.InfoHash, error) { return hashAt("path.info_hash", p.InfoHash) }

type listHashesInput struct {
	After string `query:"after" pattern:"^(|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$" patternDescription:"an info hash: 40 hexadecimal digits, or the 64 of version 2" doc:"Where the page before ended: its next"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most"`
}

type allowedPage struct {
	Torrents []string `json:"torrents" nullable:"false" doc:"Info hashes: 40 hexadecimal digits"`
	Next     *string  `json:"next" doc:"What the next page is behind; null: this is the last one"`
}

func (s *Server) listAllowed(ctx context.Context, in *listHashesInput) (*reply[allowedPage], error) {
	after, err := hashOrNil("query.after", in.After)
	if err != nil {
		return nil, err
	}
	d, err := s.database()
	if err != nil {
		return nil, err
	}
	all, err := d.Allowed(ctx, after, in.Limit+1)
	if err != nil {
		return nil, unread(err)
	}
	all, next := pageOf(all, in.Limit, shoal.InfoHash.String)
	page := allowedPage{make([]string, len(all)), next}
	for i := range all {
		page.Torrents[i] = all[i].String()
	}
	return replied(page), nil
}

type allowedTorrent struct {
	InfoHash string `json:"info_hash"`
}

func (s *Server) getAllowed(ctx context.Context, in *hashPath) (*reply[allowedTorrent], error) {
	hash, err := in.hash()
	if err != nil {
		return nil, err
	}
	d, err := s.database()
	if err != nil {
		return nil, err
	}
	found, err := d.Allowed(ctx, before(hash), 1)
	if err != nil {
		return nil, unread(err)
	}
	if len(found) == 0 || found[0] != hash {
		return nil, huma.Error404NotFound("this torrent is not on the whitelist of the database")
	}
	return replied(allowedTorrent{hash.String()}), nil
}

func (s *Server) allow(ctx context.Context, in *hashPath) (*reply[done], error) {
	hash, err := in.hash()
	if err != nil {
		return nil, err
	}
	return changed(s.o.Changes.AddAllowed(ctx, actor(ctx), []shoal.InfoHash{hash}))
}

func (s *Server) deleteAllowed(ctx context.Context, in *hashPath) (*reply[removal], error) {
	hash, err := in.hash()
	if err != nil {
		return nil, err
	}
	return removed(s.o.Changes.RemoveAllowed(ctx, actor(ctx), []shoal.InfoHash{hash}))
}

type manyAllowedInput struct {
	Body struct {
		InfoHashes []string `json:"info_hashes" nullable:"false" minItems:"1" maxItems:"100000" pattern:"^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$" patternDescription:"an info hash: 40 hexadecimal digits, or the 64 of version 2" doc:"40 hexadecimal digits each, or the 64 of version 2"`
	} `nameHint:"AddAllowed"`
}

func (s *Server) allowMany(ctx context.Context, in *manyAllowedInput) (*reply[done], error) {
	hashes := make([]shoal.InfoHash, len(in.Body.InfoHashes))
	for i, text := range in.Body.InfoHashes {
		hash, err := hashAt(fmt.Sprintf("body.info_hashes[%d]", i), text)
		if err != nil {
			return nil, err
		}
		hashes[i] = hash
	}
	return changed(s.o.Changes.AddAllowed(ctx, actor(ctx), hashes))
}
