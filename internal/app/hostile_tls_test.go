//go:build linux

package app

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

var attacksOnTLS = []attack{
	{name: "slow ClientHello", n: 400, do: func(v *victim, e *enemy) error {
		e.trickle(v.hello)
		return nil
	}},
	{name: "half a ClientHello", n: 400, warms: true, do: func(v *victim, e *enemy) error {
		e.send(v.hello[:len(v.hello)/2])
		return nil
	}},
	{name: "slow handshake", n: 400, warms: true, do: func(v *victim, e *enemy) error {
		e.send(v.hello)
		e.trickle(append([]byte{0x14, 3, 3, 0, 1, 1, 0x17, 3, 3, 0x40, 0}, make([]byte, 1000)...))
		return nil
	}},
	{name: "ClientHello and nothing more", n: 400, do: func(v *victim, e *enemy) error {
		e.send(v.hello)
		_, err := io.ReadFull(e, make([]byte, 100)) // it is computed, and answered
		return err
	}},
	{name: "half-closed in the ClientHello", n: 400, expelled: true, do: func(v *victim, e *enemy) error {
		e.send(v.hello[:len(v.hello)/2])
		return e.CloseWrite()
	}},
	{name: "half-closed in the handshake", n: 400, expelled: true, do: func(v *victim, e *enemy) error {
		e.send(v.hello)
		return e.CloseWrite()
	}},
	{name: "reset in the ClientHello", n: 400, do: func(v *victim, e *enemy) error {
		e.send(v.hello[:1+e.i%len(v.hello)])
		e.reset()
		return nil
	}},
	{name: "reset in the handshake", n: 400, do: func(v *victim, e *enemy) error {
		e.send(v.hello)
		if e.i%2 == 0 {
			e.Read(make([]byte, 1))
		}
		e.reset()
		return nil
	}},
	{name: "reset over idle TLS", n: 200, do: func(v *victim, e *enemy) error {
		_, err := e.secure(v.client)
		e.reset()
		return err
	}},
	{name: "reset after an answer over TLS", n: 200, do: func(v *victim, e *enemy) error {
		c, err := e.secure(v.client)
		if err == nil {
			err = answered(c)
		}
		e.reset()
		return err
	}},
	{name: "reset after a request over TLS", n: 200, do: func(v *victim, e *enemy) error {
		c, err := e.secure(v.client)
		if err == nil {
			_, err = c.Write(announceRequest(2, ""))
		}
		e.reset()
		return err
	}},
	{name: "idle TLS", n: 400, do: func(v *victim, e *enemy) error {
		c, err := e.secure(v.client)
		if err == nil {
			err = answered(c)
		}
		return err
	}},
	{name: "slow request over TLS", n: 200, do: func(v *victim, e *enemy) error {
		c, err := e.secure(v.client)
		if err != nil {
			return err
		}
		for _, b := range []byte(strings.Repeat(half, 1000)) {
			select {
			case <-e.released:
				return nil
			case <-time.After(20 * time.Millisecond):
			}
			if _, err := c.Write([]byte{b}); err != nil {
				return nil
			}
		}
		return nil
	}},
	{name: "half-closed TLS", n: 200, expelled: true, do: func(v *victim, e *enemy) error {
		c, err := e.secure(v.client)
		if err == nil {
			err = c.CloseWrite()
		}
		return err
	}},
	{name: "pipelining flood over TLS", n: 60, warms: true, do: func(v *victim, e *enemy) error {
		e.SetReadBuffer(4096)
		c, err := e.secure(v.client)
		if err != nil {
			return err
		}
		many := bytes.Repeat(announceRequest(2, ""), 20)
		e.SetWriteDeadline(time.Now().Add(time.Second))
		for err == nil {
			_, err = c.Write(many)
		}
		return nil
	}},

	{name: "TLS of random bytes", n: 300, do: func(_ *victim, e *enemy) error {
		b := make([]byte, 2048)
		rand.Read(b)
		b[0] = 0x16
		e.send(b)
		return nil
	}},
	{name: "TLS of random bytes in a good record", n: 300, expelled: true, do: func(_ *victim, e *enemy) error {
		b := make([]byte, 5+512)
		rand.Read(b)
		copy(b, []byte{0x16, 3, 1, 2, 0})
		b[5] |= 0x80 // no ClientHello
		e.send(b)
		return nil
	}},
	{name: "ClientHello with random bytes", n: 300, expelled: true, do: func(v *victim, e *enemy) error {
		b := bytes.Clone(v.hello)
		rand.Read(b[44:])
		e.send(b)
		return nil
	}},
	{name: "TLS record cut off", n: 300, expelled: true, do: func(v *victim, e *enemy) error {
		e.send(v.hello[:3+e.i%40])
		return e.CloseWrite()
	}},
	{name: "TLS record of 64 KiB", n: 300, expelled: true, do: sends([]byte{0x16, 3, 1, 0xff, 0xff, 1})},
	{name: "ClientHello of 16 MiB", n: 300, expelled: true, do: func(_ *victim, e *enemy) error {
		e.flood([]byte{0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}, make([]byte, 16<<10))
		return nil
	}},
	{name: "empty TLS records", n: 100, expelled: true, do: func(_ *victim, e *enemy) error {
		e.flood(nil, bytes.Repeat([]byte{0x16, 3, 1, 0, 0}, 200))
		return nil
	}},
	{name: "ClientHello in records of one byte", n: 100, do: func(v *victim, e *enemy) error {
		var b []byte
		for _, octet := range v.hello[5:] {
			b = append(b, 0x16, 3, 1, 0, 1, octet)
		}
		e.send(b)
		return nil
	}},
	{name: "two ClientHellos", n: 200, expelled: true, do: func(v *victim, e *enemy) error {
		e.send(append(bytes.Clone(v.hello), v.hello...))
		return nil
	}},
	{name: "TLS alert first", n: 200, do: sends([]byte{0x15, 3, 1, 0, 2, 2, 40})},
	{name: "TLS alert in the handshake", n: 200, expelled: true, do: func(v *victim, e *enemy) error {
		e.send(append(bytes.Clone(v.hello), 0x15, 3, 3, 0, 2, 2, 40))
		return nil
	}},
	{name: "warnings in the handshake", n: 100, expelled: true, do: func(v *victim, e *enemy) error {
		e.flood(v.hello, bytes.Repeat([]byte{0x15, 3, 3, 0, 2, 1, 90}, 200))
		return nil
	}},
	{name: "ChangeCipherSpec for ever", n: 100, expelled: true, do: func(v *victim, e *enemy) error {
		e.flood(v.hello, bytes.Repeat([]byte{0x14, 3, 3, 0, 1, 1}, 200))
		return nil
	}},
	{name: "SSL 2 hello", n: 200, do: sends(append([]byte{0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10}, make([]byte, 37)...))},
	{name: "SSL 3", n: 200, expelled: true, do: func(v *victim, e *enemy) error {
		b := bytes.Clone(v.hello)
		b[2], b[10] = 0, 0
		// No extension may offer more.
		body := append(b[9:43:43], 0, 0, 2, 0, 4, 1, 0)
		hello := append([]byte{0x16, 3, 0, 0, byte(len(body) + 4), 1, 0, 0, byte(len(body))}, body...)
		e.send(hello)
		return nil
	}},
	{name: "garbage over TLS", n: 200, do: func(v *victim, e *enemy) error {
		c, err := e.secure(v.client)
		if err != nil {
			return err
		}
		b := make([]byte, 4096)
		rand.Read(b)
		b[0] |= 0x80
		c.Write(b)
		return nil
	}},
	{name: "bad records over TLS", n: 200, expelled: true, do: func(v *victim, e *enemy) error {
		if _, err := e.secure(v.client); err != nil {
			return err
		}
		e.send(append([]byte{0x17, 3, 3, 1, 0}, make([]byte, 256)...))
		return nil
	}},
	{name: "renegotiation", n: 100, expelled: true, do: renegotiate},
	{name: "key updates for ever", n: 100, do: updateKeys},
}

// tapped remembers the first bytes of either direction.
type tapped struct {
	net.Conn
	sent, got []byte
}

func (t *tapped) Write(b []byte) (int, error) {
	if len(t.sent) < 64 {
		t.sent = append(t.sent, b...)
	}
	return t.Conn.Write(b)
}

func (t *tapped) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if len(t.got) < 64 {
		t.got = append(t.got, b[:n]...)
	}
	return n, err
}

// logged returns the secret of that name from a key log.
func logged(log, name string) ([]byte, error) {
	for line := range strings.Lines(log) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name {
			return hex.DecodeString(fields[2])
		}
	}
	return nil, fmt.Errorf("no %s in the key log", name)
}

// renegotiate sends a ClientHello under TLS 1.2, properly encrypted. No client
// in Go does, so the record is made here.
func renegotiate(v *victim, e *enemy) error {
	var keys strings.Builder
	config := v.client.Clone()
	config.MaxVersion = tls.VersionTLS12
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	config.KeyLogWriter = &keys
	wire := &tapped{Conn: e.TCPConn}
	c := tls.Client(wire, config)
	if err := c.Handshake(); err != nil {
		return err
	}
	master, err := logged(keys.String(), "CLIENT_RANDOM")
	if err != nil {
		return err
	}
	const random = 11 // where it stands in the records of both hellos
	seed := append([]byte("key expansion"), wire.got[random:random+32]...)
	seed = append(seed, wire.sent[random:random+32]...)
	block := prf(master, seed, 40)
	gcm, err := newGCM(block[:16])
	if err != nil {
		return err
	}
	hello := v.hello[5:]
	sequence := binary.BigEndian.AppendUint64(nil, 1) // Finished was 0
	extra := append(bytes.Clone(sequence), 0x16, 3, 3, byte(len(hello)>>8), byte(len(hello)))
	sealed := gcm.Seal(bytes.Clone(sequence), append(bytes.Clone(block[32:36]), sequence...), hello, extra)
	if !e.send(append([]byte{0x16, 3, 3, byte(len(sealed) >> 8), byte(len(sealed))}, sealed...)) {
		return errors.New("the connection was closed before")
	}
	// An alert that says that the record was understood: one that is badly
	// encrypted is answered with another.
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "unexpected message") {
		return fmt.Errorf("renegotiation was answered with %v", err)
	}
	return nil
}

// prf is that of TLS 1.2 with SHA-256 (RFC 5246, section 5).
func prf(secret, seed []byte, n int) []byte {
	sum := func(parts ...[]byte) []byte {
		mac := hmac.New(sha256.New, secret)
		for _, part := range parts {
			mac.Write(part)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:n]
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// updateKeys asks for new keys for ever under TLS 1.3, each of which makes the
// tracker answer with one of its own, which nobody reads.
func updateKeys(v *victim, e *enemy) error {
	var keys strings.Builder
	config := v.client.Clone()
	config.MinVersion = tls.VersionTLS13
	config.KeyLogWriter = &keys
	c, err := e.secure(config)
	if err != nil {
		return err
	}
	if suite := c.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		return fmt.Errorf("the suite is %s", tls.CipherSuiteName(suite))
	}
	secret, err := logged(keys.String(), "CLIENT_TRAFFIC_SECRET_0")
	if err != nil {
		return err
	}
	e.SetWriteDeadline(time.Now().Add(time.Second))
	for range 20_000 {
		gcm, err := newGCM(expand(secret, "key", 16))
		if err != nil {
			return err
		}
		// The first record under each key: the sequence number is 0.
		head := []byte{0x17, 3, 3, 0, 22}
		if !e.send(gcm.Seal(head, expand(secret, "iv", 12), []byte{24, 0, 0, 1, 1, 0x16}, head)) {
			break
		}
		secret = expand(secret, "traffic upd", 32)
	}
	return nil
}

// expand is HKDF-Expand-Label without a context (RFC 8446, section 7.1).
func expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(n), byte(len(label))}, label...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
	if err != nil {
		panic(err)
	}
	return out
}
