package database

import (
	"math"

	"github.com/shoal-tracker/shoal"
)

// Batch is what was counted and is to be written. The zero Batch is empty.
type Batch struct {
	Completed map[shoal.InfoHash]uint32 // how often fetched whole, ever; the greater of this and the database's stays
	Accounts  map[shoal.AuthKey]Account // since the last batch
	Totals    map[string]uint64         // since the last batch, by name: 1 to 64 characters of ASCII
}

// Len returns how many counts b has.
func (b *Batch) Len() int { return len(b.Completed) + len(b.Accounts) + len(b.Totals) }

// SetCompleted notes how often a torrent was fetched whole, ever.
func (b *Batch) SetCompleted(hash shoal.InfoHash, count uint32) {
	if b.Completed == nil {
		b.Completed = map[shoal.InfoHash]uint32{}
	}
	b.Completed[hash] = max(b.Completed[hash], count)
}

// AddAccount adds to what the holder of a key moved, in bytes.
func (b *Batch) AddAccount(key shoal.AuthKey, uploaded, downloaded uint64) {
	if b.Accounts == nil {
		b.Accounts = map[shoal.AuthKey]Account{}
	}
	a := b.Accounts[key]
	b.Accounts[key] = Account{key, saturated(a.Uploaded, uploaded), saturated(a.Downloaded, downloaded)}
}

// AddTotal adds to a total. Nothing is noted for 0.
func (b *Batch) AddTotal(name string, n uint64) {
	if n == 0 {
		return
	}
	if b.Totals == nil {
		b.Totals = map[string]uint64{}
	}
	b.Totals[name] = saturated(b.Totals[name], n)
}

func saturated(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// take moves up to most counts out of b.
func (b *Batch) take(most int) *Batch {
	if b.Len() <= most {
		all := *b
		*b = Batch{}
		return &all
	}
	some := &Batch{}
	for name, n := range b.Totals {
		if some.Len() == most {
			return some
		}
		some.AddTotal(name, n)
		delete(b.Totals, name)
	}
	for key, a := range b.Accounts {
		if some.Len() == most {
			return some
		}
		some.AddAccount(key, a.Uploaded, a.Downloaded)
		delete(b.Accounts, key)
	}
	for hash, count := range b.Completed {
		if some.Len() == most {
			return some
		}
		some.SetCompleted(hash, count)
		delete(b.Completed, hash)
	}
	return some
}
