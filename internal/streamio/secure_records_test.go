package streamio

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
)

// forger makes the records of one direction by itself, as crypto/tls's client
// never would: a third implementation of the record layer, for AES-128-GCM.
type forger struct {
	version uint16
	secret  []byte // TLS 1.3
	aead    cipher.AEAD
	iv      []byte
	seq     uint64
}

// keyed has the key log of a stand's clients kept for forgerOf.
func (s *tlsStand) keyed() *tlsStand {
	s.client.KeyLogWriter = new(bytes.Buffer)
	s.client.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	s.server.SessionTicketsDisabled = true // a ticket would be the server's first record
	return s
}

// forgerOf takes over the client's or the server's sending direction.
func forgerOf(t testing.TB, p *tlsPair, client bool) *forger {
	t.Helper()
	state := p.client.ConnectionState()
	if suite := state.CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 && suite != tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 {
		t.Skipf("this machine prefers %s", tls.CipherSuiteName(suite))
	}
	if p.log == nil {
		t.Fatal("the stand is not keyed")
	}
	f := &forger{version: state.Version}
	if f.version == tls.VersionTLS13 {
		label := "SERVER_TRAFFIC_SECRET_0"
		if client {
			label = "CLIENT_TRAFFIC_SECRET_0"
		}
		_, secret := p.logged(label)
		f.use(secret)
		return f
	}
	random, master := p.logged("CLIENT_RANDOM")
	server := p.link.opening[recordHead+messageHead+2:][:32]
	block := prf12(master, "key expansion", append(bytes.Clone(server), random...), 2*16+2*4)
	key, iv := block[16:32], block[36:40]
	if client {
		key, iv = block[:16], block[32:36]
	}
	f.aead, f.iv, f.seq = gcm(key), iv, 1 // Finished was the first
	return f
}

// logged returns the last line of the key log with label.
func (p *tlsPair) logged(label string) (random, secret []byte) {
	for line := range strings.Lines(p.log.String()) {
		if words := strings.Fields(line); words[0] == label {
			random, _ = hex.DecodeString(words[1])
			secret, _ = hex.DecodeString(words[2])
		}
	}
	if secret == nil {
		p.t.Fatal("the key log has no ", label)
	}
	return random, secret
}

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func label13(secret []byte, label string, n int) []byte {
	info := []byte{byte(n >> 8), byte(n), byte(6 + len(label))}
	info = append(append(info, "tls13 "+label...), 0)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return out
}

func prf12(secret []byte, label string, seed []byte, n int) []byte {
	hash := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, secret)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	var out []byte
	for a := hash(seed); len(out) < n; a = hash(a) {
		out = append(out, hash(a, seed)...)
	}
	return out[:n]
}

func (f *forger) use(secret []byte) {
	f.secret, f.seq = secret, 0
	f.aead, f.iv = gcm(label13(secret, "key", 16)), label13(secret, "iv", 12)
}

// update goes on to the next keys of TLS 1.3.
func (f *forger) update() { f.use(label13(f.secret, "traffic upd", 32)) }

func (f *forger) record(kind byte, data []byte) []byte {
	var seq [8]byte
	binary.BigEndian.PutUint64(seq[:], f.seq)
	f.seq++
	if f.version == tls.VersionTLS13 {
		nonce := bytes.Clone(f.iv)
		for i, b := range seq {
			nonce[4+i] ^= b
		}
		n := len(data) + 1 + 16
		head := []byte{23, 3, 3, byte(n >> 8), byte(n)}
		return f.aead.Seal(bytes.Clone(head), nonce, append(bytes.Clone(data), kind), head)
	}
	n := 8 + len(data) + 16
	out := append([]byte{kind, 3, 3, byte(n >> 8), byte(n)}, seq[:]...)
	with := append(bytes.Clone(seq[:]), kind, 3, 3, byte(len(data)>>8), byte(len(data)))
	return f.aead.Seal(out, append(bytes.Clone(f.iv), seq[:]...), data, with)
}

// open takes one record of TLS 1.3 off cipher.
func (f *forger) open(t *testing.T, cipher []byte) (kind byte, plain, rest []byte) {
	t.Helper()
	nonce := bytes.Clone(f.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(f.seq >> (56 - 8*i))
	}
	f.seq++
	n := recordHead + int(cipher[3])<<8 + int(cipher[4])
	plain, err := f.aead.Open(nil, nonce, cipher[recordHead:n], cipher[:recordHead])
	if err != nil {
		t.Fatal("a record of the server: ", err)
	}
	return plain[len(plain)-1], plain[:len(plain)-1], cipher[n:]
}

const (
	alertRecord     = 21
	handshakeRecord = 22
	dataRecord      = 23
)

// keyUpdate asks for one back if back is 1.
func keyUpdate(back byte) []byte { return []byte{24, 0, 0, 1, back} }

func TestSecureUpdatesKeys(t *testing.T) {
	for _, chunk := range []int{0, 1, 7} {
		s := newTLSStand(tls.VersionTLS13).keyed()
		s.chunk = chunk
		p := s.meet(t)
		client, server := forgerOf(t, p, true), forgerOf(t, p, false)
		says := func(kind byte, data []byte, want string) {
			t.Helper()
			if heard, err := p.arrive(client.record(kind, data)); err != nil || string(heard) != want {
				t.Fatalf("heard %q, %v", heard, err)
			}
		}
		answers := func(text string) {
			t.Helper()
			kind, plain, rest := server.open(t, p.server.write([]byte(text), nil))
			if kind != dataRecord || string(plain) != text || len(rest) > 0 {
				t.Fatalf("the server said %d %q, and % x", kind, plain, rest)
			}
		}
		says(dataRecord, []byte("one"), "one")
		answers("uno")

		says(handshakeRecord, keyUpdate(0), "")
		client.update()
		if out := p.server.take(nil); len(out) > 0 {
			t.Fatalf("an answer that was not asked for: % x", out)
		}
		says(dataRecord, []byte("two"), "two")
		answers("due")

		// Asked for one back, the server sends it with its old key before
		// anything it says with the new one, even if nobody calls take.
		says(handshakeRecord, keyUpdate(1), "")
		client.update()
		out := p.server.write([]byte("tre"), nil)
		kind, plain, out := server.open(t, out)
		if kind != handshakeRecord || !bytes.Equal(plain, keyUpdate(0)) {
			t.Fatalf("the server said %d % x", kind, plain)
		}
		server.update()
		if kind, plain, out = server.open(t, out); kind != dataRecord || string(plain) != "tre" || len(out) > 0 {
			t.Fatalf("the server said %d %q, and % x", kind, plain, out)
		}
		says(dataRecord, []byte("three"), "three")

		// In two records, and by take.
		says(handshakeRecord, keyUpdate(1)[:2], "")
		says(handshakeRecord, keyUpdate(1)[2:], "")
		client.update()
		before := []byte("before")
		out = p.server.take(before)
		if !bytes.HasPrefix(out, before) {
			t.Fatal("take did not append")
		}
		if kind, plain, out = server.open(t, out[len(before):]); kind != handshakeRecord || !bytes.Equal(plain, keyUpdate(0)) || len(out) > 0 {
			t.Fatalf("the server said %d % x, and % x", kind, plain, out)
		}
		server.update()
		says(dataRecord, []byte("four"), "four")
		answers("quattro")

		says(alertRecord, []byte{1, 90}, "") // user canceled: means nothing
		says(dataRecord, nil, "")            // nor does this
		says(dataRecord, []byte("five"), "five")

		if heard, err := p.arrive(client.record(alertRecord, []byte{1, 0})); err != io.EOF || len(heard) > 0 {
			t.Errorf("goodbye: %q, %v", heard, err)
		}
	}
}

func TestSecureRefuses(t *testing.T) {
	hello := helloOf(t, newTLSStand(tls.VersionTLS13).client)[recordHead:]
	tests := []struct {
		name    string
		version uint16
		records func(f *forger) []byte
		want    string // of the error
		alert   string // that the client is told; "": none
	}{
		{"renegotiation", tls.VersionTLS12, func(f *forger) []byte {
			return f.record(handshakeRecord, hello)
		}, "", "unexpected message"},
		{"HelloRequest", tls.VersionTLS12, func(f *forger) []byte {
			return f.record(handshakeRecord, []byte{0, 0, 0, 0})
		}, "no renegotiation", ""}, // a warning, which the client passes over
		{"change of cipher", tls.VersionTLS12, func(f *forger) []byte {
			return f.record(20, []byte{1})
		}, "unexpected message", "unexpected message"},
		{"fatal alert", tls.VersionTLS12, func(f *forger) []byte {
			return f.record(alertRecord, []byte{2, 80})
		}, "internal error", ""},
		{"warnings without end", tls.VersionTLS12, func(f *forger) (out []byte) {
			for range 20 {
				out = append(out, f.record(alertRecord, []byte{1, 90})...)
			}
			return out
		}, "too many ignored records", "unexpected message"},
		{"another ClientHello", tls.VersionTLS13, func(f *forger) []byte {
			return f.record(handshakeRecord, hello)
		}, "unexpected", "unexpected message"},
		{"unknown message", tls.VersionTLS13, func(f *forger) []byte {
			return f.record(handshakeRecord, []byte{77, 0, 0, 0})
		}, "unexpected message", "unexpected message"},
		{"KeyUpdate of something else", tls.VersionTLS13, func(f *forger) []byte {
			return f.record(handshakeRecord, keyUpdate(2))
		}, "error decoding message", "error decoding message"},
		{"something behind a KeyUpdate", tls.VersionTLS13, func(f *forger) []byte {
			return f.record(handshakeRecord, append(keyUpdate(0), keyUpdate(0)...))
		}, "not empty", "unexpected message"},
		{"data within a KeyUpdate", tls.VersionTLS13, func(f *forger) []byte {
			return append(f.record(handshakeRecord, keyUpdate(0)[:3]), f.record(dataRecord, []byte("x"))...)
		}, "unexpected message", "unexpected message"},
		{"KeyUpdates without end", tls.VersionTLS13, func(f *forger) (out []byte) {
			for range 100 {
				out = append(out, f.record(handshakeRecord, keyUpdate(1))...)
				f.update()
			}
			return out
		}, "too many", "*"}, // its keys have gone on, the client's have not
		{"empty records without end", tls.VersionTLS13, func(f *forger) (out []byte) {
			for range 100 {
				out = append(out, f.record(dataRecord, nil)...)
			}
			return out
		}, "too many", "unexpected message"},
		{"empty alert", tls.VersionTLS13, func(f *forger) []byte {
			return f.record(alertRecord, nil)
		}, "unexpected message", "unexpected message"},
		{"fatal alert", tls.VersionTLS13, func(f *forger) []byte {
			return f.record(alertRecord, []byte{2, 80})
		}, "internal error", ""},
		{"record of no type", tls.VersionTLS13, func(f *forger) []byte {
			return f.record(0, make([]byte, 10))
		}, "unexpected message", "unexpected message"},
		{"plaintext of 16,385 bytes", tls.VersionTLS13, func(f *forger) []byte {
			return f.record(dataRecord, make([]byte, 16385))
		}, "record overflow", "record overflow"},
		{"record that was there before", tls.VersionTLS13, func(f *forger) []byte {
			f.seq--
			return f.record(dataRecord, []byte("all is well"))
		}, "bad record MAC", "bad record MAC"},
	}
	for _, test := range tests {
		t.Run(tls.VersionName(test.version)+" "+test.name, func(t *testing.T) {
			for _, chunk := range []int{0, 1} {
				s := newTLSStand(test.version).keyed()
				s.chunk = chunk
				p := s.meet(t)
				f := forgerOf(t, p, true)
				if heard, err := p.arrive(f.record(dataRecord, []byte("all is well"))); err != nil || string(heard) != "all is well" {
					t.Fatalf("heard %q, %v", heard, err)
				}
				heard, err := p.arrive(test.records(f))
				if err == nil || errors.Is(err, io.EOF) || len(heard) > 0 || !strings.Contains(err.Error(), test.want) {
					t.Errorf("heard %q, %v", heard, err)
				}
				if heard, again := p.arrive(f.record(dataRecord, []byte("as if nothing were"))); again != err || len(heard) > 0 {
					t.Errorf("then heard %q, %v", heard, again)
				}
				switch told := p.takes(); {
				case test.alert == "*":
				case test.alert == "" && !errors.Is(told, io.EOF),
					test.alert != "" && !strings.HasSuffix(told.Error(), "remote error: tls: "+test.alert):
					t.Errorf("the client is told: %v", told)
				}
				if out := p.server.write([]byte("x"), nil); test.alert != "" && len(out) > 0 {
					t.Errorf("something was said behind the alert: % x", out)
				}
			}
		})
	}
}
