package swarm

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-tracker/shoal"
)

// mostListed bounds how many torrents one call lists.
const mostListed = 10_000

// A page is cut out of a stretch of the order that is larger than the page, for
// those that are asked for next. In a large store stretches are kept for a while, so
// that whoever turns the pages, and however many do, has the torrents walked through
// a few times a second at most.
const (
	listedAnew = 1 << 14 // torrents of a store in which nothing is kept
	listedFor  = time.Second

	stretchPart   = 16 // of the torrents there are in a stretch, besides the page
	mostStretches = 8  // are kept; together they have half of all torrents
)

// listing is where those who list torrents meet. The torrents are counted by the
// first bits of their hashes when they come and go, so that any page is found
// without looking at those before it.
type listing struct {
	bins [bins]atomic.Int32

	mu   sync.Mutex // one walks at a time
	kept []*stretch
}

// Torrents returns up to limit torrents, 10,000 at most, in the order of their
// info hashes: those behind after, or with a nil after all, without the first
// offset of them. Fewer than that are the last ones.
//
// With more than 16,384 torrents it is the order of a moment up to a second ago: who
// came since may not be listed, who went is not either; the counts are of now. A
// torrent that stays is found exactly once by those who turn pages with after.
func (s *Store) Torrents(after *shoal.InfoHash, offset, limit int) []Torrent {
	limit, offset = min(limit, mostListed), max(offset, 0)
	if limit <= 0 {
		return nil
	}
	v := view{store: s, limit: limit}
	bin, index := 0, 0
	if after != nil {
		bin = binOf(after)
		index = v.stretch(bin).behind(after)
	}
	for ; bin < bins && offset > 0; bin, index = bin+1, 0 {
		n := v.count(bin) - index
		if offset < n {
			break
		}
		offset -= n
	}
	index += offset
	page := make([]Torrent, 0, min(limit, max(0, int(s.held.torrents.Load()))))
	var hashes []shoal.InfoHash
	for bin < bins && len(page) < limit {
		hashes, bin, index = v.stretch(bin).take(hashes[:0], bin, index, limit-len(page))
		for i := range hashes {
			if t, there := s.Torrent(hashes[i]); there {
				page = append(page, t)
			}
		}
	}
	return page
}

// view is what one call sees: what was kept when it first looked, and what it had
// to walk for. It stays the same when others look elsewhere.
type view struct {
	store     *Store
	limit     int
	stretches []*stretch
}

// stretch returns one with a bin in it.
func (v *view) stretch(bin int) *stretch {
	if s := covering(v.stretches, bin); s != nil {
		return s
	}
	s := v.store.stretch(bin, v.limit)
	v.stretches = append(v.stretches, s)
	return s
}

// count returns how many torrents a bin has, in the stretch that would be taken.
func (v *view) count(bin int) int {
	if s := covering(v.stretches, bin); s != nil {
		return s.count(bin)
	}
	l := &v.store.listing
	l.mu.Lock()
	s := covering(l.kept, bin)
	l.mu.Unlock()
	if s == nil {
		return int(l.bins[bin].Load())
	}
	v.stretches = append(v.stretches, s)
	return s.count(bin)
}

func covering(stretches []*stretch, bin int) *stretch {
	for _, s := range stretches {
		if s.from <= bin && bin < s.to {
			return s
		}
	}
	return nil
}

// stretch returns a stretch with a bin in it, walked for now or not long ago.
func (s *Store) stretch(bin, limit int) *stretch {
	l := &s.listing
	l.mu.Lock()
	defer l.mu.Unlock()
	if kept := covering(l.kept, bin); kept != nil {
		return kept
	}
	n := int(s.held.torrents.Load())
	made := s.walk(bin, limit+max(listedAnew, n/stretchPart))
	if n > listedAnew {
		if len(l.kept) == mostStretches {
			l.kept = slices.Delete(l.kept, 0, 1)
		}
		l.kept = append(l.kept, made)
		time.AfterFunc(listedFor, func() { l.forget(made) })
	}
	return made
}

// forget has the next who asks for it walk for a stretch again.
func (l *listing) forget(old *stretch) {
	l.mu.Lock()
	l.kept = slices.DeleteFunc(l.kept, func(s *stretch) bool { return s == old })
	l.mu.Unlock()
}
