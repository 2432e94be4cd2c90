package wsserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"

	"github.com/shoal-tracker/shoal/webtorrent"
)

// end is how a stream of frames came to an end.
type end struct {
	wrong  closeCode // of ours
	closed bool      // by a close frame
}

// readStream reads frames as a connection does, in pieces of at most so many
// bytes, and returns the messages of text and of binary.
func readStream(in []byte, piece int) (messages []string, controls int, e end) {
	var p fragments
	defer p.drop()
	var have []byte
	for {
		f, size, wrong := readFrame(have)
		if wrong != noCode {
			return messages, controls, end{wrong: wrong}
		}
		if size == 0 {
			if len(in) == 0 {
				return messages, controls, end{}
			}
			n := min(piece, len(in))
			have, in = append(have, in[:n]...), in[n:]
			continue
		}
		switch f.opcode {
		case closing:
			_, wrong = readClose(f.payload)
			return messages, controls, end{wrong: wrong, closed: wrong == noCode}
		case ping, pong:
			controls++
		default:
			message, is, done, wrong := p.add(f)
			if wrong == noCode && done && is == text && !utf8.Valid(message) {
				wrong = codeText
			}
			if wrong != noCode {
				return messages, controls, end{wrong: wrong}
			}
			if done {
				messages = append(messages, string(message))
				p.drop()
			}
		}
		have = bytes.Clone(have[size:])
	}
}

// gobwasStream is readStream by gobwas/ws, with what it leaves to its user
// added.
func gobwasStream(in []byte) (messages []string, controls int, e end) {
	r := bytes.NewReader(in)
	state := ws.StateServerSide
	var message []byte
	var is ws.OpCode
	for {
		left := r.Len()
		h, err := ws.ReadHeader(r)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return messages, controls, end{wrong: codeProtocol}
		}
		if err != nil {
			return messages, controls, end{}
		}
		if left-r.Len() != ws.HeaderSize(h) {
			return messages, controls, end{wrong: codeProtocol} // a length in too many bytes
		}
		if h.Length > webtorrent.MaxMessage {
			return messages, controls, end{wrong: codeTooBig}
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return messages, controls, end{}
		}
		if err := ws.CheckHeader(h, state); err != nil {
			return messages, controls, end{wrong: codeProtocol}
		}
		ws.Cipher(payload, h.Mask, 0)
		switch {
		case h.OpCode == ws.OpClose:
			if len(payload) == 1 {
				return messages, controls, end{wrong: codeProtocol}
			}
			if len(payload) > 0 {
				code, reason := ws.ParseCloseFrameData(payload)
				// It does not know the codes that came after RFC 6455, and lets
				// those through that nobody may use.
				if later := code >= 1012 && code <= 1014; later {
					code = ws.StatusNormalClosure
				}
				if err := ws.CheckCloseFrameData(code, reason); err != nil || code > 4999 {
					return messages, controls, end{wrong: codeProtocol}
				}
			}
			return messages, controls, end{closed: true}
		case h.OpCode.IsControl():
			controls++
			continue
		case h.OpCode != ws.OpContinuation:
			is, message = h.OpCode, nil
		}
		if message = append(message, payload...); len(message) > webtorrent.MaxMessage {
			return messages, controls, end{wrong: codeTooBig}
		}
		if !h.Fin {
			state = state.Set(ws.StateFragmented)
			continue
		}
		state = state.Clear(ws.StateFragmented)
		if is == ws.OpText && !utf8.Valid(message) {
			return messages, controls, end{wrong: codeText}
		}
		messages = append(messages, string(message))
	}
}

// coderStream returns the messages that coder/websocket reads.
func coderStream(t *testing.T, in []byte) (messages []string) {
	r, err := http.NewRequest(http.MethodGet, "http://h/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	c, err := websocket.Accept(&recording{in: in, header: http.Header{}}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(webtorrent.MaxMessage)
	for {
		is, message, err := c.Read(context.Background())
		if err != nil || is == websocket.MessageText && !utf8.Valid(message) {
			return messages
		}
		messages = append(messages, string(message))
	}
}

// recording is a connection that is read to its end, and to which nothing is
// said.
type recording struct {
	net.Conn
	in     []byte
	header http.Header
}

// The end is none that a reader could take for that of a message.
var errCut = errors.New("the recording ends")

func (r *recording) Read(b []byte) (int, error) {
	if len(r.in) == 0 {
		return 0, errCut
	}
	n := copy(b, r.in)
	r.in = r.in[n:]
	return n, nil
}

func (r *recording) Write(b []byte) (int, error)      { return len(b), nil }
func (r *recording) Close() error                     { return nil }
func (r *recording) SetDeadline(time.Time) error      { return nil }
func (r *recording) SetReadDeadline(time.Time) error  { return nil }
func (r *recording) SetWriteDeadline(time.Time) error { return nil }
func (r *recording) Header() http.Header              { return r.header }
func (r *recording) WriteHeader(int)                  {}

func (r *recording) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return r, bufio.NewReadWriter(bufio.NewReader(r), bufio.NewWriter(r)), nil
}

func frames(all ...[]byte) []byte { return bytes.Join(all, nil) }

// FuzzFrames holds the codec to two others.
func FuzzFrames(f *testing.F) {
	f.Add(frames(clientFrame(text, true, "one"), clientFrame(binaryData, true, "two\xff"), clientFrame(ping, true, "p"), clientFrame(pong, true, "")))
	f.Add(frames(clientFrame(text, false, "é"[:1]), clientFrame(ping, true, ""), clientFrame(continuation, false, "é"[1:]), clientFrame(continuation, true, ""), clientFrame(closing, true, "\x03\xe8bye")))
	f.Add(frames(clientFrame(text, true, string(make([]byte, 65536))), clientFrame(text, true, string(make([]byte, 126)))))
	f.Add(frames(clientFrame(text, false, string(make([]byte, 65535))), clientFrame(continuation, true, "xx")))
	f.Add(clientFrame(text, true, "\xff"))
	f.Add(clientFrame(closing, true, "\x03"))
	f.Add([]byte("\x81\x7f\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		messages, controls, e := readStream(bytes.Clone(in), len(in)+1)
		for _, piece := range []int{1, 7} {
			if len(in) > 4096 && piece == 1 {
				continue
			}
			m, c, again := readStream(bytes.Clone(in), piece)
			if c != controls || again != e || !same(m, messages) {
				t.Fatalf("in pieces of %d: %d controls, %+v, %d messages; at once %d, %+v, %d", piece, c, again, len(m), controls, e, len(messages))
			}
		}

		m, c, other := gobwasStream(in)
		if !same(m, messages) || c != controls || other.closed != e.closed || (other.wrong == noCode) != (e.wrong == noCode) {
			// Ours refuses most of what is wrong before the frame is all there.
			if e.wrong == noCode || other != (end{}) || !same(m, messages) || c != controls {
				t.Fatalf("%+v after %d messages and %d controls; gobwas/ws: %+v after %d and %d", e, len(messages), controls, other, len(m), c)
			}
		}

		m = coderStream(t, in)
		switch {
		case e.wrong == noCode && !same(m, messages):
			t.Fatalf("%d messages; coder/websocket: %d", len(messages), len(m))
		case len(m) < len(messages) || !same(m[:len(messages)], messages):
			t.Fatalf("%d messages; coder/websocket: %d, or others", len(messages), len(m))
		}
	})
}

func same(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
