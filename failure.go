package shoal

// Failure is why a request was refused: a small code with a fixed text for the
// client to show, so that refusing costs no more than answering. The zero
// Failure, OK, is no failure.
type Failure uint8

// What can be wrong with a request.
const (
	OK Failure = iota

	InfoHashMissing
	InfoHashInvalid
	PeerIDMissing
	PeerIDInvalid
	PortMissing
	PortInvalid
	ScrapeAll // a scrape that names no torrent asks for all of them

	PacketShort   // UDP
	ActionUnknown // UDP

	RequestInvalid // HTTP, as are the rest of this group
	RequestTooLarge
	RequestBody
	PathUnknown
	MethodUnknown
	TLSRequired
	ForwardedMissing
	ForwardedInvalid

	UpgradeInvalid // WebTorrent, as are the rest of this group
	UpgradeVersion
	OriginDenied
	MessageInvalid
	MessageInfoHash
	MessagePeerID
	MessageToPeerID
	MessageOfferID
	ActionInvalid
	OffersInvalid
	SDPTooLarge
	OfferGone
	TorrentsTooMany
	ScrapeTooMany

	ClientDenied // by the tracker's rules, as is the rest
	PortDenied
	AddressDenied
	TorrentDenied
	TorrentUnlisted
	KeyMissing
	KeyInvalid
	KeyUnknown
	KeyExpired

	failures // how many there are
)

var failureTexts = [failures]string{
	OK:              "",
	InfoHashMissing: "info_hash is missing",
	InfoHashInvalid: "info_hash must be 20 bytes, each plain or as %XX",
	PeerIDMissing:   "peer_id is missing",
	PeerIDInvalid:   "peer_id must be 20 bytes, each plain or as %XX",
	PortMissing:     "port is missing",
	PortInvalid:     "port must be a number from 0 to 65535",
	ScrapeAll:       "full scrape is not allowed here: name torrents with info_hash",
	PacketShort:     "packet is too short for its action",
	ActionUnknown:   "unknown action: this tracker takes connect, announce and scrape",
	RequestInvalid:  "not a valid HTTP/1.1 request",
	RequestTooLarge: "request is too large: its head may have 8192 bytes and 64 headers",
	RequestBody:     "request must not have a body",
	PathUnknown:     "no such path: this is a BitTorrent tracker, see /announce and /scrape",
	MethodUnknown:   "method not allowed: use GET or HEAD",
	TLSRequired:     "this tracker takes no plain HTTP on this port: use https",
	ForwardedMissing: "the proxy in front of this tracker does not say who its client is: " +
		"it must set the header that the tracker's option forwarded names",
	ForwardedInvalid: "the proxy in front of this tracker names no address of its client " +
		"in the header that the tracker's option forwarded names",
	UpgradeInvalid:  "not a valid WebSocket upgrade",
	UpgradeVersion:  "unknown version of WebSocket: this tracker speaks 13",
	OriginDenied:    "pages of this site may not use this tracker",
	MessageInvalid:  "message must be one JSON object, nested 32 deep at most",
	MessageInfoHash: "info_hash must be 20 characters up to U+00FF or 40 hexadecimal digits",
	MessagePeerID:   "peer_id must be 20 characters up to U+00FF or 40 hexadecimal digits",
	MessageToPeerID: "to_peer_id must be 20 characters up to U+00FF or 40 hexadecimal digits",
	MessageOfferID:  "offer_id must be 20 characters up to U+00FF or 40 hexadecimal digits",
	ActionInvalid:   "action must be announce or scrape",
	OffersInvalid:   "offers must be a list of objects, each with offer and offer_id; offer and answer are objects",
	SDPTooLarge:     "offer and answer may have 16384 bytes each",
	OfferGone:       "no offer of this peer_id and offer_id waits for an answer here: it may have expired",
	TorrentsTooMany: "too many torrents over one connection: 1000 at most",
	ScrapeTooMany:   "too many torrents in one scrape: 255 at most",
	ClientDenied:    "this client is not allowed on this tracker",
	PortDenied:      "this port is not allowed on this tracker",
	AddressDenied:   "this address is not allowed on this tracker",
	TorrentDenied:   "this torrent is not allowed on this tracker",
	TorrentUnlisted: "this torrent is not registered with this tracker",
	KeyMissing:      "this tracker is private: its announce URL must have your key",
	KeyInvalid:      "key must have 16 to 64 characters: letters, digits and - . _ ~",
	KeyUnknown:      "this key is not known to this tracker",
	KeyExpired:      "this key has expired",
}

// Error returns the text for the client.
func (f Failure) Error() string {
	if f < failures {
		return failureTexts[f]
	}
	return "unknown failure"
}

// Never reports whether the same request will be refused again however long
// the client waits, which BEP 31 says as "retry in: never".
func (f Failure) Never() bool {
	switch f {
	case ClientDenied, PortDenied, KeyMissing, KeyInvalid:
		return true
	}
	return false
}

// RetryIn returns the minutes after which the same request may be let in, which
// BEP 31 says as "retry in"; 0: nothing is said of it.
func (f Failure) RetryIn() int {
	switch f {
	case AddressDenied, TorrentDenied, TorrentUnlisted, KeyUnknown, KeyExpired:
		return 60
	}
	return 0
}
