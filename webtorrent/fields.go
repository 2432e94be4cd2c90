package webtorrent

import "bytes"

// fieldSet is what names mean something in one kind of object.
type fieldSet uint8

const (
	ofNothing fieldSet = iota
	ofMessage          // of a client
	ofOffer            // in a list of them
	ofReply
	ofFlags // of a scrape's reply
	ofFile  // in a scrape's reply: the counts of one torrent
	ofWords // no names: what action and event may say
)

// The fields of a client's message. Whatever has no meaning is fieldUnknown, in
// every set.
const (
	fieldUnknown = iota
	fieldAction
	fieldInfoHash
	fieldPeerID
	fieldOfferID
	fieldAnswer
	fieldOffers
	fieldToPeerID
	fieldEvent
	fieldNumWant
	fieldLeft
	fieldUploaded
	fieldDownloaded
	messageFields // how many there are
)

// fieldSDP is the field of an offer that stands beside its fieldOfferID.
const fieldSDP = messageFields

// The fields of a tracker's message and of the objects in it, after those it
// shares with a client's.
const (
	fieldOffer = fieldAnswer + 1 + iota
	fieldInterval
	fieldMinInterval
	fieldComplete
	fieldIncomplete
	fieldFiles
	fieldFlags
	fieldReason
	fieldRetryIn
	fieldWarning
	replyFields // how many there are
)

// The counts of one torrent, and the flags of a scrape's reply.
const (
	countComplete = 1 + iota
	countIncomplete
	countDownloaded
	countFields // how many there are

	flagMinInterval = 1
	flagFields      = 2
)

// The words that action and event have a meaning by.
const (
	wordAnnounce = 1 + iota
	wordScrape
	wordStarted
	wordStopped
	wordCompleted
	wordPaused
)

// longestName is how many characters the longest name in all sets has, which is
// min_request_interval.
const longestName = 20

// find returns which of the set is meant by a string, which may spell it with
// escapes: fieldUnknown if none is.
func (set fieldSet) find(t Text) int {
	name := t[1 : len(t)-1]
	field := set.named(name)
	if field == fieldUnknown && bytes.IndexByte(name, '\\') >= 0 {
		var room [longestName]byte
		if n := characters(room[:], t); n >= 0 {
			return set.named(room[:n])
		}
	}
	return field
}

// named calls the set's function by a switch, not through a value: what is
// given to a function nobody knows beforehand is allocated.
func (set fieldSet) named(name []byte) int {
	switch set {
	case ofMessage:
		return messageField(name)
	case ofOffer:
		return offerField(name)
	case ofReply:
		return replyField(name)
	case ofFlags:
		return flagField(name)
	case ofFile:
		return fileField(name)
	case ofWords:
		return wordNamed(name)
	}
	return fieldUnknown
}

func messageField(name []byte) int {
	switch string(name) {
	case "action":
		return fieldAction
	case "info_hash":
		return fieldInfoHash
	case "peer_id":
		return fieldPeerID
	case "offer_id":
		return fieldOfferID
	case "answer":
		return fieldAnswer
	case "offers":
		return fieldOffers
	case "to_peer_id":
		return fieldToPeerID
	case "event":
		return fieldEvent
	case "numwant":
		return fieldNumWant
	case "left":
		return fieldLeft
	case "uploaded":
		return fieldUploaded
	case "downloaded":
		return fieldDownloaded
	}
	return fieldUnknown
}

func offerField(name []byte) int {
	switch string(name) {
	case "offer":
		return fieldSDP
	case "offer_id":
		return fieldOfferID
	}
	return fieldUnknown
}

func replyField(name []byte) int {
	switch string(name) {
	case "action":
		return fieldAction
	case "info_hash":
		return fieldInfoHash
	case "peer_id":
		return fieldPeerID
	case "offer_id":
		return fieldOfferID
	case "answer":
		return fieldAnswer
	case "offer":
		return fieldOffer
	case "interval":
		return fieldInterval
	case "min interval":
		return fieldMinInterval
	case "complete":
		return fieldComplete
	case "incomplete":
		return fieldIncomplete
	case "files":
		return fieldFiles
	case "flags":
		return fieldFlags
	case "failure reason":
		return fieldReason
	case "retry in":
		return fieldRetryIn
	case "warning message":
		return fieldWarning
	}
	return fieldUnknown
}

func flagField(name []byte) int {
	if string(name) == "min_request_interval" {
		return flagMinInterval
	}
	return fieldUnknown
}

func fileField(name []byte) int {
	switch string(name) {
	case "complete":
		return countComplete
	case "incomplete":
		return countIncomplete
	case "downloaded":
		return countDownloaded
	}
	return fieldUnknown
}

func wordNamed(name []byte) int {
	switch string(name) {
	case "announce":
		return wordAnnounce
	case "scrape":
		return wordScrape
	case "started":
		return wordStarted
	case "stopped":
		return wordStopped
	case "completed":
		return wordCompleted
	case "paused":
		return wordPaused
	}
	return fieldUnknown
}

// word returns the word that a value is.
func word(v Raw) int {
	if len(v) == 0 || v[0] != '"' {
		return fieldUnknown
	}
	return ofWords.find(Text(v))
}
