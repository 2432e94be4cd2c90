package config

import (
	"reflect"
	"slices"
	"strconv"
)

// Change is what a reload does.
type Change struct {
	Config  *Config  // what runs from now on: the running one with the live keys of the next
	Applied []string // keys that differ and are live
	Restart []string // keys that differ and need a restart
}

// Reload works out how a running tracker comes as near to the next
// configuration as it can. What comes out is in range if both were: only the
// intervals, and the rules that need a database, depend on a key which is not live.
func Reload(running, next *Config) Change {
	merged := *running
	merged.Origin = next.Origin
	c := Change{Config: &merged}
	for _, s := range sections {
		if s.Many {
			c.compareMany(s, running, next)
			continue
		}
		for _, k := range s.Keys {
			from, to := k.Of(next), k.Of(&merged)
			switch {
			case equal(from, to):
			case k.Live():
				to.Set(from)
				c.Applied = append(c.Applied, k.Path)
			default:
				c.Restart = append(c.Restart, k.Path)
			}
		}
	}
	if merged.Tracker.Interval >= merged.Tracker.PeerTimeout {
		merged.Tracker.Interval, merged.Tracker.MinInterval = running.Tracker.Interval, running.Tracker.MinInterval
		c.hold("tracker.interval", "tracker.min_interval")
	}
	if merged.WebTorrent.Interval >= merged.Tracker.PeerTimeout {
		merged.WebTorrent.Interval = running.WebTorrent.Interval
		c.hold("webtorrent.interval")
	}
	c.keepMembers(running)
	return c
}

// keepMembers holds rules back that need a database which only a restart opens.
func (c *Change) keepMembers(running *Config) {
	merged := c.Config
	if merged.Database.Driver == "none" {
		if merged.Access.Private && !running.Access.Private {
			merged.Access.Private = false
			c.hold("access.private")
		}
		if merged.Access.Listed && merged.Access.AllowFile == "" {
			merged.Access.Listed, merged.Access.AllowFile = running.Access.Listed, running.Access.AllowFile
			c.hold("access.listed", "access.allow_file")
		}
	}
	if merged.Accounting.Enabled && !merged.Access.Private {
		merged.Accounting.Enabled = false
		c.hold("accounting.enabled")
	}
}

// hold makes keys that were applied wait for a restart.
func (c *Change) hold(paths ...string) {
	for _, path := range paths {
		if i := slices.Index(c.Applied, path); i >= 0 {
			c.Applied = slices.Delete(c.Applied, i, i+1)
			c.Restart = append(c.Restart, path)
		}
	}
}

// compareMany finds what differs in the sections of one name. Their sockets are
// bound once, so that a section more or less needs a restart, and then all of
// them wait: which is which could only be guessed.
func (c *Change) compareMany(s Section, running, next *Config) {
	a := member(reflect.ValueOf(running).Elem(), s.Path)
	b := member(reflect.ValueOf(next).Elem(), s.Path)
	if a.Len() != b.Len() {
		c.Restart = append(c.Restart, s.Path)
		return
	}
	merged := member(reflect.ValueOf(c.Config).Elem(), s.Path)
	if a.Len() > 0 { // the running sections stay as they are
		merged.Set(reflect.AppendSlice(reflect.MakeSlice(a.Type(), 0, a.Len()), a))
	}
	for i := range a.Len() {
		for _, k := range s.Keys {
			path := s.Path + "." + strconv.Itoa(i) + "." + k.Name()
			from, to := member(b.Index(i), k.Name()), member(merged.Index(i), k.Name())
			switch {
			case equal(from, to):
			case k.Live():
				to.Set(from)
				c.Applied = append(c.Applied, path)
			default:
				c.Restart = append(c.Restart, path)
			}
		}
	}
}

// equal compares values; an empty list and none are the same setting.
func equal(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
