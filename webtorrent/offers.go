package webtorrent

import "github.com/shoal-tracker/shoal"

// readOffers reads the value of offers at b[at] into m.Offers, in place of what
// is there. It returns the index behind it, or -1 if it is no JSON, and what is
// wrong with the first offer that is not right.
func (m *Message) readOffers(b []byte, at int) (int, shoal.Failure) {
	m.Offers = m.Offers[:0]
	if b[at] != '[' {
		start := at
		at = skipValue(b, at, maxDepth-1)
		if at < 0 || present(b[start:at]) == nil {
			return at, shoal.OK
		}
		return at, shoal.OffersInvalid
	}
	failure := shoal.OK
	at++
	for first := true; ; first = false {
		var more bool
		if at, more = nextElement(b, at, first); !more {
			return at, failure
		}
		var offer Offer
		var fault shoal.Failure
		if at, fault = readOffer(b, at, &offer); at < 0 {
			return at, failure
		}
		switch {
		case failure != shoal.OK:
		case fault != shoal.OK:
			failure = fault
		case len(m.Offers) < MaxOffers:
			m.Offers = append(m.Offers, offer)
		}
	}
}

// readOffer reads the value at b[at] in a list of offers. It returns the index
// behind it, or -1 if it is no JSON, and what is wrong with it as an offer.
func readOffer(b []byte, at int, offer *Offer) (int, shoal.Failure) {
	if b[at] != '{' {
		return skipValue(b, at, maxDepth-2), shoal.OffersInvalid
	}
	at++
	for first := true; ; first = false {
		var key Text
		if key, at = nextMember(b, at, first); key == nil {
			break
		}
		start := at
		switch ofOffer.find(key) {
		case fieldOfferID:
			var ok bool
			at, ok = scanBinary(b, at, maxDepth-3, (*[20]byte)(&offer.ID), false)
			if offer.IDText = nil; ok {
				offer.IDText = b[start:at]
			}
		case fieldSDP:
			if at = skipSDP(b, at); at >= 0 {
				offer.SDP = present(b[start:at])
			}
		default:
			at = skipValue(b, at, maxDepth-3)
		}
		if at < 0 {
			return at, shoal.OK
		}
	}
	failure := checkSDP(offer.SDP)
	if failure == shoal.OK && offer.IDText == nil {
		failure = shoal.MessageOfferID
	}
	return at, failure
}

// skipSDP is skipValue for what an offer in a list offers. Every browser writes
// it in the same words, so they are looked for first.
func skipSDP(b []byte, i int) int {
	const usual = `{"type":"offer","sdp":"`
	if quote := i + len(usual) - 1; quote < len(b) && string(b[i:quote+1]) == usual {
		if end := skipText(b, quote+1); end >= 0 && end < len(b) && b[end] == '}' {
			return end + 1
		}
	}
	return skipValue(b, i, maxDepth-3)
}

// checkSDP tells whether a value may be passed on as an offer or an answer.
// Browsers send and expect objects; what is in them is between the two.
func checkSDP(v Raw) shoal.Failure {
	switch {
	case v == nil || v[0] != '{':
		return shoal.OffersInvalid
	case len(v) > MaxSDP:
		return shoal.SDPTooLarge
	}
	return shoal.OK
}
