package webtorrent

import "github.com/shoal-tracker/shoal"

// AppendAnnounce appends an announce. What req leaves to the tracker is left
// out: Left if it is LeftUnknown, a negative NumWant, and EventNone. Of an offer
// the ID and the SDP are sent; the latter must be valid JSON.
func AppendAnnounce(out []byte, req *shoal.AnnounceRequest, offers []Offer) []byte {
	out = appendSender(out, req)
	out = appendNumber(out, `,"uploaded":`, req.Uploaded)
	out = appendNumber(out, `,"downloaded":`, req.Downloaded)
	if req.Left != shoal.LeftUnknown {
		out = appendNumber(out, `,"left":`, req.Left)
	}
	if req.NumWant >= 0 {
		out = appendNumber(out, `,"numwant":`, uint64(req.NumWant))
	}
	if event := req.Event.String(); event != "" {
		out = append(out, `,"event":`...)
		out = appendString(out, event)
	}
	for i := range offers {
		if i == 0 {
			out = append(out, `,"offers":[`...)
		} else {
			out = append(out, ',')
		}
		out = append(out, `{"offer":`...)
		out = append(out, offers[i].SDP...)
		out = append(out, `,"offer_id":`...)
		out = AppendText(out, offers[i].ID[:])
		out = append(out, '}')
	}
	if len(offers) > 0 {
		out = append(out, ']')
	}
	return append(out, '}')
}

// AppendAnswerTo appends the answer to the offer id that the peer to has made.
// Of req its InfoHash and PeerID are sent. The SDP must be valid JSON.
func AppendAnswerTo(out []byte, req *shoal.AnnounceRequest, to shoal.PeerID, id OfferID, sdp Raw) []byte {
	out = appendSender(out, req)
	out = append(out, `,"to_peer_id":`...)
	out = AppendText(out, to[:])
	out = append(out, `,"offer_id":`...)
	out = AppendText(out, id[:])
	out = append(out, `,"answer":`...)
	out = append(out, sdp...)
	return append(out, '}')
}

// AppendScrape appends a scrape of MaxScrape torrents at most.
func AppendScrape(out []byte, hashes []shoal.InfoHash) []byte {
	out = append(out, `{"action":"scrape","info_hash":[`...)
	for i := range hashes {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendText(out, hashes[i][:])
	}
	return append(out, "]}"...)
}

// appendSender appends what announces and answers begin with.
func appendSender(out []byte, req *shoal.AnnounceRequest) []byte {
	out = append(out, `{"action":"announce","info_hash":`...)
	out = AppendText(out, req.InfoHash[:])
	out = append(out, `,"peer_id":`...)
	return AppendText(out, req.PeerID[:])
}
