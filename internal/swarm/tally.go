package swarm

import "github.com/shoal-tracker/shoal"

// tally counts the peers of one kind in one shard, under its lock. Whoever holds
// it for a peer counts the peer too, so that nothing has to be walked through to
// know how many there are.
type tally struct{ peers, leechers int }

// tally returns the counts that a change of the family changes too.
func (f *family) tally() *tally { return &f.shard.tallies[f.shape.kind] }

// tallies returns the counts of all shards together. Each is of one moment, and
// they are of one after the other.
func (s *Store) tallies() (all [kinds]tally) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		some := sh.tallies
		sh.mu.Unlock()
		for kind := range all {
			all[kind].peers += some[kind].peers
			all[kind].leechers += some[kind].leechers
		}
	}
	return all
}

// note remembers the latest moment at which a peer's time was set: the seven bits
// of every other one of the shard are read as a moment before it. Announces that
// began together may come to the lock in any order.
func (s *shard) note(now shoal.Tick) {
	if now > s.latest {
		s.latest = now
	}
}
