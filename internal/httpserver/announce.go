package httpserver

import (
	"net/netip"
	"slices"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
)

// maxNumWant is how many peers of each family a response has at most.
const maxNumWant = 200

// What a peer of a dictionary reply takes at most, and its ID.
const (
	dictionarySize4  = len("d2:ip15:255.255.255.255" + "4:porti65535ee")
	dictionarySize6  = len("d2:ip39:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" + "4:porti65535ee")
	dictionaryIDSize = len("7:peer id20:") + len(shoal.PeerID{})
)

// scratch is the memory of a request in the making. It is pooled and not a
// connection's, because thousands of idle connections must not hold one each.
type scratch struct {
	req    shoal.AnnounceRequest
	res    shoal.AnnounceResponse
	form   httptracker.Form
	peers4 [maxNumWant * shoal.CompactSize4]byte
	peers6 [maxNumWant * shoal.CompactSize6]byte
	ids4   [maxNumWant]shoal.PeerID
	ids6   [maxNumWant]shoal.PeerID

	hashes [httptracker.MaxScrape]shoal.InfoHash
	counts [httptracker.MaxScrape]shoal.ScrapeCounts
}

// announce appends the response to an announce, or returns why it is refused
// and out as it was.
func (s *Server) announce(count *counts, r *request, out []byte) ([]byte, shoal.Failure) {
	if r.nameless != shoal.OK {
		return out, r.nameless
	}
	if !r.fromProxy {
		s.lone.add(r.client, count)
	}
	m := s.scratch.Get().(*scratch)
	defer s.scratch.Put(m)
	// The message has the port, and only the connection the address. Another
	// address that a message has may be a victim's: the tracker decides.
	m.req.Addr, m.req.FromProxy = netip.AddrPortFrom(r.client, 0), r.fromProxy
	if f := httptracker.ParseAnnounce(r.query, &m.req, &m.form); f != shoal.OK {
		return out, f
	}
	m.req.AuthKey = r.authKey(m.req.AuthKey)
	m.req.NumWant = min(m.req.NumWant, maxNumWant)
	if m.form.Dictionary {
		return s.announceDictionary(m, r, out)
	}
	return s.announceCompact(m, r, out)
}

// announceCompact lets the swarm write the IPv4 peers where they will be sent
// from, and the rest of the response is put around them.
func (s *Server) announceCompact(m *scratch, r *request, out []byte) ([]byte, shoal.Failure) {
	const tail = len("6:peers6") + len("3600:") + len(m.peers6) + len("e")
	base := len(out)
	at := base + headroom + httptracker.Headroom
	buf := slices.Grow(out, at-base+len(m.peers4)+tail)[:at]
	m.res = shoal.AnnounceResponse{
		Peers4: buf[at : at : at+len(m.peers4)],
		Peers6: m.peers6[:0],
	}
	if f := s.tracker.Announce(&m.req, &m.res); f != shoal.OK {
		return out, f
	}
	buf = httptracker.AppendAnnounceTail(buf[:at+len(m.res.Peers4)], &m.res)
	start := httptracker.PrependAnnounce(buf, at, &m.res, m.req.Addr.Addr())
	m.res.Peers4 = nil // the engine's memory, not to be held by the pool
	return r.finish(buf, base, start, statusOK), shoal.OK
}

// announceDictionary answers the few that ask for compact=0.
func (s *Server) announceDictionary(m *scratch, r *request, out []byte) ([]byte, shoal.Failure) {
	m.res = shoal.AnnounceResponse{Peers4: m.peers4[:0], Peers6: m.peers6[:0]}
	if !m.form.NoPeerID {
		m.res.IDs4, m.res.IDs6 = m.ids4[:0], m.ids6[:0]
	}
	if f := s.tracker.Announce(&m.req, &m.res); f != shoal.OK {
		return out, f
	}
	base := len(out)
	start := base + headroom
	// These are the largest replies there are. Growing to fit at once keeps
	// what a client can pin by not reading close to what it asked for.
	size := headroom + httptracker.Headroom +
		len(m.res.Peers4)/shoal.CompactSize4*dictionarySize4 +
		len(m.res.Peers6)/shoal.CompactSize6*dictionarySize6 +
		(len(m.res.IDs4)+len(m.res.IDs6))*dictionaryIDSize
	buf := slices.Grow(out, size)[:start]
	buf = httptracker.AppendAnnounceDictionary(buf, &m.res, m.req.Addr.Addr(), m.form.NoPeerID)
	return r.finish(buf, base, start, statusOK), shoal.OK
}
