package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// BenchmarkTorrentsPage asks for whole pages in the middle of a million torrents,
// without the network.
func BenchmarkTorrentsPage(b *testing.B) {
	var clock shoal.Clock
	clock.Set(noon)
	k := &tracker{swarm: swarm.New(swarm.Config{PeerTimeout: 1 << 40, Seed: 1})}
	s, err := Listen(Config{Tokens: map[string]Token{"index": {Token: indexToken}}}, Options{Swarm: k.swarm, Clock: &clock})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := range 1_000_000 {
		k.announce(hashOf(i), "203.0.113.1:6881", 1, shoal.EventNone)
	}
	for _, path := range []string{"/torrents?offset=500000", "/torrents?after=" + hashOf(500_000).String()} {
		b.Run(path[:15], func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, base+path, nil)
				r.Header.Set("Authorization", "Bearer "+indexToken)
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != http.StatusOK || w.Header().Get("X-Total-Count") != "1000000" {
					b.Fatal(fmt.Sprint(w.Code, w.Header()))
				}
			}
		})
	}
}
