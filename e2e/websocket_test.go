//go:build linux

package e2e

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// WebSockets (RFC 6455) from the client's side, as the tracker protocols are in
// wire_test.go: no code of the product, and able to do what a client must not.

// Opcodes of frames, and the bit of a message's last one.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	final = 0x80
)

// Why a connection is closed.
const (
	closeProtocol = 1002
	closeText     = 1007
	closePolicy   = 1008
	closeTooBig   = 1009
)

// longestFrame bounds what is taken of Shoal.
const longestFrame = 1 << 20

// socket is a WebSocket. One goroutine may write while another reads.
type socket struct {
	conn    net.Conn
	reader  *bufio.Reader
	relayed []webMessage // offers and answers that came while something else was awaited
	pings   int
	pongs   int
	mute    bool // pings are not answered
}

// closed is a close frame of Shoal's: its code.
type closed uint16

func (c closed) Error() string { return fmt.Sprintf("Shoal closes with code %d", uint16(c)) }

// upgrade asks for a WebSocket over a connection. header is more of the
// request, each line with its end.
func upgrade(conn net.Conn, target, header string) (*socket, error) {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	key := base64.StdEncoding.EncodeToString(nonce)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n", target, trackerName, key, header); err != nil {
		return nil, err
	}
	s := &socket{conn: conn, reader: bufio.NewReader(conn)}
	res, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		return nil, fmt.Errorf("waiting for the upgrade: %w", err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return nil, &statusError{status: res.StatusCode, header: res.Header, text: string(text)}
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	for name, want := range map[string]string{
		"Upgrade":                  "websocket",
		"Connection":               "upgrade",
		"Sec-Websocket-Accept":     base64.StdEncoding.EncodeToString(sum[:]),
		"Sec-Websocket-Extensions": "",
		"Sec-Websocket-Protocol":   "",
	} {
		if got := res.Header.Get(name); !strings.EqualFold(got, want) || name == "Sec-Websocket-Accept" && got != want {
			return nil, fmt.Errorf("the upgrade says %s: %q, want %q", name, got, want)
		}
	}
	return s, nil
}

// openSocket connects from the host, by TLS if config is not nil.
func openSocket(h *host, tracker netip.AddrPort, config *tls.Config) (*socket, error) {
	return openSocketAt(h, tracker, "/announce", config)
}

func openSocketAt(h *host, tracker netip.AddrPort, target string, config *tls.Config) (*socket, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wireTimeout)
	defer cancel()
	conn, err := h.dial(ctx, "tcp", tracker.String())
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(wireTimeout))
	if config != nil {
		conn = tls.Client(conn, config)
	}
	s, err := upgrade(conn, target, "")
	if err != nil {
		conn.Close()
	}
	return s, err
}

// appendFrame appends a masked frame. head is its first byte.
func appendFrame(b []byte, head byte, payload []byte) []byte {
	b = appendFrameHead(b, head, 0x80, uint64(len(payload)))
	var mask [4]byte
	rand.Read(mask[:])
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

// appendFrameHead appends what stands before the mask. masked is 0x80, or 0.
func appendFrameHead(b []byte, head, masked byte, length uint64) []byte {
	switch {
	case length < 126:
		return append(b, head, masked|byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, head, masked|126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(b, head, masked|127), length)
}

// frame reads one frame.
func (s *socket) frame() (head byte, payload []byte, err error) {
	var b [8]byte
	if _, err := io.ReadFull(s.reader, b[:2]); err != nil {
		return 0, nil, err
	}
	head, second := b[0], b[1]
	if second&0x80 != 0 {
		return 0, nil, fmt.Errorf("a frame of Shoal's is masked: % x", b[:2])
	}
	size := uint64(second)
	switch second {
	case 126:
		_, err = io.ReadFull(s.reader, b[:2])
		size = uint64(binary.BigEndian.Uint16(b[:2]))
	case 127:
		_, err = io.ReadFull(s.reader, b[:8])
		size = binary.BigEndian.Uint64(b[:8])
	}
	if err != nil {
		return 0, nil, err
	}
	if size > longestFrame {
		return 0, nil, fmt.Errorf("a frame of Shoal's has %d bytes, %d at most", size, longestFrame)
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(s.reader, payload)
	return head, payload, err
}

// message reads the next message. Pings are answered on the way, unless the
// socket is mute. A close frame is the error closed.
func (s *socket) message() ([]byte, error) {
	for {
		head, payload, err := s.frame()
		if err != nil {
			return nil, err
		}
		switch head {
		case final | opText:
			if !utf8.Valid(payload) {
				return nil, fmt.Errorf("Shoal says %q, which is not UTF-8", payload)
			}
			return payload, nil
		case final | opPing:
			s.pings++
			if !s.mute {
				if _, err := s.conn.Write(appendFrame(nil, final|opPong, payload)); err != nil {
					return nil, err
				}
			}
		case final | opPong:
			s.pongs++
		case final | opClose:
			if len(payload) < 2 {
				return nil, errors.New("Shoal closes without a code")
			}
			return nil, closed(binary.BigEndian.Uint16(payload))
		default:
			return nil, fmt.Errorf("Shoal sends a frame that begins with %#x: %q", head, payload)
		}
	}
}

// text sends one message.
func (s *socket) text(message []byte) error {
	_, err := s.conn.Write(appendFrame(nil, final|opText, message))
	return err
}

// send sends one message in JSON.
func (s *socket) send(message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return s.text(text)
}

// receive reads the next message.
func (s *socket) receive() (webMessage, error) {
	var m webMessage
	text, err := s.message()
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("Shoal says %q: %w", text, err)
	}
	return m, nil
}

// expelled reads until Shoal closes, which it must do with this code. It
// returns what Shoal said before.
func (s *socket) expelled(code uint16) (before []webMessage, err error) {
	for {
		m, err := s.receive()
		var got closed
		switch {
		case err == nil:
			before = append(before, m)
		case errors.As(err, &got) && uint16(got) == code:
			return before, nil
		default:
			return before, fmt.Errorf("%w, want it to close with %d", err, code)
		}
	}
}
