package swarm

import (
	"slices"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// firstShard returns a store and info hashes that belong to its first shard.
func firstShard(n int) (*Store, []shoal.InfoHash) {
	s := New(Config{PeerTimeout: time.Hour})
	var hashes []shoal.InfoHash
	for i := 0; len(hashes) < n; i++ {
		if hash := nthHash(i); s.hash(&hash).shard == 0 {
			hashes = append(hashes, hash)
		}
	}
	return s, hashes
}

func tellHash(s *Store, hash shoal.InfoHash, event shoal.Event) {
	req := shoal.AnnounceRequest{InfoHash: hash, Left: 1, Event: event}
	req.Addr, req.Link = addrOf(size4, 1)
	var res shoal.AnnounceResponse
	s.Announce(&req, &res, 1)
}

// Pages split, or merge with those that were read, after slots were copied, and lines
// went: what is there now is read, no more than a page of it under one lock.
func TestPagesChangeBehindTheWalk(t *testing.T) {
	const few, many = 200, 5000
	for _, c := range []struct {
		name                string
		before, read, after int
	}{{"split", few, 0, many}, {"merge", many, 1, few}} {
		s, hashes := firstShard(many)
		for _, hash := range hashes[:c.before] {
			tellHash(s, hash, 0)
		}
		p, ahead := &walkedPage{hashes: make([]shoal.InfoHash, 0, pageSlots)}, &walkedPage{hashes: make([]shoal.InfoHash, 0, pageSlots)}
		p.first(s)
		var got []shoal.InfoHash
		read := func() {
			p.read(ahead)
			if got = append(got, p.hashes...); cap(p.hashes) != pageSlots {
				t.Errorf("%s: the room for a page was made larger under the lock", c.name)
			}
			p, ahead = ahead, p
		}
		for range c.read {
			read()
		}
		from, to := p.from, p.to
		for _, hash := range hashes[min(c.before, c.after):c.after] {
			tellHash(s, hash, 0)
		}
		for _, hash := range hashes[c.after:max(c.before, c.after)] {
			tellHash(s, hash, shoal.EventStopped)
		}
		tellHash(s, hashes[0], shoal.EventStopped)
		for range 10 {
			s.sweep(&s.shards[0], 1)
		}
		read()
		if ahead.from != from || c.before < c.after && ahead.to >= to || c.before > c.after && ahead.to <= to {
			t.Errorf("%s: from %#x to %#x is read at once, the page went from %#x to %#x", c.name, ahead.from, ahead.to, from, to)
		}
		for p.shard == 0 {
			read()
		}
		slices.SortFunc(got, compareHashes)
		if n := len(slices.Compact(slices.Clone(got))); n != len(got) {
			t.Errorf("%s: %d torrents are found, %d of them twice", c.name, len(got), len(got)-n)
		}
		for _, hash := range hashes[1:c.after] {
			if _, found := slices.BinarySearchFunc(got, hash, compareHashes); !found {
				t.Fatalf("%s: %v stays and is not found", c.name, hash)
			}
		}
	}
}
