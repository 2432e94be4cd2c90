package wsserver

import (
	"crypto/sha1"
	"encoding/base64"
	"net/netip"
	"strconv"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// acceptGUID is what RFC 6455 has a server add to the key of a client, to show
// that it has understood the upgrade.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const keySize = 16 // bytes of a client's key, before base64

// Upgrade answers a GET that asks for a WebSocket, at any path: clients are
// configured with /, /announce and worse. A key of a private tracker in target is
// kept, whatever it is worth: keys come and expire while connections last, and
// each message is answered by what the key is worth then. It appends the whole
// response to out and returns what the connection speaks from then on; nil: it is
// refused, and the connection is to be closed. header returns the value of the
// only header line of a name in lower case, nil if there is none or more than
// one. from is the client's address.
func (s *Server) Upgrade(_ *streamio.Conn, from netip.Addr, target []byte, header func(name string) []byte, out []byte) ([]byte, streamio.Protocol) {
	count := s.counts[s.next.Add(1)%countSets].of(from)
	key := header("sec-websocket-key")
	if f := s.admit(key, header); f != shoal.OK {
		count.notUpgraded.Add(1)
		return appendRefusal(out, f), nil
	}
	// No subprotocol and no extension is taken, whatever is offered:
	// compression would need memory for each connection.
	out = append(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	out = appendAccept(out, key)
	c := &connection{
		server: s, counts: count, from: from,
		// A client that comes back may still have answers to what it was given
		// over the connection that it lost.
		forgotten: maxOpen,
	}
	if k := shoal.AuthKeyOfURL(target); !k.None() {
		c.key = keep(k)
	}
	return append(out, "\r\n\r\n"...), c
}

// keep puts a key in memory of its own: were it done where it is not always
// needed, every upgrade would pay for it.
func keep(k shoal.AuthKey) *shoal.AuthKey { return &k }

// authKey returns the key that the connection was opened with.
func (c *connection) authKey() shoal.AuthKey {
	if c.key == nil {
		return shoal.AuthKey{}
	}
	return *c.key
}

// admit returns why an upgrade is refused.
func (s *Server) admit(key []byte, header func(name string) []byte) shoal.Failure {
	if string(header("sec-websocket-version")) != "13" {
		return shoal.UpgradeVersion
	}
	var room [3 * (keySize/3 + 1)]byte
	if len(key) != base64.StdEncoding.EncodedLen(keySize) {
		return shoal.UpgradeInvalid
	}
	if n, err := base64.StdEncoding.Decode(room[:], key); err != nil || n != keySize {
		return shoal.UpgradeInvalid
	}
	if !s.settings.Load().allows(header("origin")) {
		return shoal.OriginDenied
	}
	return shoal.OK
}

// allows reports whether pages of an origin may use the tracker. Browsers say
// it truly; others say what they like, or nothing.
func (s *settings) allows(origin []byte) bool {
	for _, allowed := range s.origins {
		if is(origin, allowed) {
			return true
		}
	}
	return len(s.origins) == 0
}

// is compares without regard to the case of ASCII letters. want is lower-case.
func is(b []byte, want string) bool {
	if len(b) != len(want) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

func appendAccept(out, key []byte) []byte {
	var room [len("dGhlIHNhbXBsZSBub25jZQ==") + len(acceptGUID)]byte
	sum := sha1.Sum(append(append(room[:0], key...), acceptGUID...))
	return base64.StdEncoding.AppendEncode(out, sum[:])
}

// appendRefusal appends the response to an upgrade that is refused.
func appendRefusal(out []byte, f shoal.Failure) []byte {
	switch f {
	case shoal.UpgradeVersion:
		out = append(out, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"...)
	case shoal.OriginDenied:
		out = append(out, "HTTP/1.1 403 Forbidden\r\n"...)
	default:
		out = append(out, "HTTP/1.1 400 Bad Request\r\n"...)
	}
	reason := f.Error()
	out = append(out, "Content-Type: text/plain\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(reason)), 10)
	out = append(out, "\r\nConnection: close\r\n\r\n"...)
	return append(out, reason...)
}
