// Package tracker is the order of the rooms behind every transport: where the
// peer is, the rules, the swarm, what is written down of the holder of its key, and
// what the client is told about time.
package tracker

import (
	"sync/atomic"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/accounting"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// Tracker answers announces and scrapes, whatever transport they came by. All
// its methods may be called by any number of goroutines at once.
type Tracker struct {
	swarm    *swarm.Store
	clock    *shoal.Clock
	settings atomic.Pointer[settings]
	ledger   *accounting.Ledger // nil: none
}

// New returns a tracker over the swarm s, which reads the time off clock.
func New(c Config, p *policy.Chain, s *swarm.Store, clock *shoal.Clock) *Tracker {
	t := &Tracker{swarm: s, clock: clock}
	t.Configure(c, p)
	return t
}

// Configure replaces the settings and the rules while the tracker serves.
// PeerTimeout and PeerDetails are the swarm's own and not looked at.
func (t *Tracker) Configure(c Config, p *policy.Chain) {
	t.settings.Store(newSettings(c, p))
}

// SetLedger has what the holders of keys move written down in l while the
// tracker is private. It must be called before the tracker serves; nil is no
// ledger.
func (t *Tracker) SetLedger(l *accounting.Ledger) { t.ledger = l }

// MinInterval returns the seconds before which no announce, and no scrape of
// the same torrent, is wanted.
func (t *Tracker) MinInterval() uint32 { return t.settings.Load().minInterval }

// Announce takes one announce in and answers it, or returns why it is refused
// and leaves res as it was. The peers go into the room that the slices of res
// have; Addr of req is replaced by the address that others are given, NumWant by
// the number that was looked for.
func (t *Tracker) Announce(req *shoal.AnnounceRequest, res *shoal.AnnounceResponse) shoal.Failure {
	s, now := t.settings.Load(), t.clock.Now()
	if f := s.admit(req, now); f != shoal.OK {
		return f
	}
	t.swarm.Announce(req, res, now)
	if s.private && t.ledger != nil {
		t.ledger.Note(req, now)
	}
	s.tellTime(res)
	return shoal.OK
}

// AnnounceBatch is Announce for many at once: reqs[i] is answered in ress[i],
// or failures[i] says why it is refused. Those whose failure is set already
// are passed over. The three slices are of one length.
func (t *Tracker) AnnounceBatch(reqs []shoal.AnnounceRequest, ress []shoal.AnnounceResponse, failures []shoal.Failure) {
	s, now := t.settings.Load(), t.clock.Now()
	ress, failures = ress[:len(reqs)], failures[:len(reqs)]
	s.admitBatch(reqs, failures, now)
	t.swarm.AnnounceBatch(reqs, ress, failures, now)
	notes := s.private && t.ledger.Enabled()
	for i := range ress {
		if failures[i] != shoal.OK {
			continue
		}
		if notes {
			t.ledger.Note(&reqs[i], now)
		}
		s.tellTime(&ress[i])
	}
}

// Leave takes the peer that is a connection out of torrents. No rule has a say:
// it is for connections that have closed.
func (t *Tracker) Leave(hashes []shoal.InfoHash, link shoal.Link) {
	t.swarm.Leave(hashes, link)
}

// Scrape sets counts[i] to the counts of hashes[i], without its WebTorrent
// peers, or to zeroes if the torrent may not be announced here. The slices are of
// one length. It is refused to those who need a key and have none that will do;
// the counts are zeroes then.
func (t *Tracker) Scrape(key shoal.AuthKey, hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) shoal.Failure {
	t.swarm.Scrape(hashes, counts)
	return t.conceal(key, hashes, counts)
}

// ScrapeBrowsers is Scrape for the WebTorrent peers alone. Downloaded is that of
// all.
func (t *Tracker) ScrapeBrowsers(key shoal.AuthKey, hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) shoal.Failure {
	t.swarm.ScrapeBrowsers(hashes, counts)
	return t.conceal(key, hashes, counts)
}

// conceal makes the counts that are not for the one who asks zeroes.
func (t *Tracker) conceal(key shoal.AuthKey, hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) shoal.Failure {
	chain, now := t.settings.Load().chain, t.clock.Now()
	if f := chain.CheckKey(key, now); f != shoal.OK {
		clear(counts[:len(hashes)])
		return f
	}
	for i := range hashes {
		if chain.CheckTorrent(&hashes[i], now) != shoal.OK {
			counts[i] = shoal.ScrapeCounts{}
		}
	}
	return shoal.OK
}

// Permit returns why a message about a torrent that is no announce, as an answer
// of WebTorrent is, may not pass, or OK.
func (t *Tracker) Permit(key shoal.AuthKey, hash *shoal.InfoHash) shoal.Failure {
	return t.settings.Load().chain.Permit(key, hash, t.clock.Now())
}
