package httptracker

import (
	"strconv"

	"github.com/shoal-tracker/shoal"
)

// AppendAnnounceQuery appends the query of an announce, to stand after the '?'
// or '&' of an announce URL. What req leaves to the tracker is left out: Left
// if it is LeftUnknown, a negative NumWant, and EventNone. The address of
// req.Addr is not sent: trackers take the connection's.
func AppendAnnounceQuery(dst []byte, req *shoal.AnnounceRequest) []byte {
	dst = append(dst, "info_hash="...)
	dst = appendEscaped(dst, req.InfoHash[:])
	dst = append(dst, "&peer_id="...)
	dst = appendEscaped(dst, req.PeerID[:])
	dst = append(dst, "&port="...)
	dst = strconv.AppendUint(dst, uint64(req.Addr.Port()), 10)
	dst = append(dst, "&uploaded="...)
	dst = strconv.AppendUint(dst, req.Uploaded, 10)
	dst = append(dst, "&downloaded="...)
	dst = strconv.AppendUint(dst, req.Downloaded, 10)
	if req.Left != shoal.LeftUnknown {
		dst = append(dst, "&left="...)
		dst = strconv.AppendUint(dst, req.Left, 10)
	}
	if req.NumWant >= 0 {
		dst = append(dst, "&numwant="...)
		dst = strconv.AppendInt(dst, int64(req.NumWant), 10)
	}
	if event := req.Event.String(); event != "" {
		dst = append(dst, "&event="...)
		dst = append(dst, event...)
	}
	return append(dst, "&compact=1"...)
}

// AppendScrapeQuery appends the query of a scrape (BEP 48), to stand after the
// '?' or '&' of a scrape URL. Trackers answer no more than some dozens of
// torrents at once; MaxScrape is what this package answers.
func AppendScrapeQuery(dst []byte, hashes []shoal.InfoHash) []byte {
	for i := range hashes {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, "info_hash="...)
		dst = appendEscaped(dst, hashes[i][:])
	}
	return dst
}

// appendEscaped appends b, with all but RFC 3986's unreserved characters as %XX.
func appendEscaped(dst, b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z',
			c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}
