package webtorrent

import (
	"strconv"
	"unicode/utf8"

	"github.com/shoal-tracker/shoal"
)

// AppendText appends bytes as a JSON string, a character up to U+00FF each. It
// escapes what JSON makes it escape and nothing else, and so writes what
// JavaScript's JSON.stringify does.
func AppendText(out []byte, b []byte) []byte { return appendString(out, b) }

func appendString[S string | []byte](out []byte, s S) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= utf8.RuneSelf:
			out = append(out, 0xc0|c>>6, 0x80|c&0x3f)
		case c >= ' ':
			out = append(out, c)
		case c == '\b':
			out = append(out, '\\', 'b')
		case c == '\t':
			out = append(out, '\\', 't')
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\f':
			out = append(out, '\\', 'f')
		case c == '\r':
			out = append(out, '\\', 'r')
		default:
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(out, '"')
}

// AppendAnnounceReply appends the reply to an announce: when to come again, and
// how many peers there are. The peers themselves come one by one, as offers.
func AppendAnnounceReply(out []byte, infoHash Text, res *shoal.AnnounceResponse) []byte {
	out = append(out, `{"action":"announce","info_hash":`...)
	out = append(out, infoHash...)
	out = appendNumber(out, `,"interval":`, uint64(res.Interval))
	out = appendNumber(out, `,"complete":`, uint64(res.Complete))
	out = appendNumber(out, `,"incomplete":`, uint64(res.Incomplete))
	return append(out, '}')
}

// AppendOffer appends an offer of the peer peerID, for another peer of the
// torrent.
func AppendOffer(out []byte, infoHash *shoal.InfoHash, peerID, offerID Text, sdp Raw) []byte {
	return appendRelayed(out, infoHash, peerID, offerID, `,"offer":`, sdp)
}

// AppendAnswer appends the answer of the peer peerID, for the peer that made the
// offer offerID.
func AppendAnswer(out []byte, infoHash *shoal.InfoHash, peerID, offerID Text, sdp Raw) []byte {
	return appendRelayed(out, infoHash, peerID, offerID, `,"answer":`, sdp)
}

func appendRelayed(out []byte, infoHash *shoal.InfoHash, peerID, offerID Text, name string, sdp Raw) []byte {
	out = append(out, `{"action":"announce","info_hash":`...)
	out = AppendText(out, infoHash[:])
	out = append(out, `,"peer_id":`...)
	out = append(out, peerID...)
	out = append(out, `,"offer_id":`...)
	out = append(out, offerID...)
	out = append(out, name...)
	out = append(out, sdp...)
	return append(out, '}')
}

// AppendScrapeReply appends the reply to a scrape: the counts of each torrent, in
// the order of hashes, and the seconds before which the client should not scrape
// again. There must be as many counts as hashes.
func AppendScrapeReply(out []byte, hashes []shoal.InfoHash, counts []shoal.ScrapeCounts, minInterval uint32) []byte {
	counts = counts[:len(hashes)]
	out = append(out, `{"action":"scrape","files":{`...)
	for i := range hashes {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendText(out, hashes[i][:])
		out = appendNumber(out, `:{"complete":`, uint64(counts[i].Complete))
		out = appendNumber(out, `,"incomplete":`, uint64(counts[i].Incomplete))
		out = appendNumber(out, `,"downloaded":`, uint64(counts[i].Downloaded))
		out = append(out, '}')
	}
	out = appendNumber(out, `},"flags":{"min_request_interval":`, uint64(minInterval))
	return append(out, "}}"...)
}

// AppendFailure appends the reply to a message that is refused. What is not
// known of the message, its kind or its torrent, is left out. Where asking again
// is of no use, or only after some minutes, it says so in the words of BEP 31.
func AppendFailure(out []byte, k Kind, infoHash Text, f shoal.Failure) []byte {
	out = append(out, `{"failure reason":`...)
	out = appendString(out, f.Error())
	switch k {
	case KindAnnounce, KindAnswer:
		out = append(out, `,"action":"announce"`...)
	case KindScrape:
		out = append(out, `,"action":"scrape"`...)
	}
	if len(infoHash) > 0 {
		out = append(out, `,"info_hash":`...)
		out = append(out, infoHash...)
	}
	if f.Never() {
		out = append(out, `,"retry in":"never"`...)
	} else if minutes := f.RetryIn(); minutes > 0 {
		out = append(appendNumber(out, `,"retry in":"`, uint64(minutes)), '"')
	}
	return append(out, '}')
}

// appendNumber appends a name, with what stands around it, and a number.
func appendNumber(out []byte, name string, v uint64) []byte {
	return strconv.AppendUint(append(out, name...), v, 10)
}
