package udptracker

import "github.com/shoal-tracker/shoal"

// The options of BEP 41 that may follow an announce request.
const (
	optionEnd     = 0x0 // one byte
	optionNop     = 0x1 // one byte
	optionURLData = 0x2 // followed by a length byte and that many bytes
)

// maxURLData is how much of a URL is looked at. Longer ones are nobody's, and the
// room for one is on the stack of whoever reads it.
const maxURLData = 1024

// AppendURLData appends the path and query that the options behind an announce
// request (its bytes from AnnounceSize on) carry, their pieces put together.
// It is never longer than the options. An unknown option or one that is cut
// off ends the reading without complaint: the announce itself is good, and
// trackers that refused such packets kept clients out.
func AppendURLData(dst, options []byte) []byte {
	for len(options) > 0 {
		var piece []byte
		piece, options = nextURLData(options)
		dst = append(dst, piece...)
	}
	return dst
}

// nextURLData returns the first piece of a URL in options, and the options behind
// it. It is empty, and nothing is left, if there is none.
func nextURLData(options []byte) (piece, rest []byte) {
	for len(options) > 0 && options[0] == optionNop {
		options = options[1:]
	}
	if len(options) < 2 || options[0] != optionURLData || len(options)-2 < int(options[1]) {
		return nil, nil
	}
	end := 2 + int(options[1])
	return options[2:end], options[end:]
}

// authKey returns the key in the URL that options carry.
func authKey(options []byte) shoal.AuthKey {
	piece, rest := nextURLData(options)
	if len(rest) == 0 { // the whole URL, as a rule
		return shoal.AuthKeyOfURL(piece)
	}
	var room [maxURLData]byte
	n := copy(room[:], piece)
	for len(rest) > 0 && n < len(room) {
		piece, rest = nextURLData(rest)
		n += copy(room[n:], piece)
	}
	return shoal.AuthKeyOfURL(room[:n])
}

// appendURLOptions appends urlData in as many options as it needs. No end
// option follows: the end of the packet says as much.
func appendURLOptions(dst []byte, urlData string) []byte {
	for len(urlData) > 0 {
		n := min(len(urlData), 255)
		dst = append(dst, optionURLData, byte(n))
		dst = append(dst, urlData[:n]...)
		urlData = urlData[n:]
	}
	return dst
}
