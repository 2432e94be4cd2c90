package wsload

import (
	"bufio"
	"bytes"
	"errors"
	"testing"
)

// TestClientFrames: what a client says is what a server reads.
func TestClientFrames(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 125, 126, 127, 1500, 65535, 65536, 70001} {
		payload := bytes.Repeat([]byte("0123456789a"), n/11+1)[:n]
		for _, key := range []uint32{0, 1, 0xdeadbeef} {
			b := appendFrame([]byte("before"), opText, payload, key)
			opcode, got, err := readClientFrame(bufio.NewReader(bytes.NewReader(b[len("before"):])))
			if err != nil || opcode != opText || !bytes.Equal(got, payload) {
				t.Errorf("%d bytes, key %x: opcode %d, %v", n, key, opcode, err)
			}
		}
	}
}

func TestServerFrames(t *testing.T) {
	for _, n := range []int{0, 125, 126, 65535, 65536, maxFrame} {
		b := append(serverFrame(true, opText, make([]byte, n)), "behind"...)
		f, length, err := readFrame(b)
		if err != nil || !f.final || f.opcode != opText || len(f.payload) != n || length != len(b)-len("behind") {
			t.Errorf("%d bytes: %d of %d, %v", n, length, len(b), err)
		}
		for _, cut := range []int{0, 1, 2, 3, 9, length - 1} {
			if cut >= length {
				continue
			}
			if _, n, err := readFrame(b[:cut]); n != 0 || err != nil {
				t.Errorf("%d of %d bytes: %d, %v", cut, length, n, err)
			}
		}
	}
	for _, test := range []struct {
		name string
		b    []byte
		want error
	}{
		{"masked", []byte{0x81, 0x80}, errMasked},
		{"reserved bit", []byte{0xc1, 0}, errReserved},
		{"opcode 3", []byte{0x83, 0}, errReserved},
		{"opcode 11", []byte{0x8b, 0}, errReserved},
		{"ping in parts", []byte{0x09, 0}, errControl},
		{"long ping", []byte{0x89, 126}, errControl},
		{"long", serverFrame(true, opText, make([]byte, maxFrame+1)), errLong},
		{"2^63", []byte{0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, errLong},
	} {
		if _, n, err := readFrame(test.b); !errors.Is(err, test.want) || n != 0 {
			t.Errorf("%s: %d, %v, want %v", test.name, n, err, test.want)
		}
	}
}

func TestUpgrade(t *testing.T) {
	const (
		key    = "dGhlIHNhbXBsZSBub25jZQ==" // of RFC 6455, section 1.3
		accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
		good   = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n"
	)
	if got := accepted([]byte(key)); got != accept {
		t.Errorf("%q, want %q", got, accept)
	}
	for _, test := range []struct {
		name, text string
		n          int
		want       error
	}{
		{"good", good + "\x81", len(good), nil},
		{"lower case", "HTTP/1.1 101 x\r\nupgrade:WebSocket\r\nconnection:upgrade\r\nsec-websocket-accept:" + accept + "\r\n\r\n", 0, nil},
		{"cut", good[:len(good)-1], 0, nil},
		{"refused", "HTTP/1.1 403 Forbidden\r\n\r\n", 0, errStatus},
		{"other key", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", 0, errAccept},
		{"no upgrade", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n", 0, errAccept},
		{"an extension", good[:len(good)-2] + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 0, errAccept},
		{"HTTP/1.0", "HTTP/1.0 101 x\r\n\r\n", 0, errHead},
		{"no HTTP", "hello\r\n\r\n", 0, errHead},
		{"endless", string(bytes.Repeat([]byte("x"), maxHead)), 0, errHead},
	} {
		n, err := readUpgrade([]byte(test.text), []byte(key))
		if test.name == "lower case" {
			test.n = len(test.text)
		}
		if n != test.n || !errors.Is(err, test.want) {
			t.Errorf("%s: %d, %v, want %d, %v", test.name, n, err, test.n, test.want)
		}
	}
}
