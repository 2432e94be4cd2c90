package wsload

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// handshakeID is what RFC 6455, section 1.3, appends to the client's key.
const handshakeID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// maxHead bounds the response to an upgrade.
const maxHead = 8 << 10

var (
	errHead   = errors.New("no HTTP/1.1 response")
	errStatus = errors.New("an upgrade that is answered with another status than 101")
	errAccept = errors.New("an upgrade that is not answered as RFC 6455 asks for")
)

// upgradeHead is what stands before the key in the request for a WebSocket.
func upgradeHead(p *plan.Plan) string {
	return "GET " + p.Path + " HTTP/1.1\r\nHost: " + p.Host + "\r\nUser-Agent: shoal-load\r\n" +
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
}

// newKey makes a key of 16 bytes, which servers show that they have read.
func newKey(nonce [16]byte) (key [24]byte) {
	base64.StdEncoding.Encode(key[:], nonce[:])
	return key
}

// accepted is what a server answers to a key.
func accepted(key []byte) string {
	sum := sha1.Sum(append(append(make([]byte, 0, 64), key...), handshakeID...))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// readUpgrade reads the response to a request for a WebSocket, which takes n
// bytes: 0 where more must come first.
func readUpgrade(b, key []byte) (n int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) >= maxHead {
			err = errHead
		}
		return 0, err
	}
	lines := strings.Split(string(b[:end]), "\r\n")
	status, ok := strings.CutPrefix(lines[0], "HTTP/1.1 ")
	switch {
	case !ok || len(status) < 3:
		return 0, errHead
	case status[:3] != "101":
		return 0, fmt.Errorf("%w: %.40q", errStatus, status)
	}
	var upgrade, connection, accept bool
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "upgrade":
			upgrade = strings.EqualFold(value, "websocket")
		case "connection":
			connection = strings.EqualFold(value, "upgrade")
		case "sec-websocket-accept":
			accept = value == accepted(key)
		case "sec-websocket-extensions", "sec-websocket-protocol":
			return 0, fmt.Errorf("%w: %.80q was not asked for", errAccept, line)
		}
	}
	if !upgrade || !connection || !accept {
		return 0, errAccept
	}
	return end + 4, nil
}
