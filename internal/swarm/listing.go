package swarm

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
)

// mostListed bounds how many torrents one call lists.
const mostListed = 10_000

// In a large store an order is kept for a while, so that whoever turns the pages,
// and however many do, has the torrents walked through about once a second. Where a
// walk is dear that while is longer: walks take a tenth of a processor at most. For
// as long again the order is used by those who come while the next one is made:
// only who comes when nobody did for a while waits for a walk.
const (
	listedAnew    = 1 << 14 // torrents of a store whose order is not kept
	listedFor     = time.Second
	listedLongest = 5 * time.Second
)

// listing is where those who list torrents meet.
type listing struct {
	kept    atomic.Pointer[order]
	walking sync.Mutex // one walks at a time
}

// Torrents returns up to limit torrents, 10,000 at most, in the order of their
// info hashes: those behind after, or with a nil after all, without the first
// offset of them. Fewer than that are the last ones.
//
// With more than 16,384 torrents it is the order of a moment up to two seconds ago,
// or up to ten where a walk through all takes longer than a tenth of a second: who
// came since may not be listed, who went is not either; the counts are of now. Those
// who turn pages with after find each torrent exactly once that was held when the
// first page was asked for, or when its order was made, and stays.
func (s *Store) Torrents(after *shoal.InfoHash, offset, limit int) []Torrent {
	limit, offset = min(limit, mostListed), max(offset, 0)
	if limit <= 0 {
		return nil
	}
	o := s.order()
	index := 0
	if after != nil {
		index = o.upTo(after)
	}
	index += min(offset, len(o.hashes)-index)
	page := make([]Torrent, 0, min(limit, len(o.hashes)-index))
	hashes := make([]shoal.InfoHash, 0, cap(page))
	for index < len(o.hashes) && len(page) < limit { // again for those that went
		hashes = o.take(hashes[:0], index, limit-len(page))
		index += len(hashes)
		for i := range hashes {
			if t, there := s.Torrent(hashes[i]); there {
				page = append(page, t)
			}
		}
	}
	return page
}

// order returns the order of now or of not long ago.
func (s *Store) order() *order {
	l := &s.listing
	if o := l.kept.Load(); o != nil {
		switch now := time.Now(); {
		case now.Before(o.until):
			return o
		case now.Before(o.late):
			if l.walking.TryLock() {
				go func() {
					defer l.walking.Unlock()
					s.walkAnew()
				}()
			}
			return o
		}
	}
	l.walking.Lock()
	defer l.walking.Unlock()
	return s.walkAnew()
}

// walkAnew makes an order, and keeps it if it is dear. The lock of those who walk is
// held.
func (s *Store) walkAnew() *order {
	if o := s.listing.fresh(); o != nil { // of somebody who was faster
		return o
	}
	start := time.Now()
	o := newOrder(s.walk())
	if len(o.hashes) > listedAnew {
		s.listing.keep(o, keptFor(time.Since(start)))
	}
	return o
}

// keptFor returns for how long an order is kept that took so long to make.
func keptFor(walked time.Duration) time.Duration {
	return min(max(listedFor, 10*walked), listedLongest)
}

// fresh returns the order that is kept, if it is not too old.
func (l *listing) fresh() *order {
	if o := l.kept.Load(); o != nil && time.Now().Before(o.until) {
		return o
	}
	return nil
}

// keep keeps an order for a while, in place of one that is too old: there are never
// two but for those that somebody still cuts a page out of.
func (l *listing) keep(o *order, d time.Duration) {
	o.until = time.Now().Add(d)
	o.late = o.until.Add(d)
	l.kept.Store(o)
	time.AfterFunc(2*d, func() { l.kept.CompareAndSwap(o, nil) }) // if nobody comes any more
}
