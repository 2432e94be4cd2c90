package udptracker

import (
	"bytes"
	"strconv"
)

// RemoteError is what a tracker said in place of an answer.
type RemoteError struct {
	// Text is as it came: any bytes at all, as many as fit in a packet.
	Text string
}

// Error returns the text quoted, so that a hostile tracker cannot send control
// characters to a terminal.
func (e *RemoteError) Error() string {
	return "tracker refused: " + strconv.Quote(e.Text)
}

// AppendError appends the error packet that answers a request in place of a
// reply.
func AppendError(dst []byte, transaction uint32, text string) []byte {
	dst = appendReplyHeader(dst, ActionError, transaction)
	return append(dst, text...)
}

// parseError returns what the error packet p says; p has a reply's header.
// Trackers written in C send the zero at the end of their string along.
func parseError(p []byte) error {
	return &RemoteError{Text: string(bytes.TrimRight(p[ReplyHeader:], "\x00"))}
}
