package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal/internal/database"
)

func (s *Server) registerKeys(api huma.API) {
	s.registerKey(api)
	huma.Register(api, reading("/keys", "keys", "Keys in the order of their bytes, with what was counted for them"), s.listKeys)
	huma.Register(api, taking(changing(http.MethodPost, "/keys", "keys", "Grant a key: one of your own, or one that is drawn")), s.postKeys)
	huma.Register(api, bulk(taking(changing(http.MethodPost, "/keys/bulk", "keys", "Grant up to 100,000 keys, all of them or none"))), s.postManyKeys)
	huma.Register(api, changing(http.MethodGet, "/keys/reload", "keys", "Read keys, whitelist and deny list of the database again"), s.reloadLists)
}

type listKeysInput struct {
	After string `query:"after" pattern:"^[A-Za-z0-9._~-]{0,64}$" patternDescription:"a key, or next of the page before" doc:"Where the page before ended: its next"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most"`
}

type keyPage struct {
	Keys []heldKey `json:"keys" nullable:"false"`
	Next *string   `json:"next" doc:"What the next page is behind; null: this is the last one"`
}

func (s *Server) listKeys(ctx context.Context, in *listKeysInput) (*reply[keyPage], error) {
	d, err := s.database()
	if err != nil {
		return nil, err
	}
	all, err := d.KeysWithAccounts(ctx, in.After, in.Limit+1)
	if err != nil {
		return nil, unread(err)
	}
	all, next := pageOf(all, in.Limit, func(k database.KeyAccount) string { return k.Key.Key })
	page := keyPage{make([]heldKey, len(all)), next}
	for i := range all {
		page.Keys[i] = heldKeyOf(&all[i])
	}
	return replied(page), nil
}

type newKey struct {
	Key          *string `json:"key,omitempty" nullable:"true" pattern:"^[A-Za-z0-9._~-]{16,64}$" patternDescription:"16 to 64 letters, digits and - . _ ~" doc:"One of your own; null: one of 32 letters and digits is drawn"`
	SecondsValid *int64  `json:"seconds_valid,omitempty" nullable:"true" minimum:"1" maximum:"3153600000" doc:"How long it lasts from now; null: for ever"`
	Label        string  `json:"label,omitempty" nullable:"true" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$" patternDescription:"text without control characters, those for the direction of text included" doc:"Whose it is: 200 bytes of UTF-8 without control characters"`
}

func (n *newKey) key(location string, now time.Time) (database.Key, error) {
	k := database.Key{Label: n.Label}
	var err error
	if k.Until, err = untilOf(location+".seconds_valid", n.SecondsValid, now); err != nil {
		return k, err
	}
	if err := checkText(location+".label", n.Label); err != nil {
		return k, err
	}
	if n.Key == nil {
		k.Key = database.NewKey()
		return k, nil
	}
	k.Key = *n.Key
	return k, checkKey(location+".key", k.Key)
}

func (s *Server) postKeys(ctx context.Context, in *struct{ Body newKey }) (*reply[grantedKey], error) {
	k, err := in.Body.key("body", time.Now())
	if err != nil {
		return nil, err
	}
	return s.grant(ctx, k)
}

type manyKeysInput struct {
	Body struct {
		Keys []newKey `json:"keys" nullable:"false" minItems:"1" maxItems:"100000" doc:"Of two that are the same the later one counts"`
	} `nameHint:"AddKeys"`
}

type manyKeys struct {
	Status string       `json:"status" enum:"ok"`
	Keys   []grantedKey `json:"keys" nullable:"false" doc:"What is granted now, in the order of the request"`
}

func (s *Server) postManyKeys(ctx context.Context, in *manyKeysInput) (*reply[manyKeys], error) {
	now := time.Now()
	keys := make([]database.Key, len(in.Body.Keys))
	last := make(map[string]int, len(keys)) // which of those that are the same counts
	for i := range in.Body.Keys {
		k, err := in.Body.Keys[i].key(fmt.Sprintf("body.keys[%d]", i), now)
		if err != nil {
			return nil, err
		}
		keys[i], last[k.Key] = k, i
	}
	if err := s.o.Changes.AddKeys(ctx, actor(ctx), keys); err != nil {
		return nil, problemOf(err)
	}
	many := manyKeys{statusOK, make([]grantedKey, len(keys))}
	for i := range keys {
		many.Keys[i] = grantedKeyOf(&keys[last[keys[i].Key]])
	}
	return replied(many), nil
}

func (s *Server) reloadLists(ctx context.Context, _ *struct{}) (*reply[done], error) {
	return changed(s.o.ReloadLists(ctx))
}
