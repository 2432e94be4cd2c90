package certificates

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

const (
	acmeProtocol    = acmez.ACMETLS1Protocol // TLS-ALPN-01, RFC 8737
	challengePrefix = "/.well-known/acme-challenge/"
	longestToken    = 256
)

// remembered is how long a node goes by what it found in the storage.
const remembered = 100 * time.Millisecond

// pending holds the challenges of all Certificates of this process: an
// authority comes to port 80 or 443 of a name, whichever section listens there.
var pending = challenges{byName: map[string][]acme.Challenge{}}

type challenges struct {
	mu     sync.Mutex
	byName map[string][]acme.Challenge
}

func (p *challenges) add(c acme.Challenge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byName[c.Identifier.Value] = append(p.byName[c.Identifier.Value], c)
}

func (p *challenges) remove(c acme.Challenge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := slices.DeleteFunc(p.byName[c.Identifier.Value], func(d acme.Challenge) bool {
		return d.Type == c.Type && d.Token == c.Token
	})
	if len(left) == 0 {
		delete(p.byName, c.Identifier.Value)
	} else {
		p.byName[c.Identifier.Value] = left
	}
}

// find returns the youngest challenge of a name that fits.
func (p *challenges) find(name string, fits func(acme.Challenge) bool) (acme.Challenge, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range slices.Backward(p.byName[name]) {
		if fits(c) {
			return c, true
		}
	}
	return acme.Challenge{}, false
}

// solver makes challenges known to the listeners of this node, and through the
// storage, as certmagic does it, to nodes that share it.
type solver struct {
	storage certmagic.Storage
	key     string // of the issuer
}

var (
	_ acmez.Solver = (*solver)(nil)
	_ acmez.Waiter = (*solver)(nil)
)

// Present implements acmez.Solver.
func (s *solver) Present(ctx context.Context, c acme.Challenge) error {
	pending.add(c)
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the challenge: %w", err)
	}
	if err := s.storage.Store(ctx, tokenKey(s.key, c.Identifier.Value), text); err != nil {
		return fmt.Errorf("keep the challenge: %w", err)
	}
	return nil
}

// Wait implements acmez.Waiter: the authority is not called before every node
// has forgotten that there was no challenge.
func (s *solver) Wait(ctx context.Context, _ acme.Challenge) error {
	timer := time.NewTimer(2 * remembered)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// CleanUp implements acmez.Solver. It works also after ctx has ended.
func (s *solver) CleanUp(ctx context.Context, c acme.Challenge) error {
	pending.remove(c)
	return s.storage.Delete(context.WithoutCancel(ctx), tokenKey(s.key, c.Identifier.Value))
}

func tokenKey(issuerKey, name string) string {
	return path.Join(acmePrefix(issuerKey), "challenge_tokens", certmagic.StorageKeys.Safe(name)+".json")
}

// Challenge answers an HTTP-01 challenge (RFC 8555 section 8.3): host is what
// the request says, with or without a port, and path is without a query. Any
// Certificates answer those of all in this process. It waits for nothing but
// a small file in data_dir, and for that ten times a second at most for each
// name.
func (c *Certificates) Challenge(host, path string) (body []byte, ok bool) {
	if c == nil {
		return nil, false
	}
	token, found := strings.CutPrefix(path, challengePrefix)
	if !found || !isToken(token) {
		return nil, false
	}
	host, _, _ = strings.Cut(host, ":")
	challenge, found := c.acme.find(context.Background(), lowerName(host), func(c acme.Challenge) bool {
		return c.Type == acme.ChallengeTypeHTTP01 && c.Token == token
	})
	if !found {
		return nil, false
	}
	return []byte(challenge.KeyAuthorization), true
}

// proof returns the certificate that answers a TLS-ALPN-01 challenge.
func (a *authority) proof(ctx context.Context, name string) (*tls.Certificate, error) {
	challenge, found := a.find(ctx, lowerName(name), func(c acme.Challenge) bool { return c.Type == acme.ChallengeTypeTLSALPN01 })
	if !found {
		return nil, errors.New("no challenge waits for an answer")
	}
	cert, err := acmez.TLSALPN01ChallengeCert(challenge)
	if err != nil {
		return nil, fmt.Errorf("answer a challenge: %w", err)
	}
	return cert, nil
}

// find looks for a challenge in memory, and then for one that another node has
// begun. That costs a file, so outsiders can ask for names of ours only. a may
// be nil.
func (a *authority) find(ctx context.Context, name string, fits func(acme.Challenge) bool) (acme.Challenge, bool) {
	if c, found := pending.find(name, fits); found || a == nil {
		return c, found
	}
	stored := a.stored[name]
	if stored == nil {
		return acme.Challenge{}, false
	}
	c := stored.get(func() (c acme.Challenge) {
		text, err := a.storage.Load(ctx, tokenKey(a.issuer.key, name))
		if err != nil || json.Unmarshal(text, &c) != nil || c.Identifier.Value != name {
			return acme.Challenge{}
		}
		return c
	})
	if c.Identifier.Value != name || !fits(c) {
		return acme.Challenge{}, false
	}
	return c, true
}

func lowerName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// isToken reports whether s can be a token: base64url, and something of it.
func isToken(s string) bool {
	for _, b := range []byte(s) {
		switch {
		case b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '-', b == '_':
		default:
			return false
		}
	}
	return len(s) > 0 && len(s) <= longestToken
}

// sighting is the challenge of one name as it was in the storage a moment ago.
// Whoever asks with a wrong token asks for the same file as the authority does,
// and can neither have it read often nor keep others from it.
type sighting struct {
	mu        sync.Mutex
	challenge acme.Challenge // zero: there was none
	at        time.Time
}

func (s *sighting) get(read func() acme.Challenge) acme.Challenge {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) >= remembered {
		s.challenge = read()
		s.at = time.Now() // after reading, however long that took
	}
	return s.challenge
}
