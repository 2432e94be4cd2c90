package swarm

import (
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// An index outlives the crowd that it was made for. It must take those who come
// after, give its memory back, and end every search.
func TestAfterTheCrowd(t *testing.T) {
	for _, test := range []struct{ crowd, stay, come int }{
		{20_000, 1, 40},
		{20_000, 0, 40},
		{30_000, 20, 200},
		{60_000, 1, 40},
		{60_000, 700, 5000},
		{60_000, 20_000, 10},
		{5000, 2100, 3000},
	} {
		if onHeap && test.crowd > 20_000 { // race builds look for races, and take ten times as long
			continue
		}
		for _, family := range sizes {
			s := New(Config{PeerTimeout: 100 * time.Second})
			announce := func(n int, event shoal.Event) {
				req := shoal.AnnounceRequest{Left: 1, Event: event}
				req.Addr, req.Link = addrOf(family, uint32(n))
				var res shoal.AnnounceResponse
				s.Announce(&req, &res, 0)
			}
			for n := range test.crowd {
				announce(n, 0)
			}
			for n := test.stay; n < test.crowd; n++ {
				announce(n, shoal.EventStopped)
			}
			for range 4 {
				for i := range s.shards {
					s.sweep(&s.shards[i], 0)
				}
				if err := checkIntegrity(s); err != nil {
					t.Fatalf("%+v after a sweep: %v", test, err)
				}
			}
			if left := indexBytes(s); test.stay < 100 && left > 64*unitBytes {
				t.Errorf("%+v: the index of %d peers has %d bytes", test, test.stay, left)
			}
			for n := range test.come {
				announce(100_000+n, 0)
			}
			if got, want := s.Totals().Peers, test.stay+test.come; got != want {
				t.Errorf("%+v: %d peers, want %d", test, got, want)
			}
			if err := checkIntegrity(s); err != nil {
				t.Errorf("%+v: %v", test, err)
			}
		}
	}
}

func indexBytes(s *Store) int {
	sum := account(s)
	return sum["index directories"] + sum["narrow index"] + sum["wide index"]
}
