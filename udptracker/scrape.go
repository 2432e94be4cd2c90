package udptracker

import (
	"encoding/binary"

	"github.com/shoal-tracker/shoal"
)

// ParseScrape appends the torrents that a scrape request names, the first
// MaxScrape of them; with room for that many in hashes nothing is allocated.
// One that names none is PacketShort. Torrents named twice are kept: the reply
// has nothing but their order to tell them apart.
func ParseScrape(p []byte, hashes []shoal.InfoHash) ([]shoal.InfoHash, shoal.Failure) {
	if len(p) < ScrapeSize+HashSize {
		return hashes, shoal.PacketShort
	}
	p = p[ScrapeSize:]
	for n := 0; len(p) >= HashSize && n < MaxScrape; n++ {
		hashes = append(hashes, shoal.InfoHash(p[:HashSize]))
		p = p[HashSize:]
	}
	return hashes, shoal.OK
}

// AppendScrape appends a scrape request. Trackers answer the first MaxScrape
// hashes only.
func AppendScrape(dst []byte, connectionID uint64, transaction uint32, hashes []shoal.InfoHash) []byte {
	dst = appendHeader(dst, connectionID, ActionScrape, transaction)
	for i := range hashes {
		dst = append(dst, hashes[i][:]...)
	}
	return dst
}

// AppendScrapeReply appends the reply to a scrape request; counts are in the
// order of the request.
func AppendScrapeReply(dst []byte, transaction uint32, counts []shoal.ScrapeCounts) []byte {
	dst = appendReplyHeader(dst, ActionScrape, transaction)
	for i := range counts {
		dst = binary.BigEndian.AppendUint32(dst, counts[i].Complete)
		dst = binary.BigEndian.AppendUint32(dst, counts[i].Downloaded)
		dst = binary.BigEndian.AppendUint32(dst, counts[i].Incomplete)
	}
	return dst
}

// ParseScrapeReply appends the counts of the reply to a scrape request, in the
// order of the request. There may be fewer than were asked for.
func ParseScrapeReply(p []byte, transaction uint32, counts []shoal.ScrapeCounts) ([]shoal.ScrapeCounts, error) {
	if err := parseReplyHeader(p, ActionScrape, transaction); err != nil {
		return counts, err
	}
	p = p[ReplyHeader:]
	if len(p)%CountsSize != 0 {
		return counts, ErrReplyLength
	}
	for ; len(p) > 0; p = p[CountsSize:] {
		counts = append(counts, shoal.ScrapeCounts{
			Complete:   binary.BigEndian.Uint32(p[0:]),
			Downloaded: binary.BigEndian.Uint32(p[4:]),
			Incomplete: binary.BigEndian.Uint32(p[8:]),
		})
	}
	return counts, nil
}
