package wsserver

import (
	"net/netip"
	"unicode/utf8"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// maxStrikes is how many messages in a row may be refused. Whoever sends more of
// them will not stop by himself.
const maxStrikes = 10

// message answers one message.
func (c *connection) message(conn *streamio.Conn, is opcode, message, out []byte) (reply []byte, wrong closeCode) {
	m := c.server.borrow()
	defer c.server.giveBack(m)
	m.req.Addr, m.req.Link, m.req.FromProxy = netip.AddrPortFrom(c.from, 0), conn.Link(), false
	failure := webtorrent.Parse(message, &m.req, &m.message)
	m.req.AuthKey = c.authKey()
	asked := unreadKind
	if failure == shoal.OK {
		s := c.server.settings.Load()
		switch m.message.Kind {
		case webtorrent.KindAnnounce:
			asked = announceKind
			out, failure = c.announce(s, m, out)
		case webtorrent.KindAnswer:
			asked = answerKind
			out, failure = c.answer(conn, s, m, out)
		case webtorrent.KindScrape:
			asked = scrapeKind
			out, failure = c.scrape(m, out)
		default:
			failure = shoal.ActionInvalid
		}
	}
	if failure == shoal.OK {
		c.counts.answered[asked].Add(1)
		c.strikes = 0
		return out, noCode
	}

	c.counts.refused[asked].Add(1)
	if is == text && !utf8.Valid(message) {
		return out, codeText
	}
	out, at := beginFrame(out)
	out = endFrame(webtorrent.AppendFailure(out, m.message.Kind, m.message.InfoHashText, failure), at)
	if c.strikes += c.strikeFor(failure); c.strikes >= maxStrikes {
		return out, codePolicy
	}
	return out, noCode
}

// strikeFor returns 1 if a refusal is the client's fault, which it is not if an
// honest one could not know. One with a torrent too many would otherwise be
// closed, come back and announce the thousand others again, for ever. So would
// one whose key has expired, or whose torrents are not registered yet: it is told
// when to ask again, and asks over this connection.
func (c *connection) strikeFor(f shoal.Failure) uint8 {
	switch {
	case f == shoal.TorrentsTooMany, f.RetryIn() > 0:
		return 0
	case f == shoal.OfferGone && c.forgotten > 0:
		c.forgotten--
		return 0
	}
	return 1
}

// announce answers an announce, and passes its offers on.
func (c *connection) announce(s *settings, m *scratch, out []byte) ([]byte, shoal.Failure) {
	hash := m.req.InfoHash
	place, stops := c.torrents.find(&hash), m.req.Event == shoal.EventStopped
	if place < 0 && !stops && len(c.torrents) >= maxTorrents {
		return out, shoal.TorrentsTooMany
	}
	offers := m.message.Offers
	want := min(len(offers), s.maxOffers)
	if m.req.NumWant >= 0 {
		want = min(want, m.req.NumWant)
	}
	m.req.NumWant = want
	m.res = shoal.AnnounceResponse{Links: m.links[:0:want]}
	if f := c.server.tracker.Announce(&m.req, &m.res); f != shoal.OK {
		if place >= 0 {
			// Whoever is refused now, and was not before, may not answer any more:
			// offers would be lost on it.
			c.server.tracker.Leave(c.torrents[place:place+1], m.req.Link)
			c.torrents.remove(place)
		}
		return out, f
	}
	switch {
	case stops && place >= 0:
		c.torrents.remove(place)
	case !stops && place < 0:
		c.torrents = append(c.torrents, hash)
	}
	out = m.appendReply(s, out)
	for i, to := range m.res.Links {
		c.relayOffer(m, to, &offers[i])
	}
	if n := len(offers) - len(m.res.Links); n > 0 {
		c.counts.offersUnmatched.Add(uint64(n))
	}
	return out, shoal.OK
}

// appendReply appends what an announce is answered with.
func (m *scratch) appendReply(s *settings, out []byte) []byte {
	m.res.Interval = s.draw()
	out, at := beginFrame(out)
	return endFrame(webtorrent.AppendAnnounceReply(out, m.message.InfoHashText, &m.res), at)
}

// answer passes an answer on to the one whose offer it is for. It says nothing
// of the one who answers: nobody's role changes by it.
func (c *connection) answer(conn *streamio.Conn, s *settings, m *scratch, out []byte) ([]byte, shoal.Failure) {
	c.forget(c.offers.expire(conn.Now()))
	if f := c.server.tracker.Permit(m.req.AuthKey, &m.req.InfoHash); f != shoal.OK {
		return out, f
	}
	m.key.set(&m.req.InfoHash, &m.message.OfferID, &m.message.ToPeerID)
	to, ok := c.offers.take(c.server.keyOf(&m.key))
	if !ok {
		return out, shoal.OfferGone
	}
	c.relayAnswer(m, to)
	if !s.answerReplies {
		return out, shoal.OK
	}
	m.hash[0] = m.req.InfoHash
	// Should it be refused by now, the counts are zeroes: it was let in before.
	_ = c.server.tracker.ScrapeBrowsers(m.req.AuthKey, m.hash[:], m.counts[:1])
	m.res = shoal.AnnounceResponse{Complete: m.counts[0].Complete, Incomplete: m.counts[0].Incomplete}
	return m.appendReply(s, out), shoal.OK
}

// scrape answers a scrape.
func (c *connection) scrape(m *scratch, out []byte) ([]byte, shoal.Failure) {
	hashes := m.message.Hashes
	counts := m.counts[:len(hashes)]
	if f := c.server.tracker.ScrapeBrowsers(m.req.AuthKey, hashes, counts); f != shoal.OK {
		return out, f
	}
	out, at := beginFrame(out)
	return endFrame(webtorrent.AppendScrapeReply(out, hashes, counts, c.server.tracker.MinInterval()), at), shoal.OK
}
