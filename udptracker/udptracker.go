// Package udptracker reads and writes the packets of the UDP tracker protocol
// (BEP 15, with the URL data of BEP 41), for trackers and for clients.
//
// It knows bytes only: no sockets, no clock, no state. Every integer is in
// network byte order. A client connects first, to prove that it receives what
// is sent to its address, and shows the connection ID with every request.
//
// Connect:
//
//	request: 0             8          12            16
//	         | protocol ID | action=0 | transaction |
//
//	reply:   0          4             8               16
//	         | action=0 | transaction | connection ID |
//
// Announce:
//
//	request: 0               8          12            16          36        56
//	         | connection ID | action=1 | transaction | info hash | peer ID |
//	         56           64     72         80      84   88    92        96     98
//	         | downloaded | left | uploaded | event | IP | key | numwant | port | options
//
//	reply:   0          4             8          12           16         20
//	         | action=1 | transaction | interval | incomplete | complete | peers
//
// The options behind it carry the path and query of the tracker's URL. A peer
// takes 6 bytes over IPv4 and 18 over IPv6: the family is that of the packet,
// nothing inside says it.
//
// Scrape:
//
//	request: 0               8          12            16
//	         | connection ID | action=2 | transaction | info hash | info hash …
//
//	reply:   0          4             8          12           16           20
//	         | action=2 | transaction | complete | downloaded | incomplete | complete …
//
// Error, in place of any reply:
//
//	0          4             8
//	| action=3 | transaction | text
//
// Request parsers never look at the connection ID and replies are never sent
// from here: that a connection ID is genuine has to be checked first, because
// source addresses are easily forged and an announce reply is several times
// the size of its request.
package udptracker

import (
	"encoding/binary"
	"errors"
)

// ProtocolID stands in place of a connection ID in a connect request.
const ProtocolID uint64 = 0x41727101980

// Actions of requests and replies.
const (
	ActionConnect  uint32 = 0
	ActionAnnounce uint32 = 1
	ActionScrape   uint32 = 2
	ActionError    uint32 = 3 // replies only
)

// Sizes in bytes.
const (
	HeaderSize     = 16 // of every request's beginning
	ConnectSize    = 16 // of a connect request, and of its reply
	AnnounceSize   = 98 // of an announce request without options
	ScrapeSize     = 16 // of a scrape request, and HashSize more a torrent
	HashSize       = 20 // of an info hash
	AnnounceHeader = 20 // of an announce reply without peers
	ReplyHeader    = 8  // of a scrape reply and of an error
	CountsSize     = 12 // of a torrent in a scrape reply
)

// MaxScrape is how many torrents one scrape may name: BEP 15's "about 74",
// which keeps request and reply within one packet of any usual path.
const MaxScrape = 74

// Header is what every request begins with.
type Header struct {
	ConnectionID uint64 // ProtocolID in a connect request
	Action       uint32
	Transaction  uint32 // chosen by the client, echoed by the reply
}

// ParseHeader reads a request's header; ok is false when p is too short to be
// a request.
func ParseHeader(p []byte) (h Header, ok bool) {
	if len(p) < HeaderSize {
		return Header{}, false
	}
	return Header{
		ConnectionID: binary.BigEndian.Uint64(p),
		Action:       binary.BigEndian.Uint32(p[8:]),
		Transaction:  binary.BigEndian.Uint32(p[12:]),
	}, true
}

// What can be wrong with a reply. A client should go on waiting after
// ErrReplyTransaction, and after anything shorter than ReplyHeader: whoever
// guesses its port can send such packets. The rest only comes from someone who
// knows the transaction.
var (
	ErrReplyShort       = errors.New("reply is too short for its action")
	ErrReplyTransaction = errors.New("reply is to another transaction")
	ErrReplyAction      = errors.New("reply has another action than the request")
	ErrReplyLength      = errors.New("reply does not end where an entry ends")
)

// appendHeader appends a request's header.
func appendHeader(dst []byte, connectionID uint64, action, transaction uint32) []byte {
	dst = binary.BigEndian.AppendUint64(dst, connectionID)
	dst = binary.BigEndian.AppendUint32(dst, action)
	return binary.BigEndian.AppendUint32(dst, transaction)
}

// appendReplyHeader appends what every reply begins with.
func appendReplyHeader(dst []byte, action, transaction uint32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, action)
	return binary.BigEndian.AppendUint32(dst, transaction)
}

// parseReplyHeader checks that p answers the given action and transaction. The
// transaction is looked at before all else, so that an error packet counts only
// from someone who saw the request.
func parseReplyHeader(p []byte, action, transaction uint32) error {
	if len(p) < ReplyHeader {
		return ErrReplyShort
	}
	if binary.BigEndian.Uint32(p[4:]) != transaction {
		return ErrReplyTransaction
	}
	switch binary.BigEndian.Uint32(p) {
	case action:
		return nil
	case ActionError:
		return parseError(p)
	}
	return ErrReplyAction
}
