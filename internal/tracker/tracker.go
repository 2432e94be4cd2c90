// Package tracker is the order of the rooms behind every transport: where the
// peer is, the rules, the swarm, and what the client is told about time.
package tracker

import (
	"sync/atomic"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// Tracker answers announces and scrapes, whatever transport they came by. All
// its methods may be called by any number of goroutines at once.
type Tracker struct {
	swarm    *swarm.Store
	clock    *shoal.Clock
	settings atomic.Pointer[settings]
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

// MinInterval returns the seconds before which no announce, and no scrape of
// the same torrent, is wanted.
func (t *Tracker) MinInterval() uint32 { return t.settings.Load().minInterval }

// Announce takes one announce in and answers it, or returns why it is refused
// and leaves res as it was. The peers go into the room that the slices of res
// have; Addr of req is replaced by the address that others are given, NumWant by
// the number that was looked for.
func (t *Tracker) Announce(req *shoal.AnnounceRequest, res *shoal.AnnounceResponse) shoal.Failure {
	s := t.settings.Load()
	if f := s.admit(req); f != shoal.OK {
		return f
	}
	t.swarm.Announce(req, res, t.clock.Now())
	s.tellTime(res)
	return shoal.OK
}

// AnnounceBatch is Announce for many at once: reqs[i] is answered in ress[i],
// or failures[i] says why it is refused. Those whose failure is set already
// are passed over. The three slices are of one length.
func (t *Tracker) AnnounceBatch(reqs []shoal.AnnounceRequest, ress []shoal.AnnounceResponse, failures []shoal.Failure) {
	s := t.settings.Load()
	ress, failures = ress[:len(reqs)], failures[:len(reqs)]
	for i := range reqs {
		if failures[i] == shoal.OK {
			failures[i] = s.admit(&reqs[i])
		}
	}
	t.swarm.AnnounceBatch(reqs, ress, failures, t.clock.Now())
	for i := range ress {
		if failures[i] == shoal.OK {
			s.tellTime(&ress[i])
		}
	}
}

// Leave takes the peer that is a connection out of torrents. No rule has a say:
// it is for connections that have closed.
func (t *Tracker) Leave(hashes []shoal.InfoHash, link shoal.Link) {
	t.swarm.Leave(hashes, link)
}

// Scrape sets counts[i] to the counts of hashes[i], without its WebTorrent
// peers. The slices are of one length.
func (t *Tracker) Scrape(hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) {
	t.swarm.Scrape(hashes, counts)
}

// ScrapeBrowsers is Scrape for the WebTorrent peers alone. Downloaded is that of
// all.
func (t *Tracker) ScrapeBrowsers(hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) {
	t.swarm.ScrapeBrowsers(hashes, counts)
}
