package webtorrent

import (
	"errors"
	"fmt"

	"github.com/shoal-tracker/shoal"
)

// Reply is a message of a tracker. What it left out is zero, and so is a number
// that is not whole or is negative. Its texts are as they came and may hold any
// character, so they need quoting before a terminal shows them.
type Reply struct {
	// Kind is KindUnknown for a message that a client should pass over.
	Kind Kind

	InfoHash shoal.InfoHash // of all but a scrape; a failure need not have it
	PeerID   shoal.PeerID   // of an offer or an answer: who made it
	OfferID  OfferID        // of an offer or an answer
	SDP      Raw            // of an offer or an answer: a JSON object, part of the message that was read

	Interval    uint32 // seconds until the next regular announce
	MinInterval uint32 // seconds before which no announce, or no scrape, is wanted
	Complete    uint32 // seeders
	Incomplete  uint32 // leechers

	Files []File // of a scrape, in the order given; keeps its memory

	Reason  string // of a failure
	RetryIn string // of a failure: minutes after which to try again, or "never" (BEP 31)
	Warning string // to be shown to the user
}

// File is what a scrape tells of one torrent.
type File struct {
	InfoHash shoal.InfoHash
	shoal.ScrapeCounts
}

var errNoObject = errors.New("it must be one JSON object, nested 32 deep at most")

// ParseReply reads a tracker's message into r. It is as strict about JSON as
// Parse. A message with a failure reason is KindFailure, whatever else it says;
// an announce with an offer is KindOffer, and one with an answer KindAnswer.
//
// The memory it takes is proportional to b, which the caller should bound.
func ParseReply(b []byte, r *Reply) error {
	*r = Reply{Files: r.Files[:0]}
	if err := r.read(b); err != nil {
		return fmt.Errorf("reading a tracker's message: %w", err)
	}
	return nil
}

func (r *Reply) read(b []byte) error {
	var fields [replyFields]Raw
	at := skipSpace(b, 0)
	if at == len(b) || b[at] != '{' {
		return errNoObject
	}
	at = readMembers(b, at, maxDepth, ofReply, fields[:])
	if at < 0 || skipSpace(b, at) != len(b) {
		return errNoObject
	}
	r.Warning = text(fields[fieldWarning])

	action := word(fields[fieldAction])
	infoHash := fields[fieldInfoHash]
	switch {
	case fields[fieldReason] != nil:
		r.Kind = KindFailure
		r.Reason = text(fields[fieldReason])
		r.RetryIn = text(fields[fieldRetryIn])
		readBinary(infoHash, (*[20]byte)(&r.InfoHash), true)
		return nil
	case action == wordScrape:
		r.Kind = KindScrape
		return r.readScrape(&fields)
	case action != wordAnnounce:
		return nil
	}

	r.Kind = KindAnnounce
	if !readBinary(infoHash, (*[20]byte)(&r.InfoHash), true) {
		return fmt.Errorf("info_hash %.64q: %w", infoHash, shoal.MessageInfoHash)
	}
	r.Interval = count(fields[fieldInterval])
	r.MinInterval = count(fields[fieldMinInterval])
	r.Complete = count(fields[fieldComplete])
	r.Incomplete = count(fields[fieldIncomplete])
	switch {
	case fields[fieldOffer] != nil:
		r.Kind, r.SDP = KindOffer, fields[fieldOffer]
	case fields[fieldAnswer] != nil:
		r.Kind, r.SDP = KindAnswer, fields[fieldAnswer]
	default:
		return nil
	}
	return r.readRelayed(&fields)
}

// readRelayed reads what an offer and an answer both have.
func (r *Reply) readRelayed(fields *[replyFields]Raw) error {
	id, offerID := fields[fieldPeerID], fields[fieldOfferID]
	if !readBinary(id, (*[20]byte)(&r.PeerID), false) {
		return fmt.Errorf("peer_id %.64q: %w", id, shoal.MessagePeerID)
	}
	if !readBinary(offerID, (*[20]byte)(&r.OfferID), false) {
		return fmt.Errorf("offer_id %.64q: %w", offerID, shoal.MessageOfferID)
	}
	if r.SDP[0] != '{' {
		return fmt.Errorf("%v %.64q: it must be a JSON object", r.Kind, r.SDP)
	}
	return nil
}

// readScrape reads the counts of the torrents, and the flags.
func (r *Reply) readScrape(fields *[replyFields]Raw) error {
	if flags := fields[fieldFlags]; flags != nil && flags[0] == '{' {
		var inside [flagFields]Raw
		readMembers(flags, 0, maxDepth, ofFlags, inside[:])
		r.MinInterval = count(inside[flagMinInterval])
	}
	files := fields[fieldFiles]
	if files == nil {
		return nil
	}
	if files[0] != '{' {
		return fmt.Errorf("files %.64q: it must be a JSON object", files)
	}
	at := 1
	for first := true; ; first = false {
		var key Text
		if key, at = nextMember(files, at, first); key == nil {
			return nil
		}
		var file File
		if !readBinary(Raw(key), (*[20]byte)(&file.InfoHash), true) {
			return fmt.Errorf("files, %.64q: %w", []byte(key), shoal.MessageInfoHash)
		}
		if files[at] != '{' {
			return fmt.Errorf("files, %v: it must be a JSON object", file.InfoHash)
		}
		var counts [countFields]Raw
		at = readMembers(files, at, maxDepth, ofFile, counts[:])
		file.Complete = count(counts[countComplete])
		file.Incomplete = count(counts[countIncomplete])
		file.Downloaded = count(counts[countDownloaded])
		r.Files = append(r.Files, file)
	}
}
