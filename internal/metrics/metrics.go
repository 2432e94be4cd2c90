// Package metrics hands figures to those who watch the tracker: in the text format
// of Prometheus, or as JSON in the shape of Torrust Tracker's.
//
// It counts nothing itself. The rooms keep their counts where they are cheap to
// keep, and are asked for them when somebody looks.
package metrics

import (
	"cmp"
	"slices"
	"sync"
)

// The units that families are in, under the names that Torrust has for them.
const (
	Count       = "count"
	Nanoseconds = "nanoseconds"
	Seconds     = "seconds"
	Bytes       = "bytes"
)

// Label tells one sample of a family from the others.
type Label struct{ Name, Value string }

// Sample is one figure of a family.
type Sample struct {
	Labels []Label
	Value  float64
}

// Family is what is counted under one name.
type Family struct {
	Name    string // letters, digits and underscores
	Help    string // one sentence
	Unit    string // Count, Nanoseconds, Seconds or Bytes
	Counter bool   // it only grows; else it is what is so now
	Samples []Sample
}

// Registry knows whom to ask. Its methods may be called by any number of
// goroutines at once.
type Registry struct {
	mu        sync.Mutex
	snapshots []func() []Family
}

// New returns a Registry that knows nobody.
func New() *Registry { return new(Registry) }

// Register has snapshot asked each time that somebody looks, maybe several times
// at once. No two of them may have a family of the same name.
func (r *Registry) Register(snapshot func() []Family) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshots = append(r.snapshots, snapshot)
}

// families asks everybody. Families and labels are in the order of their names, so
// that two answers can be compared.
func (r *Registry) families() []Family {
	r.mu.Lock()
	snapshots := slices.Clip(r.snapshots)
	r.mu.Unlock()
	var all []Family
	for _, snapshot := range snapshots {
		all = append(all, snapshot()...)
	}
	slices.SortStableFunc(all, func(a, b Family) int { return cmp.Compare(a.Name, b.Name) })
	for i := range all {
		samples := make([]Sample, len(all[i].Samples))
		for j, s := range all[i].Samples {
			labels := slices.Clone(s.Labels)
			slices.SortFunc(labels, func(a, b Label) int { return cmp.Compare(a.Name, b.Name) })
			samples[j] = Sample{labels, s.Value}
		}
		all[i].Samples = samples
	}
	return all
}
