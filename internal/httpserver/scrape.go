package httpserver

import (
	"slices"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
)

// scrape appends the response to a scrape, or returns why it is refused and
// out as it was.
func (s *Server) scrape(r *request, out []byte) ([]byte, shoal.Failure) {
	m := s.scratch.Get().(*scratch)
	defer s.scratch.Put(m)
	hashes, f := httptracker.ParseScrape(r.query, m.hashes[:0])
	if f != shoal.OK {
		return out, f
	}
	counts := m.counts[:len(hashes)]
	if f := s.tracker.Scrape(r.authKey(httptracker.Passkey(r.query)), hashes, counts); f != shoal.OK {
		return out, f
	}
	base := len(out)
	start := base + headroom
	buf := slices.Grow(out, headroom)[:start]
	buf = httptracker.AppendScrape(buf, hashes, counts, s.tracker.MinInterval())
	return r.finish(buf, base, start, statusOK), shoal.OK
}
