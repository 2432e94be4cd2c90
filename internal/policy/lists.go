package policy

import "github.com/shoal-tracker/shoal"

// Lists are what changes while the rules stay.
type Lists struct {
	Keys    *Keys       // of a private tracker; nil: none is known
	Allowed []*Torrents // a listed tracker takes the torrents in any of these
	Denied  []*Torrents // the torrents in any of these are refused, whatever else is allowed
}

func withoutNil(lists []*Torrents) (rest []*Torrents) {
	for _, l := range lists {
		if l != nil {
			rest = append(rest, l)
		}
	}
	return rest
}

// CheckKey returns why the key of a request will not do, or OK. An open tracker
// does not look at it.
func (c *Chain) CheckKey(key shoal.AuthKey, now shoal.Tick) shoal.Failure {
	if c == nil || !c.private {
		return shoal.OK
	}
	return c.keys.Check(key, now)
}

// CheckTorrent returns why a torrent is refused whoever asks, or OK.
func (c *Chain) CheckTorrent(hash *shoal.InfoHash, now shoal.Tick) shoal.Failure {
	switch {
	case c == nil:
		return shoal.OK
	case c.isDenied(hash, now):
		return shoal.TorrentDenied
	case c.listed && !c.isAllowed(hash, now):
		return shoal.TorrentUnlisted
	}
	return shoal.OK
}

// Permit returns why a message about a torrent is refused, announce or not, or OK.
// Whoever has no key does not learn which torrents are registered.
func (c *Chain) Permit(key shoal.AuthKey, hash *shoal.InfoHash, now shoal.Tick) shoal.Failure {
	if c == nil {
		return shoal.OK
	}
	if c.isDenied(hash, now) {
		return shoal.TorrentDenied
	}
	if f := c.CheckKey(key, now); f != shoal.OK {
		return f
	}
	if c.listed && !c.isAllowed(hash, now) {
		return shoal.TorrentUnlisted
	}
	return shoal.OK
}

func (c *Chain) isDenied(hash *shoal.InfoHash, now shoal.Tick) bool {
	for _, l := range c.denied {
		if l.Has(hash, now) {
			return true
		}
	}
	return false
}

func (c *Chain) isAllowed(hash *shoal.InfoHash, now shoal.Tick) bool {
	for _, l := range c.allowed {
		if l.Has(hash, now) {
			return true
		}
	}
	return false
}
