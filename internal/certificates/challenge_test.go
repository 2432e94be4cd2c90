package certificates

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
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
	time.Sleep(remembered)
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

// TestJunkTokens: an outsider who asks all the time for tokens that there are
// not keeps no node from answering for another one, nor does what a node found
// before the challenge began.
func TestJunkTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openNames(t, t.TempDir(), new(journal), "a.example.org")
		junk := func() {
			t.Helper()
			for i := range 1000 {
				if _, ok := s.Challenge("a.example.org", fmt.Sprint(challengePrefix, "junk", i)); ok {
					t.Fatal("junk is answered")
				}
			}
		}
		junk()
		c := challengeOf(acme.ChallengeTypeHTTP01, "a.example.org", "token")
		other := s.acme.solver()
		if err := other.Present(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		pending.remove(c) // of this process
		if err := other.Wait(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			junk()
			if _, ok := s.Challenge("a.example.org", challengePrefix+"token"); !ok {
				t.Error("the challenge of another node is not answered")
			}
		}

		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := other.Wait(gone, c); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting in vain: %v", err)
		}
	})
}

// TestSighting: the storage is read once in a while, whoever asks.
func TestSighting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sighting
		reads := 0
		for i := range 25 {
			s.get(func() acme.Challenge {
				reads++
				return acme.Challenge{}
			})
			if want := 1 + i/10; reads != want {
				t.Fatalf("%d reads by the %dth look-up, want %d", reads, i+1, want)
			}
			time.Sleep(remembered / 10)
		}
	})
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
