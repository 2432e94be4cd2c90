package swarm

import (
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-tracker/shoal"
)

// All pages of a second are cut out of one order, wherever they are; those that come
// then have the next one made and do not wait for it; in the end nothing is kept. (The time is the test's own: it goes on only where the test waits.)
func TestOneOrderForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour})
		for i := range listedAnew + 100 {
			tellNth(s, i, 0)
		}
		for range 3 {
			orders := make([]*order, 8)
			var wait sync.WaitGroup
			for i := range orders {
				wait.Go(func() { orders[i] = s.order() })
			}
			wait.Wait()
			for i := range 500 {
				var after shoal.InfoHash
				binary.BigEndian.PutUint16(after[:], uint16(60_000-100*i))
				s.Torrents(&after, i, 1)
			}
			time.Sleep(listedFor - time.Nanosecond)
			for i, o := range append(orders, s.order()) {
				if o != orders[0] {
					t.Fatalf("an order of its own for the %d. who asks", i)
				}
			}
			time.Sleep(time.Nanosecond)
			if s.order() != orders[0] {
				t.Error("who comes while the next order is made waits for it")
			}
			synctest.Wait()
			if s.order() == orders[0] {
				t.Error("an order is used for longer than a second, though others come")
			}
			last := s.order()
			time.Sleep(2 * listedFor)
			synctest.Wait()
			if s.order() == last {
				t.Error("an order is used when nobody came for two seconds")
			}
			time.Sleep(2 * listedFor)
			synctest.Wait()
			if s.listing.kept.Load() != nil {
				t.Error("an order is kept when it is too old for everybody")
			}
		}
	})
}

// Who finds an order waits for nobody that makes one.
func TestNoWaitForAWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour})
		for i := range listedAnew + 100 {
			tellNth(s, i, 0)
		}
		s.order()
		s.listing.walking.Lock()
		defer s.listing.walking.Unlock()
		if got := len(s.Torrents(nil, 10, 100)); got != 100 {
			t.Errorf("%d torrents while somebody walks", got)
		}
	})
}

func TestASmallStoreIsListedAnew(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	for i := range listedAnew {
		tellNth(s, i, 0)
	}
	s.Torrents(nil, 0, 10)
	if s.listing.kept.Load() != nil {
		t.Errorf("the order of %d torrents is kept", listedAnew)
	}
}

func TestDearWalksAreRare(t *testing.T) {
	for _, c := range []struct{ walked, want time.Duration }{
		{0, time.Second},
		{50 * time.Millisecond, time.Second},
		{300 * time.Millisecond, 3 * time.Second},
		{time.Hour, 5 * time.Second},
	} {
		if got := keptFor(c.walked); got != c.want {
			t.Errorf("after a walk of %v an order is kept for %v, want %v", c.walked, got, c.want)
		}
	}
}
