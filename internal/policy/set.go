package policy

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/shoal-tracker/shoal"
)

// set is a set of hashes, each permanent or until a moment, that is read without
// a lock while it changes: a reader takes one snapshot, which never does. The
// zero set is empty.
type set struct {
	writing sync.Mutex // held by whoever makes the next snapshot
	current atomic.Pointer[snapshot]
}

// snapshot is a large base in two tables and a small one of what has changed
// since, which goes before the base. Most hashes are permanent: no room is taken
// for the moments at which they would expire.
type snapshot struct {
	permanent, timed table
	changed          table
	members          int
}

// removed is the Until of a hash in changed that is no longer in the set. As a
// moment it is one that has always passed.
const removed = shoal.Tick(math.MinInt64)

// expired reports whether a moment has come; 0 never does.
func expired(until, now shoal.Tick) bool { return until != 0 && until <= now }

func (s *set) load() *snapshot {
	if now := s.current.Load(); now != nil {
		return now
	}
	return new(snapshot)
}

// find returns until when a hash is in the set, 0 for ever, if it is.
func (s *set) find(hash *shoal.InfoHash) (until shoal.Tick, found bool) {
	now := s.current.Load()
	if now == nil {
		return 0, false
	}
	return now.find(hash)
}

func (s *snapshot) find(hash *shoal.InfoHash) (until shoal.Tick, found bool) {
	if at, found := s.changed.find(hash); found {
		until = s.changed.until[at]
		return until, until != removed
	}
	return s.base(hash)
}

func (s *snapshot) base(hash *shoal.InfoHash) (until shoal.Tick, found bool) {
	if _, found := s.permanent.find(hash); found {
		return 0, true
	}
	if at, found := s.timed.find(hash); found {
		return s.timed.until[at], true
	}
	return 0, false
}

// replace makes the set what it is given. It keeps permanent, in order and
// without doubles, and writes over timed.
func (s *set) replace(permanent []shoal.InfoHash, timed []Torrent) {
	next := &snapshot{permanent: newTable(sorted(permanent), nil)}
	timed = slices.DeleteFunc(timed, func(t Torrent) bool {
		_, found := next.permanent.find(&t.Hash)
		return found || t.Until == removed
	})
	slices.SortFunc(timed, func(a, b Torrent) int {
		if order := compare(a.Hash, b.Hash); order != 0 || a.Until == b.Until {
			return order
		}
		if a.Until > b.Until {
			return -1
		}
		return 1
	})
	timed = slices.CompactFunc(timed, func(a, b Torrent) bool { return a.Hash == b.Hash }) // keeps the first
	next.timed = tableOf(timed)
	next.members = len(next.permanent.hashes) + len(timed)

	s.writing.Lock()
	defer s.writing.Unlock()
	s.current.Store(next)
}

func tableOf(entries []Torrent) table {
	hashes, until := make([]shoal.InfoHash, len(entries)), make([]shoal.Tick, len(entries))
	for i, e := range entries {
		hashes[i], until[i] = e.Hash, e.Until
	}
	return newTable(hashes, until)
}

// change adds hashes, removes those whose Until is removed, and sets the Until of
// those that are there already. The last of several for one hash counts. It
// writes over the changes.
func (s *set) change(changes []Torrent) {
	slices.SortStableFunc(changes, func(a, b Torrent) int { return compare(a.Hash, b.Hash) })
	kept := changes[:0]
	for i, c := range changes {
		if i+1 == len(changes) || changes[i+1].Hash != c.Hash {
			kept = append(kept, c)
		}
	}
	changes = kept

	s.writing.Lock()
	defer s.writing.Unlock()
	now := s.load()
	next := *now
	for i := range changes {
		c := &changes[i]
		if _, found := now.find(&c.Hash); found {
			next.members--
		}
		if c.Until != removed {
			next.members++
		}
	}
	next.changed = now.overlay(changes)
	if len(next.changed.hashes) > enough(len(now.permanent.hashes)+len(now.timed.hashes)) {
		next.permanent = now.permanent.with(&next.changed, false)
		next.timed = now.timed.with(&next.changed, true)
		next.changed = table{}
	}
	s.current.Store(&next)
}

// enough is how many changes are kept beside a base of n hashes before they are
// merged into it. Each change copies the changes before it, each merge the base:
// with the square root of the base neither weighs much more than the other.
func enough(n int) int { return max(1024, 2*int(math.Sqrt(float64(n)))) }

// overlay returns what has changed together with more changes, in order, which
// go before the older ones. What the base says already is no change.
func (s *snapshot) overlay(changes []Torrent) table {
	most := len(s.changed.hashes) + len(changes)
	hashes, until := make([]shoal.InfoHash, 0, most), make([]shoal.Tick, 0, most)
	copied := 0
	upTo := func(at int) {
		hashes = append(hashes, s.changed.hashes[copied:at]...)
		until = append(until, s.changed.until[copied:at]...)
		copied = at
	}
	for i := range changes {
		c := &changes[i]
		at, found := s.changed.place(&c.Hash)
		upTo(at)
		if found {
			copied++
		}
		base, found := s.base(&c.Hash)
		if !found {
			base = removed
		}
		if c.Until != base {
			hashes, until = append(hashes, c.Hash), append(until, c.Until)
		}
	}
	upTo(len(s.changed.hashes))
	return newTable(hashes, until)
}
