package report

import "fmt"

// Wrong is what can be wrong with an answer.
type Wrong int

// The kinds of wrong answers.
const (
	WrongLength      Wrong = iota // does not end where an entry ends, or too short
	WrongTransaction              // of no request, or answered twice
	WrongAction                   // of another kind than the request
	WrongPeerCount                // more peers than asked for
	WrongPeer                     // a peer that nobody announced for this torrent
	WrongTwice                    // the same peer twice
	WrongCounts                   // fewer than the peers handed out, or more than there are
	WrongInterval                 // none that a client could wait for
	WrongHTTP                     // no HTTP response, or one without a length that ends
	WrongStatus                   // another status than 200, or than 101 for a WebSocket
	WrongBencode                  // no dictionary, or one without what belongs there
	WrongTLS                      // a handshake that failed for what was said in it, or records that are none
	WrongFrame                    // no frame of a WebSocket that a server may send
	WrongJSON                     // no JSON object, or one without what belongs there
	WrongOffer                    // an offer that was not sent so, or not for who got it
	WrongAnswer                   // an answer that was not sent so, or not for who got it
	wrongKinds
)

var wrongNames = [wrongKinds]string{
	"length", "transaction", "action", "peer_count", "foreign_peer", "repeated_peer", "counts", "interval", "http", "status", "bencode", "tls",
	"frame", "json", "offer", "answer",
}

func (w Wrong) String() string { return wrongNames[w] }

// sampled reports whether only the verified answers are looked at for it.
func (w Wrong) sampled() bool { return w == WrongPeer || w == WrongTwice }

// shown is how many bytes of a wrong answer are shown.
const shown = 96

// Wrong counts a wrong answer and keeps the first of its kind.
func (t *Tally) Wrong(w Wrong, what string, answer []byte) {
	t.wrong[w]++
	if t.examples[w] == "" {
		t.examples[w] = fmt.Sprintf("%s: %d bytes: %q", what, len(answer), answer[:min(len(answer), shown)])
	}
}

// WrongStray counts a packet that answers no request, and so is no response.
func (t *Tally) WrongStray(w Wrong, what string, packet []byte) {
	t.Stray++
	t.Wrong(w, what, packet)
}

// textsKept bounds how many different texts of errors are told apart: a
// tracker may put anything into them.
const textsKept = 8

// Error counts an error reply by its text.
func (t *Tally) Error(text []byte) {
	t.Errors++
	t.Text(text)
}

// Text keeps what a tracker says of a refusal, by its text.
func (t *Tally) Text(text []byte) {
	text = text[:min(len(text), shown)]
	if n, ok := t.texts[string(text)]; ok || len(t.texts) < textsKept {
		t.texts[string(text)] = n + 1
	}
}
