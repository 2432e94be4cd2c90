package certificates

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

func openNames(t *testing.T, dataDir string, log *journal, names ...string) *Certificates {
	t.Helper()
	c := DefaultConfig()
	c.ACME = names
	c.Directory = "https://ca.example.org/directory"
	s, err := Open(c, dataDir, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (a *authority) solver() *solver { return &solver{storage: a.storage, key: a.issuer.key} }

func challengeOf(kind, name, token string) acme.Challenge {
	return acme.Challenge{
		Type: kind, Token: token, KeyAuthorization: token + ".thumb",
		Identifier: acme.Identifier{Type: "dns", Value: name},
	}
}

func TestChallenge(t *testing.T) {
	dir := t.TempDir()
	s := openNames(t, dir, new(journal), "a.example.org", "b.example.org")
	elsewhere := openNames(t, t.TempDir(), new(journal), "c.example.org")
	cert, key := makeGood(t, "d.example.org")
	pair := open(t, files(t, cert, key), new(journal).logger())

	c := challengeOf(acme.ChallengeTypeHTTP01, "a.example.org", "tok-EN_1")
	if err := s.acme.solver().Present(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	const path = "/.well-known/acme-challenge/tok-EN_1"
	tests := []struct {
		name       string
		asked      *Certificates
		host, path string
		ok         bool
	}{
		{"asked", s, "a.example.org", path, true},
		{"with a port", s, "a.example.org:80", path, true},
		{"in capitals", s, "A.Example.ORG", path, true},
		{"with a dot", s, "a.example.org.:80", path, true},
		{"another section", elsewhere, "a.example.org", path, true},
		{"a section with files", pair, "a.example.org", path, true},
		{"no section", nil, "a.example.org", path, false},
		{"another name", s, "b.example.org", path, false},
		{"no name", s, "", path, false},
		{"an address", s, "[::1]:80", path, false},
		{"another token", s, "a.example.org", path + "2", false},
		{"no token", s, "a.example.org", challengePrefix, false},
		{"below", s, "a.example.org", path + "/", false},
		{"traversal", s, "a.example.org", challengePrefix + "../../x", false},
		{"another path", s, "a.example.org", "/announce", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body, ok := test.asked.Challenge(test.host, test.path)
			if ok != test.ok || ok && string(body) != c.KeyAuthorization {
				t.Errorf("got %q, %t, want %t", body, ok, test.ok)
			}
		})
	}

	// Its end must come also when the asking was given up.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.acme.solver().CleanUp(gone, c); err != nil {
		t.Fatal(err)
	}
	if body, ok := s.Challenge("a.example.org", path); ok {
		t.Errorf("%q after the end", body)
	}
	if len(pending.byName) != 0 {
		t.Errorf("%v is left", pending.byName)
	}
}

// TestChallengeOfAnotherNode: it is answered from the storage that nodes share.
func TestChallengeOfAnotherNode(t *testing.T) {
	dir := t.TempDir()
	s := openNames(t, dir, new(journal), "a.example.org")
	for _, name := range []string{"a.example.org", "b.example.org"} {
		c := challengeOf(acme.ChallengeTypeHTTP01, name, "token")
		if err := s.acme.solver().Present(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		pending.remove(c) // of this process
	}
	if _, ok := s.Challenge("a.example.org", challengePrefix+"token"); !ok {
		t.Error("a challenge in the storage is not answered")
	}
	if _, ok := s.Challenge("b.example.org", challengePrefix+"token"); ok {
		t.Error("a file is read for a name that is not ours")
	}
	if _, ok := s.Challenge("a.example.org", challengePrefix+"other"); ok {
		t.Error("another token is answered")
	}
}

func TestAllowance(t *testing.T) {
	var a allowance
	now := time.Unix(100, 0)
	for i := range 25 {
		if got := a.take(now); got != (i < 10) {
			t.Errorf("the %dth in a second: %t", i+1, got)
		}
	}
	if !a.take(now.Add(time.Second)) {
		t.Error("nothing in the next second")
	}
}

// TestProof shakes hands as a validating authority does (RFC 8737).
func TestProof(t *testing.T) {
	s := openNames(t, t.TempDir(), new(journal), "a.example.org")
	c := challengeOf(acme.ChallengeTypeTLSALPN01, "a.example.org", "token")
	if err := s.acme.solver().Present(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	defer s.acme.solver().CleanUp(t.Context(), c)
	asks := &tls.Config{ServerName: "a.example.org", NextProtos: []string{acmeProtocol}}
	state, err := shake(s, asks)
	if err != nil {
		t.Fatal(err)
	}
	leaf := state.PeerCertificates[0]
	found := false
	for _, e := range leaf.Extensions {
		found = found || e.Id.String() == "1.3.6.1.5.5.7.1.31" && e.Critical
	}
	if !found || state.NegotiatedProtocol != acmeProtocol || leaf.VerifyHostname("a.example.org") != nil {
		t.Errorf("the answer for %v by %q has the extension: %t", leaf.DNSNames, state.NegotiatedProtocol, found)
	}
	asks.ServerName = "b.example.org"
	if _, err := shake(s, asks); err == nil {
		t.Error("a challenge for another name is answered")
	}
	// A client that speaks HTTP as well is no authority.
	asks = &tls.Config{ServerName: "a.example.org", NextProtos: []string{acmeProtocol, "http/1.1"}}
	if _, err := shake(s, asks); err == nil {
		t.Error("a client got a certificate that there is not")
	}
}
