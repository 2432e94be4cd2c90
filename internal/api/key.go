package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/database"
)

// grantedKey is a key that has just been granted: Torrust's fields, then ours.
type grantedKey struct {
	Key        string  `json:"key"`
	ValidUntil *int64  `json:"valid_until" doc:"Unix seconds; null: it never expires"`
	ExpiryTime *string `json:"expiry_time" doc:"The same, for people"`
	Label      string  `json:"label"`
}

// heldKey is a key with all that is known of it.
type heldKey struct {
	Key        string  `json:"key"`
	Label      string  `json:"label" doc:"Whose it is"`
	Created    int64   `json:"created" doc:"Unix seconds"`
	ValidUntil *int64  `json:"valid_until" doc:"Unix seconds; null: it never expires"`
	ExpiryTime *string `json:"expiry_time" doc:"The same, for people"`
	Uploaded   uint64  `json:"uploaded" doc:"Bytes, as the clients of its holder say"`
	Downloaded uint64  `json:"downloaded" doc:"Bytes, as the clients of its holder say"`
}

func grantedKeyOf(k *database.Key) grantedKey {
	return grantedKey{k.Key, unixOf(k.Until), textOf(k.Until), k.Label}
}

func heldKeyOf(k *database.KeyAccount) heldKey {
	return heldKey{k.Key.Key, k.Label, k.Created.Unix(), unixOf(k.Until), textOf(k.Until), k.Uploaded, k.Downloaded}
}

type keyPath struct {
	Key string `path:"key" pattern:"^[A-Za-z0-9._~-]{16,64}$" patternDescription:"16 to 64 letters, digits and - . _ ~" example:"Zq3vB7nM1xC9sD5fG2hJ8kL4pW6eR0tY"`
}

func (s *Server) registerKey(api huma.API) {
	huma.Register(api, reading("/key/{key}", "keys", "One key, with what was counted for it", http.StatusNotFound), s.getKey)
	huma.Register(api, taking(changing(http.MethodPut, "/key/{key}", "keys", "Grant a key, or give one another label and expiry")), s.putKey)
	huma.Register(api, changing(http.MethodPost, "/key/{key}", "keys", "Draw a key that lasts for so many seconds"), s.drawKey)
	huma.Register(api, changing(http.MethodDelete, "/key/{key}", "keys", "Take a key back, and forget what was counted for it"), s.deleteKey)
}

func (s *Server) getKey(ctx context.Context, in *keyPath) (*reply[heldKey], error) {
	d, err := s.database()
	if err != nil {
		return nil, err
	}
	k, found, err := d.Key(ctx, in.Key)
	if err != nil {
		return nil, unread(err)
	}
	if !found {
		return nil, huma.Error404NotFound("there is no such key")
	}
	account, err := d.Account(ctx, shoal.ParseAuthKey([]byte(in.Key)))
	if err != nil {
		return nil, unread(err)
	}
	return replied(heldKeyOf(&database.KeyAccount{Key: k, Uploaded: account.Uploaded, Downloaded: account.Downloaded})), nil
}

type putKeyInput struct {
	Key  string `path:"key" pattern:"^[A-Za-z0-9._~-]{16,64}$" patternDescription:"16 to 64 letters, digits and - . _ ~" example:"Zq3vB7nM1xC9sD5fG2hJ8kL4pW6eR0tY"`
	Body *struct {
		SecondsValid *int64 `json:"seconds_valid,omitempty" nullable:"true" minimum:"1" maximum:"3153600000" doc:"How long it lasts from now; null: for ever"`
		Label        string `json:"label,omitempty" nullable:"true" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$" patternDescription:"text without control characters, those for the direction of text included" doc:"Whose it is: 200 bytes of UTF-8 without control characters"`
	} `nameHint:"PutKey"`
}

func (s *Server) putKey(ctx context.Context, in *putKeyInput) (*reply[grantedKey], error) {
	k := database.Key{Key: in.Key}
	if in.Body != nil {
		k.Label = in.Body.Label
		var err error
		if k.Until, err = untilOf("body.seconds_valid", in.Body.SecondsValid, time.Now()); err != nil {
			return nil, err
		}
	}
	if err := checkText("body.label", k.Label); err != nil {
		return nil, err
	}
	return s.grant(ctx, k)
}

type drawKeyInput struct {
	Seconds int64 `path:"key" minimum:"1" maximum:"3153600000" doc:"How long the key lasts from now" example:"3600"`
}

func (s *Server) drawKey(ctx context.Context, in *drawKeyInput) (*reply[grantedKey], error) {
	until, err := untilOf("path.key", &in.Seconds, time.Now())
	if err != nil {
		return nil, err
	}
	return s.grant(ctx, database.Key{Key: database.NewKey(), Until: until})
}

func (s *Server) grant(ctx context.Context, k database.Key) (*reply[grantedKey], error) {
	if err := s.o.Changes.AddKeys(ctx, actor(ctx), []database.Key{k}); err != nil {
		return nil, problemOf(err)
	}
	return replied(grantedKeyOf(&k)), nil
}

func (s *Server) deleteKey(ctx context.Context, in *keyPath) (*reply[removal], error) {
	return removed(s.o.Changes.RemoveKeys(ctx, actor(ctx), []string{in.Key}))
}
