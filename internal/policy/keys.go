package policy

import "github.com/shoal-tracker/shoal"

// Keys are the keys of a private tracker. What is said of Torrents holds for them
// too; one that has expired is told from one that nobody knows. The nil Keys
// knows none.
type Keys struct{ set set }

// Key is one of Keys, good until the moment Until has come; 0: for ever.
type Key struct {
	Hash  shoal.AuthKey
	Until shoal.Tick
}

// NewKeys returns a set without keys.
func NewKeys() *Keys { return new(Keys) }

// widen has keys kept as torrents are: both are hashes.
func widen(key shoal.AuthKey) (hash shoal.InfoHash) {
	copy(hash[:], key[:])
	return hash
}

func widenAll(keys []Key) []Torrent {
	wide := make([]Torrent, len(keys))
	for i, k := range keys {
		wide[i] = Torrent{widen(k.Hash), k.Until}
	}
	return wide
}

// Check returns why a key will not do: KeyMissing, KeyInvalid, KeyUnknown or
// KeyExpired; or OK.
func (k *Keys) Check(key shoal.AuthKey, now shoal.Tick) shoal.Failure {
	switch {
	case key.None():
		return shoal.KeyMissing
	case key.Invalid():
		return shoal.KeyInvalid
	case k == nil:
		return shoal.KeyUnknown
	}
	hash := widen(key)
	until, found := k.set.find(&hash)
	switch {
	case !found:
		return shoal.KeyUnknown
	case expired(until, now):
		return shoal.KeyExpired
	}
	return shoal.OK
}

// Len returns the number of keys, with those that have expired and were not
// removed.
func (k *Keys) Len() int {
	if k == nil {
		return 0
	}
	return k.set.load().members
}

// Replace makes keys all there are; of several of one hash, the one that is good
// longest counts. Changes that others make meanwhile are lost, unless keys has
// them.
func (k *Keys) Replace(keys []Key) {
	permanent, timed := split(widenAll(keys))
	k.set.replace(permanent, timed)
}

// Add adds keys. For one that is there already, and for the last of several, the
// new Until counts.
func (k *Keys) Add(keys ...Key) {
	k.set.change(widenAll(keys))
}

// Remove takes keys out, as far as they are there.
func (k *Keys) Remove(hashes ...shoal.AuthKey) {
	changes := make([]Torrent, len(hashes))
	for i, hash := range hashes {
		changes[i] = Torrent{widen(hash), removed}
	}
	k.set.change(changes)
}
