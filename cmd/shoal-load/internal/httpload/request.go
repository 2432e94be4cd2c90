package httpload

import (
	"net/netip"
	"strings"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/httptracker"
)

// form is what stands around the query of a request.
type form struct {
	announcePath, scrapePath string // from the method to the query's beginning
	tail                     string // from the query's end
	numWant                  int
	event                    shoal.Event
}

func newForm(p *plan.Plan) form {
	f := form{
		announcePath: "GET " + withQuery(p.Path), scrapePath: "GET " + withQuery(scrapePath(p.Path)),
		tail:    " HTTP/1.1\r\nHost: " + p.Host + "\r\nUser-Agent: shoal-load\r\n",
		numWant: p.NumWant,
	}
	if p.Fill {
		f.event = shoal.EventStarted
	}
	if !p.KeepAlive {
		f.tail += "Connection: close\r\n"
	}
	f.tail += "\r\n"
	return f
}

// withQuery returns a path to which a query, or more of one, can be appended.
func withQuery(path string) string {
	if strings.Contains(path, "?") {
		return path + "&"
	}
	return path + "?"
}

// scrapePath returns the path of scrapes that belongs to one of announces, by
// the custom of BEP 48.
func scrapePath(announce string) string {
	path, query, _ := strings.Cut(announce, "?")
	if i := strings.LastIndex(path, "/announce"); i >= 0 && !strings.Contains(path[i+1:], "/") {
		path = path[:i] + "/scrape" + path[i+len("/announce"):]
	}
	if query != "" {
		path += "?" + query
	}
	return path
}

// announce appends the announce of a peer.
func (f *form) announce(dst []byte, pop *population.Population, number uint64) []byte {
	var peer population.Peer
	pop.Describe(number, &peer)
	req := shoal.AnnounceRequest{
		InfoHash: pop.Hash(peer.Torrent),
		PeerID:   peer.ID,
		Addr:     netip.AddrPortFrom(netip.Addr{}, peer.Port),
		Left:     peer.Left,
		NumWant:  f.numWant,
		Event:    f.event,
	}
	dst = append(dst, f.announcePath...)
	dst = httptracker.AppendAnnounceQuery(dst, &req)
	dst = append(dst, "&key="...)
	dst = append(dst, peer.ID[12:]...)
	return append(dst, f.tail...)
}

// scrape appends a scrape.
func (f *form) scrape(dst []byte, hashes []shoal.InfoHash) []byte {
	dst = append(dst, f.scrapePath...)
	dst = httptracker.AppendScrapeQuery(dst, hashes)
	return append(dst, f.tail...)
}
