package policy

import (
	"slices"

	"github.com/shoal-tracker/shoal"
)

// Torrents is a set of torrents that may have millions of members: at most 24
// bytes for each permanent one, 32 for one that expires. It may be asked and
// changed by any number of goroutines at once; to be asked costs no lock and no
// allocation, whatever is being changed. The nil Torrents is empty and cannot be
// changed.
type Torrents struct{ set set }

// Torrent is a member of Torrents: the moment Until has come, it is as if it were
// not there. 0: it stays.
type Torrent struct {
	Hash  shoal.InfoHash
	Until shoal.Tick
}

// NewTorrents returns an empty set.
func NewTorrents() *Torrents { return new(Torrents) }

// Has reports whether a torrent is in the set and has not expired.
func (t *Torrents) Has(hash *shoal.InfoHash, now shoal.Tick) bool {
	if t == nil {
		return false
	}
	until, found := t.set.find(hash)
	return found && !expired(until, now)
}

// Len returns the number of torrents in the set, with those that have expired and
// were not removed.
func (t *Torrents) Len() int {
	if t == nil {
		return 0
	}
	return t.set.load().members
}

// Replace makes the set what entries say, in any order; of several for one
// torrent, the one that stays longest counts. Entries are written over. Changes
// that others make meanwhile are lost, unless entries have them.
func (t *Torrents) Replace(entries []Torrent) {
	permanent, timed := split(entries)
	t.set.replace(permanent, timed)
}

// split returns the entries that stay and those that expire, which it moves to
// the front of entries.
func split(entries []Torrent) (permanent []shoal.InfoHash, timed []Torrent) {
	n := 0
	for i := range entries {
		if entries[i].Until == 0 {
			n++
		}
	}
	permanent, timed = make([]shoal.InfoHash, 0, n), entries[:0]
	for _, e := range entries {
		if e.Until == 0 {
			permanent = append(permanent, e.Hash)
		} else {
			timed = append(timed, e)
		}
	}
	return permanent, timed
}

// ReplaceHashes is Replace for torrents that all stay. The set takes hashes over:
// they are put in order where they are, and must not be used again.
func (t *Torrents) ReplaceHashes(hashes []shoal.InfoHash) {
	t.set.replace(hashes, nil)
}

// Add adds torrents. For one that is there already, and for the last of several,
// the new Until counts.
func (t *Torrents) Add(entries ...Torrent) {
	t.set.change(slices.Clone(entries))
}

// Remove takes torrents out, as far as they are there.
func (t *Torrents) Remove(hashes ...shoal.InfoHash) {
	changes := make([]Torrent, len(hashes))
	for i, hash := range hashes {
		changes[i] = Torrent{hash, removed}
	}
	t.set.change(changes)
}
