// Package webtorrent speaks the tracker protocol of WebTorrent, bytes only and
// from both sides: the JSON messages by which browsers announce, hand each other
// WebRTC offers and answers through the tracker, and scrape. No BEP describes
// it; bytes stand in strings as one character up to U+00FF each.
//
// A server reads messages with [Parse] and writes with [AppendAnnounceReply],
// [AppendOffer], [AppendAnswer], [AppendScrapeReply] and [AppendFailure], none of
// which allocates. A client writes with [AppendAnnounce], [AppendAnswerTo] and
// [AppendScrape] and reads with [ParseReply]. WebSocket and its frames are left
// to the caller.
//
// What one peer says to another, the offer and the answer, is never decoded:
// the whole message is checked to be strict JSON (RFC 8259) in valid UTF-8, and
// the object is passed on as it stood. So no peer can send another anything but
// one JSON object where an offer or an answer belongs.
package webtorrent

import "github.com/shoal-tracker/shoal"

const (
	// MaxMessage is how many bytes a client's message may have.
	MaxMessage = 64 << 10

	// MaxSDP is how many bytes the object of an offer or an answer may have.
	MaxSDP = 16 << 10

	// MaxOffers is how many offers are read of one announce. Those that follow
	// are checked and passed over.
	MaxOffers = 64

	// MaxScrape is how many torrents one scrape may ask about.
	MaxScrape = 255

	// maxDepth is how deep a message may be nested, the message included. An
	// offer stands at the fourth level.
	maxDepth = 32
)

// OfferID is by what an answer names the offer it answers. The offering client
// makes it up.
type OfferID [20]byte

// Text is a JSON string as it stood in a message, quotes included: valid JSON
// that can be passed on as it is. Nil is none.
type Text []byte

// Raw is a JSON value as it stood in a message, without space around it. Nil is
// none.
type Raw []byte

// Kind is what a message is.
type Kind uint8

// The kinds of messages, in both directions.
const (
	KindUnknown  Kind = iota
	KindAnnounce      // or the reply to one
	KindAnswer        // of one peer to an offer of another
	KindScrape        // or the reply to one
	KindOffer         // of another peer; sent by trackers only
	KindFailure       // sent by trackers only
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case KindAnnounce:
		return "announce"
	case KindAnswer:
		return "answer"
	case KindScrape:
		return "scrape"
	case KindOffer:
		return "offer"
	case KindFailure:
		return "failure"
	}
	return "unknown"
}

// Offer is one offer of an announce, meant for a peer that the tracker picks.
type Offer struct {
	ID     OfferID
	IDText Text // ID as it was written
	SDP    Raw  // a JSON object, MaxSDP bytes at most
}

// Message is what a client's message says beside what an AnnounceRequest holds.
// A worker owns one and uses it again: Offers and Hashes keep their memory, and
// all other slices are parts of the message that was read.
type Message struct {
	Kind Kind

	// InfoHashText and PeerIDText are the info hash and the peer ID as they were
	// written. A scrape has the former if it names one torrent without a list.
	InfoHashText, PeerIDText Text

	Offers []Offer // of an announce, MaxOffers at most

	ToPeerID    shoal.PeerID // of an answer: who made the offer
	OfferID     OfferID      // of an answer
	OfferIDText Text         // of an answer
	Answer      Raw          // of an answer: a JSON object, MaxSDP bytes at most

	Hashes []shoal.InfoHash // of a scrape, in the order named
}
