package webtorrent

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"unicode/utf8"

	"github.com/shoal-tracker/shoal"
)

// The naive decoders: the same rules written as plainly as can be, on
// encoding/json and unicode/utf8, for the fuzz targets to compare with.

// naiveMessage returns the fields of a message that are not null, nil if it is
// not acceptable.
func naiveMessage(b []byte) map[string]json.RawMessage {
	if !utf8.Valid(b) || !json.Valid(b) || naiveDepth(b) > 32 {
		return nil
	}
	return naiveObject(b)
}

func naiveObject(v json.RawMessage) (object map[string]json.RawMessage) {
	if json.Unmarshal(v, &object) != nil || object == nil {
		return nil
	}
	maps.DeleteFunc(object, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	return object
}

func naiveDepth(b []byte) (deepest int) {
	depth := 0
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

func naiveString(v json.RawMessage) (s string, ok bool) {
	if len(v) == 0 || v[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(v, &s) == nil
}

func naiveBinary(v json.RawMessage, cut bool) (out [20]byte, ok bool) {
	s, ok := naiveString(v)
	if !ok {
		return out, false
	}
	return naiveBytes(s, cut)
}

func naiveBytes(s string, cut bool) (out [20]byte, ok bool) {
	switch characters := []rune(s); {
	case len(characters) == 20:
		for i, c := range characters {
			if c > 0xff {
				return [20]byte{}, false
			}
			out[i] = byte(c)
		}
		return out, true
	case len(characters) == 40 || len(characters) == 64 && cut:
		decoded, err := hex.DecodeString(s)
		copy(out[:], decoded)
		if err != nil {
			return [20]byte{}, false
		}
		return out, true
	}
	return out, false
}

var naiveDigits = regexp.MustCompile(`^(?:([0-9]+)(?:\.0+)?|"([0-9]+)")$`)

// naiveNumber returns v as a number that is at most limit, or otherwise.
func naiveNumber(v json.RawMessage, limit, otherwise uint64) uint64 {
	found := naiveDigits.FindSubmatch(v)
	if found == nil {
		return otherwise
	}
	n, _ := new(big.Int).SetString(string(found[1])+string(found[2]), 10)
	if !n.IsUint64() {
		return limit
	}
	return min(n.Uint64(), limit)
}

func naiveCount(v json.RawMessage) uint32 { return uint32(naiveNumber(v, math.MaxUint32, 0)) }

func naiveText(v json.RawMessage) string {
	if s, ok := naiveString(v); ok {
		return s
	}
	return string(v)
}

func naiveSDP(v json.RawMessage) shoal.Failure {
	switch {
	case naiveObject(v) == nil:
		return shoal.OffersInvalid
	case len(v) > 16384:
		return shoal.SDPTooLarge
	}
	return shoal.OK
}

func naiveParse(b []byte) (req shoal.AnnounceRequest, m Message, failure shoal.Failure) {
	object := naiveMessage(b)
	if object == nil || len(b) > 65536 {
		return req, m, shoal.MessageInvalid
	}
	hash, hashOK := naiveBinary(object["info_hash"], true)
	if hashOK {
		m.InfoHashText = Text(object["info_hash"])
	}
	action, _ := naiveString(object["action"])
	switch {
	case action == "scrape":
		m.Kind = KindScrape
		failure = naiveScrape(object["info_hash"], &m)
		return req, m, failure
	case action != "announce":
		return req, m, shoal.ActionInvalid
	case object["answer"] != nil:
		m.Kind = KindAnswer
	default:
		m.Kind = KindAnnounce
	}
	id, idOK := naiveBinary(object["peer_id"], false)
	switch {
	case object["info_hash"] == nil:
		return req, m, shoal.InfoHashMissing
	case !hashOK:
		return req, m, shoal.MessageInfoHash
	case object["peer_id"] == nil:
		return req, m, shoal.PeerIDMissing
	case !idOK:
		return req, m, shoal.MessagePeerID
	}
	req = stale()
	req.InfoHash, req.PeerID, req.Claimed = hash, id, netip.Addr{}
	m.PeerIDText = Text(object["peer_id"])
	req.Uploaded = naiveNumber(object["uploaded"], math.MaxUint64, 0)
	req.Downloaded = naiveNumber(object["downloaded"], math.MaxUint64, 0)
	req.Left = naiveNumber(object["left"], math.MaxUint64, math.MaxUint64)
	req.NumWant = -1
	if n := naiveNumber(object["numwant"], math.MaxInt32, math.MaxUint64); n != math.MaxUint64 {
		req.NumWant = int(n)
	}
	event, _ := naiveString(object["event"])
	req.Event = map[string]shoal.Event{"completed": 1, "started": 2, "stopped": 3, "paused": 4}[event]
	if m.Kind == KindAnswer {
		failure = naiveAnswer(object, &m)
	} else if object["offers"] != nil {
		failure = naiveOffers(object["offers"], &m)
	}
	return req, m, failure
}

func naiveScrape(v json.RawMessage, m *Message) shoal.Failure {
	if v == nil {
		return shoal.ScrapeAll
	}
	list := []json.RawMessage{v}
	if v[0] == '[' {
		list = nil
		json.Unmarshal(v, &list)
	}
	for i, v := range list {
		if i == 255 {
			return shoal.ScrapeTooMany
		}
		hash, ok := naiveBinary(v, true)
		if !ok {
			return shoal.MessageInfoHash
		}
		m.Hashes = append(m.Hashes, hash)
	}
	if len(list) == 0 {
		return shoal.ScrapeAll
	}
	return shoal.OK
}

func naiveAnswer(object map[string]json.RawMessage, m *Message) shoal.Failure {
	to, ok := naiveBinary(object["to_peer_id"], false)
	if !ok {
		return shoal.MessageToPeerID
	}
	id, ok := naiveBinary(object["offer_id"], false)
	if !ok {
		return shoal.MessageOfferID
	}
	m.ToPeerID, m.OfferID, m.OfferIDText, m.Answer = to, id, Text(object["offer_id"]), Raw(object["answer"])
	return naiveSDP(object["answer"])
}

func naiveOffers(v json.RawMessage, m *Message) shoal.Failure {
	var list []json.RawMessage
	if v[0] != '[' || json.Unmarshal(v, &list) != nil {
		return shoal.OffersInvalid
	}
	for _, v := range list {
		offer := naiveObject(v)
		if offer == nil {
			return shoal.OffersInvalid
		}
		if failure := naiveSDP(offer["offer"]); failure != shoal.OK {
			return failure
		}
		id, ok := naiveBinary(offer["offer_id"], false)
		if !ok {
			return shoal.MessageOfferID
		}
		if len(m.Offers) < 64 {
			m.Offers = append(m.Offers, Offer{id, Text(offer["offer_id"]), Raw(offer["offer"])})
		}
	}
	return shoal.OK
}

func naiveReply(b []byte) (r Reply, ok bool) {
	object := naiveMessage(b)
	if object == nil {
		return r, false
	}
	r.Warning = naiveText(object["warning message"])
	hash, hashOK := naiveBinary(object["info_hash"], true)
	action, _ := naiveString(object["action"])
	switch {
	case object["failure reason"] != nil:
		r.Kind, r.InfoHash = KindFailure, hash
		r.Reason, r.RetryIn = naiveText(object["failure reason"]), naiveText(object["retry in"])
		return r, true
	case action == "scrape":
		r.Kind = KindScrape
		r.MinInterval = naiveCount(naiveObject(object["flags"])["min_request_interval"])
		return r, naiveFiles(object["files"], &r)
	case action != "announce":
		return r, true
	case !hashOK:
		return r, false
	}
	r.Kind, r.InfoHash = KindAnnounce, hash
	r.Interval, r.MinInterval = naiveCount(object["interval"]), naiveCount(object["min interval"])
	r.Complete, r.Incomplete = naiveCount(object["complete"]), naiveCount(object["incomplete"])
	sdp := object["offer"]
	switch {
	case sdp != nil:
		r.Kind = KindOffer
	case object["answer"] != nil:
		r.Kind, sdp = KindAnswer, object["answer"]
	default:
		return r, true
	}
	id, idOK := naiveBinary(object["peer_id"], false)
	offer, offerOK := naiveBinary(object["offer_id"], false)
	r.PeerID, r.OfferID, r.SDP = id, offer, Raw(sdp)
	return r, idOK && offerOK && naiveObject(sdp) != nil
}

// naiveFiles reads files token by token, because a map has no order.
func naiveFiles(v json.RawMessage, r *Reply) bool {
	if v == nil {
		return true
	}
	d := json.NewDecoder(bytes.NewReader(v))
	if token, _ := d.Token(); token != json.Delim('{') {
		return false
	}
	for d.More() {
		token, _ := d.Token()
		var v json.RawMessage
		d.Decode(&v)
		hash, ok := naiveBytes(token.(string), true)
		counts := naiveObject(v)
		if !ok || counts == nil {
			return false
		}
		r.Files = append(r.Files, File{hash, shoal.ScrapeCounts{
			Complete: naiveCount(counts["complete"]), Incomplete: naiveCount(counts["incomplete"]), Downloaded: naiveCount(counts["downloaded"]),
		}})
	}
	return true
}
