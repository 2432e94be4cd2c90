package udptracker

// The options of BEP 41 that may follow an announce request.
const (
	optionEnd     = 0x0 // one byte
	optionNop     = 0x1 // one byte
	optionURLData = 0x2 // followed by a length byte and that many bytes
)

// AppendURLData appends the path and query that the options behind an announce
// request (its bytes from AnnounceSize on) carry, their pieces put together.
// It is never longer than the options. An unknown option or one that is cut
// off ends the reading without complaint: the announce itself is good, and
// trackers that refused such packets kept clients out.
func AppendURLData(dst, options []byte) []byte {
	for len(options) > 0 {
		switch options[0] {
		case optionNop:
			options = options[1:]
		case optionURLData:
			if len(options) < 2 || len(options)-2 < int(options[1]) {
				return dst
			}
			end := 2 + int(options[1])
			dst = append(dst, options[2:end]...)
			options = options[end:]
		default: // optionEnd, too
			return dst
		}
	}
	return dst
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
