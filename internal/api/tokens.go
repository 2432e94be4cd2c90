package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
)

// tokens are those that are let in. Only hashes of them are kept: what is read
// out of this process's memory lets nobody in.
type tokens []keptToken

type keptToken struct {
	sum   [sha256.Size]byte
	label string
	admin bool
}

func newTokens(configured map[string]Token) tokens {
	all := make(tokens, 0, len(configured))
	for label, token := range configured {
		all = append(all, keptToken{sha256.Sum256([]byte(token.Token)), label, token.Scope != ScopeRead})
	}
	slices.SortFunc(all, func(a, b keptToken) int { return slices.Compare(a.sum[:], b.sum[:]) })
	return all
}

// find returns the token with this hash. It looks at all of every one, so that
// the time it takes says nothing.
func (t tokens) find(sum [sha256.Size]byte) (found *keptToken) {
	at := -1
	for i := range t {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(t[i].sum[:], sum[:]), i, at)
	}
	if at < 0 {
		return nil
	}
	return &t[at]
}
