//go:build linux

package app

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"time"
)

func silent(*victim, *enemy) error { return nil }

const half = "GET /announce?info_hash=%aa%aa"

// attacks are all of them. Names that begin with slow send a byte now and then
// for as long as the attack lasts.
var attacks = slices.Concat(attacksOnHTTP, attacksOnTLS, attacksByPROXY)

var attacksOnHTTP = []attack{
	{name: "2,000 silent sockets", n: 2000, warms: true, do: silent},
	{name: "slow head", n: 400, do: func(_ *victim, e *enemy) error {
		e.trickle(bytes.Repeat([]byte(half), 1000))
		return nil
	}},
	{name: "slow requests after a good one", n: 400, do: func(_ *victim, e *enemy) error {
		e.send(announceRequest(2, ""))
		e.trickle(bytes.Repeat([]byte(half), 1000))
		return nil
	}},
	{name: "endless request line", n: 100, expelled: true, do: func(_ *victim, e *enemy) error {
		e.flood([]byte("GET /"), bytes.Repeat([]byte("a"), 1000))
		return nil
	}},
	{name: "endless fields", n: 100, expelled: true, do: func(_ *victim, e *enemy) error {
		e.flood([]byte("GET / HTTP/1.1\r\n"), []byte("X-Forwarded-For: 1.2.3.4\r\n"))
		return nil
	}},
	{name: "endless empty lines", n: 20, do: func(_ *victim, e *enemy) error {
		for range 200 {
			if !e.send(bytes.Repeat([]byte("\r\n"), 1000)) {
				break
			}
		}
		return nil
	}},
	{name: "random bytes", n: 200, do: func(_ *victim, e *enemy) error {
		b := make([]byte, 4096)
		rand.Read(b)
		b[0] |= 0x80 // neither a method nor TLS
		e.send(b)
		return nil
	}},
	{name: "half-closed before a byte", n: 400, expelled: true, do: func(_ *victim, e *enemy) error {
		return e.CloseWrite()
	}},
	{name: "half-closed in the head", n: 400, expelled: true, do: func(_ *victim, e *enemy) error {
		e.send([]byte(half))
		return e.CloseWrite()
	}},
	{name: "half-closed after a request", n: 400, expelled: true, do: func(_ *victim, e *enemy) error {
		e.send(announceRequest(2, ""))
		return e.CloseWrite()
	}},
	{name: "reset before a byte", n: 400, do: func(_ *victim, e *enemy) error {
		e.reset()
		return nil
	}},
	{name: "reset in the head", n: 400, do: func(_ *victim, e *enemy) error {
		e.send([]byte(half))
		e.reset()
		return nil
	}},
	{name: "reset after a request", n: 400, do: func(_ *victim, e *enemy) error {
		e.send(announceRequest(2, ""))
		e.reset()
		return nil
	}},
	{name: "reset after an answer", n: 400, do: func(_ *victim, e *enemy) error {
		e.send(announceRequest(2, ""))
		if _, err := e.Read(make([]byte, 4096)); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		e.reset()
		return nil
	}},
	// Replies that nobody reads.
	{name: "pipelining flood", n: 60, warms: true, do: func(_ *victim, e *enemy) error {
		e.SetReadBuffer(4096)
		e.flood(nil, bytes.Repeat(announceRequest(2, ""), 20))
		return nil
	}},
	{name: "pipelining flood of failures", n: 60, warms: true, do: func(_ *victim, e *enemy) error {
		e.SetReadBuffer(4096)
		e.flood(nil, bytes.Repeat([]byte("GET /announce HTTP/1.1\r\n\r\n"), 100))
		return nil
	}},
	{name: "pipelining flood and reset", n: 60, do: func(_ *victim, e *enemy) error {
		e.send(bytes.Repeat(announceRequest(2, ""), 100))
		e.reset()
		return nil
	}},
}

// flood sends for a second, or until the tracker closes or takes nothing more.
// It returns as soon as a write has waited that long.
func (e *enemy) flood(first, again []byte) {
	e.SetWriteDeadline(time.Now().Add(time.Second))
	defer e.SetWriteDeadline(time.Now().Add(time.Minute))
	for ok := e.send(first); ok; {
		ok = e.send(again)
	}
}

// secure returns the connection with TLS spoken over it.
func (e *enemy) secure(config *tls.Config) (*tls.Conn, error) {
	c := tls.Client(e.TCPConn, config)
	if err := c.Handshake(); err != nil {
		return nil, fmt.Errorf("shaking hands: %w", err)
	}
	return c, nil
}

// answered sends a request over TLS and reads some of the answer.
func answered(c *tls.Conn) error {
	if _, err := c.Write(announceRequest(2, "")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 15))
	return err
}

var attacksByPROXY = []attack{
	{name: "PROXY header and silence", n: 400, from: proxied, do: sends([]byte("PROXY TCP4 10.1.2.3 10.0.0.1 1 2\r\n"))},
	{name: "slow PROXY 1", n: 400, from: proxied, do: func(_ *victim, e *enemy) error {
		e.trickle([]byte("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"))
		return nil
	}},
	{name: "slow PROXY 2", n: 400, from: proxied, do: func(_ *victim, e *enemy) error {
		e.trickle(append(proxy2(0x21, 0x11, 216), make([]byte, 216)...))
		return nil
	}},
	{name: "PROXY 1 without an end", n: 200, from: proxied, expelled: true, do: func(_ *victim, e *enemy) error {
		e.flood([]byte("PROXY TCP4 "), bytes.Repeat([]byte("1"), 1000))
		return nil
	}},
	{name: "PROXY 1 with bad addresses", n: 200, from: proxied, expelled: true, do: func(v *victim, e *enemy) error {
		return sends([]byte([]string{
			"PROXY TCP4 256.1.1.1 10.0.0.1 1 2\r\n",
			"PROXY TCP4 ::1 ::1 1 2\r\n",
			"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
			"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
			"PROXY TCP4 1.2.3.4\r\n",
			"PROXY TCP6 fe80::1%eth0 fe80::1 1 2\r\n",
			"PROXY \r\n",
			"PROXY TCP4 \x00\x00\x00 \xff 1 2\r\n",
		}[e.i%8]))(v, e)
	}},
	{name: "PROXY 1 with random bytes", n: 200, from: proxied, expelled: true, do: func(v *victim, e *enemy) error {
		b := make([]byte, 200)
		rand.Read(b)
		return sends(append([]byte("PROXY TCP4 "), b...))(v, e)
	}},
	{name: "PROXY 2 of another version", n: 200, from: proxied, expelled: true, do: func(v *victim, e *enemy) error {
		return sends(append(proxy2(byte(e.i)&0xcf, 0x11, 12), make([]byte, 12)...))(v, e)
	}},
	{name: "PROXY 2 shorter than its addresses", n: 200, from: proxied, expelled: true, do: func(v *victim, e *enemy) error {
		return sends(append(proxy2(0x21, 0x21, 12), make([]byte, 12)...))(v, e)
	}},
	{name: "PROXY 2 of 64 KiB", n: 200, from: proxied, do: func(_ *victim, e *enemy) error {
		e.SetWriteDeadline(time.Now().Add(time.Second))
		e.send(append(proxy2(0x21, 0x11, 0xffff), make([]byte, 0xfffe)...))
		return nil
	}},
	{name: "PROXY 2 with random bytes", n: 200, from: proxied, do: func(_ *victim, e *enemy) error {
		b := make([]byte, 400)
		rand.Read(b)
		e.send(append([]byte(proxySignature), b...))
		return nil
	}},
	{name: "PROXY twice", n: 200, from: proxied, expelled: true, do: sends([]byte(
		"PROXY TCP4 127.7.0.1 10.0.0.1 1 2\r\nPROXY TCP4 10.1.2.3 10.0.0.1 1 2\r\nGET / HTTP/1.1\r\n\r\n"))},
	{name: "PROXY and TLS garbage", n: 200, from: proxied, expelled: true, do: sends([]byte(
		"PROXY TCP4 10.1.2.3 10.0.0.1 1 2\r\n\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"))},
	{name: "PROXY and reset", n: 200, from: proxied, do: func(_ *victim, e *enemy) error {
		e.send([]byte("PROXY TCP4 10.1.2.3 10.0.0.1 1 2\r\n")[:1+e.i%34])
		e.reset()
		return nil
	}},
	{name: "PROXY from who is not trusted", n: 200, expelled: true, do: sends([]byte(
		"PROXY TCP4 10.1.2.3 10.0.0.1 1 2\r\nGET / HTTP/1.1\r\n\r\n"))},
	{name: "PROXY 2 from who is not trusted", n: 200, expelled: true, do: sends(
		append(proxy2(0x21, 0x11, 12), make([]byte, 12)...))},
}

const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// proxy2 is the head of a PROXY header of version 2.
func proxy2(versionAndCommand, family byte, length uint16) []byte {
	return append([]byte(proxySignature), versionAndCommand, family, byte(length>>8), byte(length))
}

// sends says so much and no more.
func sends(b []byte) func(*victim, *enemy) error {
	return func(_ *victim, e *enemy) error {
		e.send(b)
		return nil
	}
}
