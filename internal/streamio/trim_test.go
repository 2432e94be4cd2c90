package streamio

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// Fails when a new Go moves what is trimmed: then findBuffers wants a look.
func TestTrims(t *testing.T) {
	if err := trims(); err != nil {
		t.Fatal(err)
	}
	if p := newTLSStand(tls.VersionTLS13).meet(t); p.server.buffers == nil {
		t.Error("a new connection is not trimmed")
	}
}

// An operator is told once that buffers are not trimmed, and only with TLS.
func TestTrimsWarns(t *testing.T) {
	for _, kind := range engines {
		t.Run(kind.name, func(t *testing.T) {
			var said bytes.Buffer
			loops, err := NewLoops(LoopsConfig{Engine: kind.name, Count: 1, Log: slog.New(slog.NewTextHandler(&said, nil))}, new(shoal.Clock))
			if err != nil {
				t.Fatal(err)
			}
			defer loops.Close()
			loops.trims = func() error { return errors.New("another Go") }
			for _, step := range []struct {
				tls  *TLS
				want int
			}{{nil, 0}, {serverTLS(), 1}, {serverTLS(), 1}} {
				if _, err := loops.Listen(loopback4, Config{TLS: step.tls}); err != nil {
					t.Fatal(err)
				}
				if n := strings.Count(said.String(), "another Go"); n != step.want {
					t.Errorf("%d warnings, want %d:\n%s", n, step.want, said.String())
				}
			}
		})
	}
}

func TestFindBuffersRefuses(t *testing.T) {
	for _, other := range []any{
		struct{}{},
		struct {
			rawInput bytes.Buffer
			input    bytes.Reader
		}{},
		struct {
			rawInput []byte
			input    bytes.Reader
			hand     bytes.Buffer
		}{},
		struct {
			rawInput bytes.Buffer
			input    *bytes.Reader
			hand     bytes.Buffer
		}{},
		struct {
			rawInput bytes.Buffer
			input    bytes.Reader
			hand     bytes.Reader
		}{},
		struct {
			rawInput bytes.Buffer
			input    bytes.Reader
			hand     bytes.Buffer
			ekm      func(string, []byte) ([]byte, error)
		}{},
		struct{ tls.Conn }{}, // they are one deeper
	} {
		b, err := findBuffers(reflect.TypeOf(other))
		if err == nil || b != nil || !strings.Contains(err.Error(), "has no field") {
			t.Errorf("%T: %v, %v", other, b, err)
		}
	}
	good := reflect.TypeOf(struct {
		hand     bytes.Buffer
		more     int
		rawInput bytes.Buffer
		input    bytes.Reader
		ekm      exporter
	}{})
	b, err := findBuffers(good)
	if err != nil {
		t.Fatal(err)
	}
	want := buffers{raw: good.Field(2).Offset, input: good.Field(3).Offset, hand: 0, ekm: good.Field(4).Offset}
	if *b != want {
		t.Errorf("found %+v, want %+v", *b, want)
	}
}

// Fields of the right names and types that mean something else are found out by
// trying them.
func TestTryRefuses(t *testing.T) {
	right, err := findBuffers(reflect.TypeFor[tls.Conn]())
	if err != nil {
		t.Fatal(err)
	}
	if err := right.try(); err != nil {
		t.Fatal(err)
	}
	swapped := *right
	swapped.raw, swapped.hand = right.hand, right.raw
	if err := swapped.try(); err == nil {
		t.Error("raw and hand changed places and nobody has seen it")
	}
	twice := *right
	twice.hand = right.raw
	if err := twice.try(); err == nil {
		t.Error("hand is raw and nobody has seen it")
	}
	twice = *right
	twice.raw = right.hand
	if err := twice.try(); err == nil {
		t.Error("raw is hand and nobody has seen it")
	}
}

func TestTrimGivesBack(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p := newTLSStand(version).meet(t)
		raw, input, hand := p.server.buffers.of(p.server.conn)
		empty := func(when string) {
			t.Helper()
			if raw.Cap() > 0 || input.Size() > 0 || hand.Cap() > 0 || p.server.fed != nil || p.server.out != nil {
				t.Errorf("%s: %d, %d and %d bytes are kept", when, raw.Cap(), input.Size(), hand.Cap())
			}
		}
		p.server.trim()
		empty("after the handshake")
		p.tell(bytes.Repeat([]byte("m"), 40000))
		empty("after large records")
		p.answer([]byte("x"))
		empty("after an answer")

		// A few bytes of the longest record.
		p.client.Write(make([]byte, 16384))
		tlsClientSide{p.link}.flush()
		cipher := p.link.toServer.all()
		heard, err := p.arrive(cipher[:20])
		if err != nil || raw.Len() != 20 || raw.Cap() > 64 {
			t.Errorf("20 bytes are kept in %d, %v", raw.Cap(), err)
		}
		rest, err := p.arrive(cipher[20:])
		if heard = append(heard, rest...); err != nil || len(heard) != 16384 {
			t.Errorf("heard %d bytes, %v", len(heard), err)
		}
		empty("after a record in pieces")

		// Plaintext that was not read yet is not lost.
		p.client.Write([]byte("unread"))
		tlsClientSide{p.link}.flush()
		p.server.feed(p.link.toServer.all())
		for _, want := range "unread" {
			b := make([]byte, 1)
			if n, err := p.server.read(b); n != 1 || err != nil || rune(b[0]) != want {
				t.Fatalf("read %q, %v", b[:n], err)
			}
			p.server.trim()
		}
		empty("after the last byte")
		if _, err := p.server.read(make([]byte, 1)); err != errMore {
			t.Error(err)
		}

		p.server.buffers = nil
		p.tell([]byte("m"))
		if raw.Cap() == 0 {
			t.Error("without buffers, trim is not nothing")
		}
	})
}

// What an idle connection holds. The client's side is let go, so the heap has
// the server's alone.
func TestIdleMemory(t *testing.T) {
	const count = 200
	request := bytes.Repeat([]byte("GET /announce "), 40)
	heap := func() uint64 {
		for range 3 { // the second empties pools, the third what they held
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, keep := range []bool{true, false} {
		name := "trimmed"
		if keep {
			name = "not trimmed"
		}
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				s := newTLSStand(version)
				s.keep = keep
				s.meet(t)
				parked := make([]*secure, 0, count)
				before := heap()
				for range count {
					p := s.meet(t)
					p.tell(request)
					p.answer(request)
					parked = append(parked, p.server)
				}
				each := int64(heap()-before) / count
				runtime.KeepAlive(parked)
				t.Logf("%d bytes of heap an idle connection", each)
				if most := int64(8 << 10); !keep && each > most {
					t.Errorf("more than %d", most)
				}
			})
		})
	}
}
