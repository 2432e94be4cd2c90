package httptracker

import (
	"slices"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
)

// MaxScrape is how many torrents one scrape may ask about; those beyond are
// left out of its answer.
const MaxScrape = 100

// ParseScrape reads the query of a scrape (BEP 48), without its '?', and
// appends the torrents it names to hashes: each once, in the order named, the
// first MaxScrape of them. Naming none asks for every torrent there is, which
// is refused. After a failure nothing has been appended.
func ParseScrape(query []byte, hashes []shoal.InfoHash) ([]shoal.InfoHash, shoal.Failure) {
	start := len(hashes)
	p := newParameters(query)
	for len(hashes)-start < MaxScrape {
		name, value, ok := p.next()
		if !ok {
			break
		}
		if string(name) != "info_hash" {
			continue
		}
		var hash shoal.InfoHash
		if failure := parseInfoHash(value, &hash); failure != shoal.OK {
			return hashes[:start], failure
		}
		if !slices.Contains(hashes[start:], hash) {
			hashes = append(hashes, hash)
		}
	}
	if len(hashes) == start {
		return hashes, shoal.ScrapeAll
	}
	return hashes, shoal.OK
}

// AppendScrape appends the reply to a scrape: the counts of each torrent, in
// the order of hashes, and the seconds before which the client should not
// scrape again (BEP 48's min_request_interval). There must be as many counts
// as hashes.
func AppendScrape(dst []byte, hashes []shoal.InfoHash, counts []shoal.ScrapeCounts, minRequestInterval uint32) []byte {
	counts = counts[:len(hashes)]
	dst = append(dst, "d5:filesd"...)
	for i := range hashes {
		dst = bencode.AppendBytes(dst, hashes[i][:])
		dst = append(dst, "d8:complete"...)
		dst = bencode.AppendUint(dst, uint64(counts[i].Complete))
		dst = append(dst, "10:downloaded"...)
		dst = bencode.AppendUint(dst, uint64(counts[i].Downloaded))
		dst = append(dst, "10:incomplete"...)
		dst = bencode.AppendUint(dst, uint64(counts[i].Incomplete))
		dst = append(dst, 'e')
	}
	dst = append(dst, "e5:flagsd20:min_request_interval"...)
	dst = bencode.AppendUint(dst, uint64(minRequestInterval))
	return append(dst, "ee"...)
}
