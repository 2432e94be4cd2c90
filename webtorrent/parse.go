package webtorrent

import (
	"math"
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// Parse reads a client's message: what an announce or an answer says of its
// sender into req, of which it sets every field but Addr, Link, AuthKey, Hidden
// and FromProxy, and the rest into m. Of a scrape all is in m.
//
// The whole message must be strict JSON in valid UTF-8: one object, nested 32
// deep at most, of MaxMessage bytes at most. Of a field given twice the last
// counts, null counts as not given, and fields it doesn't know are passed over.
//
// An announce needs an action, an info hash and a peer ID. It is an answer if
// its answer is not null; then it needs an offer ID and the peer that it answers,
// and its offers are passed over. Each of these is 20 characters up to U+00FF or
// 40 hexadecimal digits; an info hash may also have 64 (BEP 52), and is cut. A
// number that is not whole or is negative counts as not given, as does an event
// it doesn't know; a string of digits counts as a number.
//
// After a failure only m.Kind and m.InfoHashText mean anything: they are as far
// as the message was understood, for AppendFailure.
func Parse(b []byte, req *shoal.AnnounceRequest, m *Message) shoal.Failure {
	*m = Message{Offers: m.Offers[:0], Hashes: m.Hashes[:0]}
	if len(b) > MaxMessage {
		return shoal.MessageInvalid
	}
	at := skipSpace(b, 0)
	if at == len(b) || b[at] != '{' {
		return shoal.MessageInvalid
	}

	var fields [messageFields]Raw
	offersFailure := shoal.OK
	hashKnown, idKnown := false, false
	at++
	for first := true; ; first = false {
		var key Text
		if key, at = nextMember(b, at, first); key == nil {
			break
		}
		start, field := at, ofMessage.find(key)
		switch field {
		case fieldOffers: // read on the way, because it is nearly the whole message
			at, offersFailure = m.readOffers(b, at)
		case fieldInfoHash:
			at, hashKnown = scanBinary(b, at, maxDepth-1, (*[20]byte)(&req.InfoHash), true)
		case fieldPeerID:
			at, idKnown = scanBinary(b, at, maxDepth-1, (*[20]byte)(&req.PeerID), false)
		default:
			at = skipValue(b, at, maxDepth-1)
		}
		if at < 0 {
			return shoal.MessageInvalid
		}
		fields[field] = present(b[start:at])
	}
	if at < 0 || skipSpace(b, at) != len(b) {
		return shoal.MessageInvalid
	}

	infoHash := fields[fieldInfoHash]
	if hashKnown {
		m.InfoHashText = Text(infoHash)
	}
	switch word(fields[fieldAction]) {
	case wordAnnounce:
		m.Kind = KindAnnounce
		if fields[fieldAnswer] != nil {
			m.Kind = KindAnswer
		}
	case wordScrape:
		m.Kind = KindScrape
		m.Offers = m.Offers[:0]
		return m.readHashes(infoHash, hashKnown, req)
	default:
		return shoal.ActionInvalid
	}
	switch {
	case infoHash == nil:
		return shoal.InfoHashMissing
	case !hashKnown:
		return shoal.MessageInfoHash
	case fields[fieldPeerID] == nil:
		return shoal.PeerIDMissing
	case !idKnown:
		return shoal.MessagePeerID
	}
	m.PeerIDText = Text(fields[fieldPeerID])
	readAnnounce(&fields, req)
	if m.Kind == KindAnswer {
		m.Offers = m.Offers[:0]
		return m.readAnswer(&fields)
	}
	return offersFailure
}

// readAnnounce reads what an announce may say of its sender.
func readAnnounce(fields *[messageFields]Raw, req *shoal.AnnounceRequest) {
	req.Claimed = netip.Addr{}
	req.Uploaded, _ = number(fields[fieldUploaded])
	req.Downloaded, _ = number(fields[fieldDownloaded])
	req.Left = shoal.LeftUnknown
	if v, ok := number(fields[fieldLeft]); ok {
		req.Left = v
	}
	req.NumWant = shoal.NumWantDefault
	if v, ok := number(fields[fieldNumWant]); ok {
		req.NumWant = int(min(v, math.MaxInt32))
	}
	switch word(fields[fieldEvent]) {
	case wordStarted:
		req.Event = shoal.EventStarted
	case wordStopped:
		req.Event = shoal.EventStopped
	case wordCompleted:
		req.Event = shoal.EventCompleted
	case wordPaused:
		req.Event = shoal.EventPaused
	default:
		req.Event = shoal.EventNone
	}
}

// readAnswer reads what makes an announce an answer.
func (m *Message) readAnswer(fields *[messageFields]Raw) shoal.Failure {
	if !readBinary(fields[fieldToPeerID], (*[20]byte)(&m.ToPeerID), false) {
		return shoal.MessageToPeerID
	}
	if !readBinary(fields[fieldOfferID], (*[20]byte)(&m.OfferID), false) {
		return shoal.MessageOfferID
	}
	m.OfferIDText = Text(fields[fieldOfferID])
	m.Answer = fields[fieldAnswer]
	return checkSDP(m.Answer)
}

// readHashes reads the torrents of a scrape: one, or a list. Without any it asks
// for all there are.
func (m *Message) readHashes(v Raw, single bool, req *shoal.AnnounceRequest) shoal.Failure {
	switch {
	case v == nil:
		return shoal.ScrapeAll
	case single:
		m.Hashes = append(m.Hashes, req.InfoHash)
		return shoal.OK
	case v[0] != '[':
		return shoal.MessageInfoHash
	}
	at := 1
	for first := true; ; first = false {
		var more bool
		if at, more = nextElement(v, at, first); !more {
			break
		}
		if len(m.Hashes) == MaxScrape {
			return shoal.ScrapeTooMany
		}
		start := at
		at = skipValue(v, at, maxDepth)
		var hash shoal.InfoHash
		if !readBinary(v[start:at], (*[20]byte)(&hash), true) {
			return shoal.MessageInfoHash
		}
		m.Hashes = append(m.Hashes, hash)
	}
	if len(m.Hashes) == 0 {
		return shoal.ScrapeAll
	}
	return shoal.OK
}
