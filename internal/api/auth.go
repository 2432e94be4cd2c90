package api

import (
	"context"
	"crypto/sha256"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// verdict is what a request's credentials are.
type verdict uint8

const (
	noToken       verdict = iota
	otherSite             // not looked at: a page of another site sent it
	foreignScheme         // no token, but an Authorization of another scheme than Bearer
	wrongToken
	slowed // not looked at: its source guessed too often
	knownToken
)

// identity is who asks. Of one that is not knownToken, label and admin are zero.
type identity struct {
	verdict verdict
	foreign bool          // there was an Authorization of another scheme than Bearer
	label   string        // the name of the token
	admin   bool          // its scope
	wait    time.Duration // slowed: when to ask again
}

// caller is what the door keeps of a request for those behind it.
type caller struct {
	credentials
	source    netip.Prefix
	otherSite bool      // a page of another site sent it
	who       *identity // once it was asked for
	answer    *outgoing
}

// outgoingOf returns what the answer to a request goes through, or nil.
func outgoingOf(ctx context.Context) *outgoing {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.answer
	}
	return nil
}

type (
	callerKey struct{}
	actorKey  struct{}
)

// actor returns the name of the token that a request came with.
func actor(ctx context.Context) string {
	label, _ := ctx.Value(actorKey{}).(string)
	return label
}

// withActor is ctx for handlers that ask for actor.
func withActor(ctx context.Context, label string) context.Context {
	return context.WithValue(ctx, actorKey{}, label)
}

// identify says who asks. It is asked once a request, by whoever needs it: a
// route that is for everybody is no way to try a token.
func (s *Server) identify(ctx context.Context) identity {
	c, ok := ctx.Value(callerKey{}).(*caller)
	if !ok {
		return identity{}
	}
	if c.who == nil {
		who := s.judge(c)
		c.who, c.token = &who, ""
		if who.verdict == knownToken {
			connectionOf(ctx).isKnown()
		}
	}
	return *c.who
}

func (s *Server) judge(c *caller) identity {
	if c.otherSite {
		return identity{verdict: otherSite}
	}
	if c.token == "" {
		if c.foreign {
			return identity{verdict: foreignScheme, foreign: true}
		}
		return identity{}
	}
	kept, sum := s.settings.Load().tokens, sha256.Sum256([]byte(c.token))
	var found *keptToken
	ok, wait := s.guessing.try(c.source, s.now(), func() bool {
		found = kept.find(sum)
		return found != nil
	})
	switch {
	case ok:
		return identity{verdict: knownToken, foreign: c.foreign, label: found.label, admin: found.admin}
	case wait > 0:
		s.guessed.Do(func() {
			s.o.Log.Warn("too many wrong tokens at the management API: requests of this source are put off", "source", c.source.String())
		})
		return identity{verdict: slowed, foreign: c.foreign, wait: wait}
	}
	return identity{verdict: wrongToken, foreign: c.foreign}
}

// authorize lets nobody past whose token is not good enough for the operation.
func (s *Server) authorize(api huma.API) func(ctx huma.Context, next func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		needs, _ := ctx.Operation().Metadata[needKey].(need)
		if needs == needNothing {
			next(ctx)
			return
		}
		r, w := humago.Unwrap(ctx)
		who := s.identify(r.Context())
		if status, detail := refusal(w.Header(), who, needs); status != 0 {
			_ = huma.WriteErr(api, ctx, status, detail) // fails where the client is gone
			return
		}
		next(huma.WithContext(ctx, withActor(ctx.Context(), who.label)))
	}
}

// refusal returns why who may not, and sets the headers that say so too; 0 is
// that it may.
func refusal(h http.Header, who identity, needs need) (status int, detail string) {
	const realm = `Bearer realm="shoal"`
	switch who.verdict {
	case knownToken:
		if needs == needAdmin && !who.admin {
			h.Set("WWW-Authenticate", realm+`, error="insufficient_scope", scope="admin"`)
			return http.StatusForbidden, "the scope of this token is read; this needs one of scope admin"
		}
		return 0, ""
	case otherSite:
		return http.StatusForbidden, "a page of another site sent this: no token in it is looked at"
	case wrongToken:
		h.Set("WWW-Authenticate", realm+`, error="invalid_token"`)
		return http.StatusUnauthorized, "this token is not known"
	case slowed:
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(who.wait.Seconds()))))
		return http.StatusTooManyRequests, "too many wrong tokens came from this address: what it sends is not looked at for a while"
	}
	h.Set("WWW-Authenticate", realm)
	return http.StatusUnauthorized, "a token is needed, as Authorization: Bearer TOKEN or as ?token=TOKEN"
}
