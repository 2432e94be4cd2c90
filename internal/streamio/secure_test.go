package streamio

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestSecureTalks(t *testing.T) {
	eachDelivery(t, func(t *testing.T, s *tlsStand) {
		s.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for i, keep := range []bool{false, true, false} {
			s.keep = keep
			p := s.meet(t)
			if resumed := p.client.ConnectionState().DidResume; resumed != (i > 0) {
				t.Fatalf("connection %d resumed: %v", i, resumed)
			}
			if _, err := p.hear(); err != nil { // feed(nil), as an engine does
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for _, size := range []int{1, 100, 999, 1000, 1001, 5000, 16384, 40000, 2} {
				if s.chunk > 0 && size > 500*s.chunk && size > 1001 {
					continue // the same again, slowly
				}
				message := make([]byte, size)
				for i := range message {
					message[i] = byte(r.Uint32())
				}
				p.tell(message)
				p.answer(message)
			}
			if out := p.server.take(nil); out != nil {
				t.Errorf("TLS itself says % x", out)
			}

			// We say goodbye, hear what the other side still has to say, and
			// its goodbye.
			bye := p.server.closeNotify([]byte("x"))
			p.link.toClient.put(bye[1:])
			if _, err := p.client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the client read %v", err)
			}
			p.tell([]byte("still here"))
			if out := p.server.write([]byte("too late"), nil); len(out) > 0 {
				t.Errorf("wrote behind the goodbye: % x", out)
			}
			if err := p.client.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if heard, err := p.hear(); err != io.EOF || len(heard) > 0 {
					t.Errorf("heard %q, %v", heard, err)
				}
			}
		}
		want := HandshakeCounts{Full: 1, Resumed: 2}
		if got := s.handshakes.Counts(); got != want {
			t.Errorf("counts %+v, want %+v", got, want)
		}
	})
}

// The client says something and goodbye in one segment.
func TestSecureHearsAllBeforeGoodbye(t *testing.T) {
	eachDelivery(t, func(t *testing.T, s *tlsStand) {
		p := s.meet(t)
		message := bytes.Repeat([]byte("last words "), 300)
		p.client.Write(message)
		p.client.CloseWrite()
		heard, err := p.hear()
		if err != io.EOF || !bytes.Equal(heard, message) {
			t.Errorf("heard %d bytes of %d, %v", len(heard), len(message), err)
		}
		p.answer([]byte("an answer to a half-closed connection"))
	})
}

// With TLS 1.3, and with a resumed TLS 1.2, the client speaks last and may send
// its first request in the same segment. Some of it is then inside crypto/tls
// when the handshake ends.
func TestSecureKeepsWhatCameWithFinished(t *testing.T) {
	eachDelivery(t, func(t *testing.T, s *tlsStand) {
		s.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		p := s.meet(t)
		p.answer([]byte("a ticket comes with this"))
		inside := false
		for _, size := range []int{1, 300, 3000, 30000} {
			s.early = bytes.Repeat([]byte("e"), size)
			p := s.meet(t)
			if !p.client.ConnectionState().DidResume {
				t.Fatal("not resumed")
			}
			heard, err := p.arrive(nil)
			if err != nil {
				t.Fatal(err)
			}
			inside = inside || len(heard) > 0
			more, err := p.hear()
			if err != nil {
				t.Fatal(err)
			}
			if heard = append(heard, more...); !bytes.Equal(heard, s.early) {
				t.Errorf("%d bytes of %d", len(heard), size)
			}
		}
		if !inside && s.chunk == 0 {
			t.Error("this test has not tested what it should")
		}
	})
}

func TestSecureSaysWhyItFails(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		s := newTLSStand(version)
		for _, test := range []struct {
			name  string
			spoil func(record []byte) []byte
			want  string // what the client makes of the alert
			ours  string
		}{
			{"a bit of the payload", func(r []byte) []byte { r[40] ^= 1; return r }, "bad record MAC", "bad record MAC"},
			{"a bit of the last byte", func(r []byte) []byte { r[len(r)-1] ^= 0x80; return r }, "bad record MAC", "bad record MAC"},
			{"the type", func(r []byte) []byte { r[0] = 99; return r }, "", ""},
			{"the version", func(r []byte) []byte { r[1] = 7; return r }, "protocol version not supported", "version 703"},
			{"the length", func(r []byte) []byte { r[3] = 0xff; return r }, "record overflow", "oversized record"},
			{"shorter", func(r []byte) []byte { r[4]--; return r }, "bad record MAC", "bad record MAC"},
			{"no payload", func([]byte) []byte { return []byte{23, 3, 3, 0, 0} }, "", ""},
			{"HTTP", func([]byte) []byte { return []byte("GET / HTTP/1.1\r\n\r\n") }, "protocol version not supported", "version"},
		} {
			t.Run(test.name, func(t *testing.T) {
				p := s.meet(t)
				p.tell([]byte("all is well"))
				p.client.Write(bytes.Repeat([]byte("m"), 100))
				tlsClientSide{p.link}.flush()
				heard, err := p.arrive(test.spoil(p.link.toServer.all()))
				if err == nil || err == io.EOF || len(heard) > 0 || !strings.Contains(err.Error(), test.ours) {
					t.Fatalf("heard %q, %v", heard, err)
				}
				p.server.trim() // does no harm
				again := p.server
				again.feed([]byte("more"))
				if _, err2 := again.read(make([]byte, 1)); err2 != err {
					t.Errorf("at first %v, then %v", err, err2)
				}
				if out := p.server.write([]byte("x"), nil); len(out) > 0 {
					// What TLS had to say comes with it, and nothing else.
					p.link.toClient.put(out)
				}
				p.link.toClient.put(p.server.closeNotify(nil))
				if err := p.takes(); !strings.Contains(err.Error(), "remote error: tls: ") || !strings.Contains(err.Error(), test.want) {
					t.Errorf("the client is told %v", err)
				}
			})
		}
	})
}

// A record that never ends, and records without data, do not gather memory.
func TestSecureBoundsWhatYieldsNothing(t *testing.T) {
	p := newTLSStand(tls.VersionTLS13).keyed().meet(t)
	p.link.chunk = 4000
	f := forgerOf(t, p, true)
	var cipher []byte
	// A message of 200 KiB, which crypto/tls would wait for to the end.
	cipher = append(cipher, f.record(22, append([]byte{11, 3, 0, 0}, make([]byte, 10000)...))...)
	for range 20 {
		cipher = append(cipher, f.record(22, make([]byte, 10000))...)
	}
	if _, err := p.arrive(cipher); !errors.Is(err, errBarren) {
		t.Errorf("ended with %v", err)
	}
}

// The longest records, one after the other, are not mistaken for that, however
// they are cut.
func TestSecureTakesLongRecords(t *testing.T) {
	for _, chunk := range []int{100, 4096, 8192, 16384, 100000} {
		p := newTLSStand(tls.VersionTLS13).keyed().meet(t)
		p.link.chunk = chunk
		f := forgerOf(t, p, true)
		var cipher, plain []byte
		for i := range 20 {
			part := bytes.Repeat([]byte{byte(i)}, 16384)
			plain = append(plain, part...)
			cipher = append(cipher, f.record(23, part)...)
		}
		heard, err := p.arrive(cipher)
		if err != nil || !bytes.Equal(heard, plain) {
			t.Errorf("%d bytes at a time: %d bytes of %d, %v", chunk, len(heard), len(plain), err)
		}
	}
}

// A client that floods the handshake is stopped long before crypto/tls would.
func TestSecureBoundsTheHandshake(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		s := newTLSStand(version)
		link := newTLSLink(0)
		hello := helloOf(t, s.client)
		link.toServer.put(hello)
		// Records of a Certificate message that goes on and on. With TLS 1.3
		// they should be encrypted, and fail at once.
		link.toServer.put([]byte{22, 3, 3, 0x10, 0, 11, 3, 0, 0})
		link.toServer.put(make([]byte, 0x1000-4))
		for range 50 {
			link.toServer.put([]byte{22, 3, 3, 0x10, 0})
			link.toServer.put(make([]byte, 0x1000))
		}
		link.toServer.end()
		err := newSecure(&TLS{Config: s.server, Handshakes: s.handshakes}, tlsRemote, tlsLocal).handshake(link)
		if version == tls.VersionTLS12 && !errors.Is(err, errLongHandshake) {
			t.Errorf("ended with %v", err)
		}
		if err == nil || len(link.toServer.all()) < 180<<10 {
			t.Errorf("the flood was read, %v", err)
		}
	})
}

// The server may ask for another ClientHello, with a key of another kind.
func TestSecureAsksForAnotherHello(t *testing.T) {
	eachDelivery(t, func(t *testing.T, s *tlsStand) {
		s.server.CurvePreferences = []tls.CurveID{tls.CurveP521}
		p := s.meet(t)
		// With TLS 1.2 the client sends no key before it has heard which.
		if again := s.server.MinVersion == tls.VersionTLS13; p.client.ConnectionState().HelloRetryRequest != again {
			t.Fatalf("another ClientHello: %v, want %v", !again, again)
		}
		p.tell([]byte("hello again"))
	})
}

func TestSecureNamesTheAddresses(t *testing.T) {
	s := newTLSStand(tls.VersionTLS13)
	s.server.GetCertificate = func(info *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if r, l := info.Conn.RemoteAddr().String(), info.Conn.LocalAddr().String(); r != tlsRemote.String() || l != tlsLocal.String() {
			t.Errorf("from %s to %s", r, l)
		}
		c := ecdsaCertificate()
		return &c, nil
	}
	s.server.Certificates = nil
	s.meet(t)
}

// Whatever way the records of a client are cut, the plaintext is the same; and
// when one bit is wrong, only what stood before it is heard.
func FuzzSecureRead(f *testing.F) {
	f.Fuzz(func(t *testing.T, message []byte, cuts []byte, wrong uint16, tls12 bool) {
		if len(message) == 0 || len(message) > 40000 {
			return
		}
		version := uint16(tls.VersionTLS13)
		if tls12 {
			version = tls.VersionTLS12
		}
		p := newTLSStand(version).meet(t)
		for part := message; len(part) > 0; {
			n := min(len(part), 1+len(part)/2)
			p.client.Write(part[:n])
			part = part[n:]
		}
		tlsClientSide{p.link}.flush()
		cipher := p.link.toServer.all()
		spoilt := int(wrong)/8 < len(cipher)
		if spoilt {
			cipher[wrong/8] ^= 1 << (wrong % 8)
		}
		var heard []byte
		var err error
		for err == nil && len(cipher) > 0 {
			n := len(cipher)
			if len(cuts) > 0 {
				n, cuts = min(n, int(cuts[0])), cuts[1:]
			}
			p.link.chunk = n
			var part []byte
			part, err = p.arrive(cipher[:n])
			heard = append(heard, part...)
			cipher = cipher[n:]
		}
		switch {
		case !bytes.HasPrefix(message, heard):
			t.Error("heard what was not said")
		case spoilt && len(heard) == len(message):
			t.Error("heard all of it over a wrong bit")
		case !spoilt && (err != nil || len(heard) != len(message)):
			t.Errorf("heard %d bytes of %d, %v", len(heard), len(message), err)
		}
	})
}
