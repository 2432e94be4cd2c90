package streamio

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestHandshakeLimits(t *testing.T) {
	h := NewHandshakes(HandshakeLimits{Most: 5, PerNetwork: 2})
	steps := []struct {
		admit, done string
		refused     bool
	}{
		{admit: "192.0.2.1"},
		{admit: "192.0.2.255"},
		{admit: "192.0.2.7", refused: true},
		{admit: "::ffff:192.0.2.7", refused: true}, // the same /24
		{admit: "192.0.3.1"},
		{admit: "2001:db8:1::1"},
		{admit: "2001:db8:1:ffff::1"},
		{admit: "198.51.100.1", refused: true}, // five in all
		{done: "192.0.2.9"},                    // the network counts, not the address
		{admit: "2001:db8:1:2::1", refused: true},
		{admit: "2001:db8:2::1"},
		{done: "192.0.3.1"},
		{done: "192.0.3.1"}, // once too often: nothing becomes free
		{admit: "::ffff:192.0.2.7"},
		{admit: "198.51.100.1", refused: true},
	}
	var refused uint64
	for i, s := range steps {
		if s.done != "" {
			h.done(netip.MustParseAddr(s.done))
			continue
		}
		if h.admit(netip.MustParseAddr(s.admit)) == s.refused {
			t.Errorf("step %d: %s refused: %v", i, s.admit, !s.refused)
		}
		if s.refused {
			refused++
		}
	}
	want := HandshakeCounts{Refused: refused, RefusedNetwork: 3, InFlight: 5}
	if got := h.Counts(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

func TestHandshakeLimitDefaults(t *testing.T) {
	h := NewHandshakes(HandshakeLimits{})
	admitted := 0
	for i := range 9000 { // of 36 networks, 250 each
		if h.admit(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i % 250)})) {
			admitted++
		}
	}
	if admitted != 8192 {
		t.Errorf("%d admitted", admitted)
	}
	for range 300 {
		h.done(netip.AddrFrom4([4]byte{10, 0, 0, 1})) // 250 of them are in flight
	}
	admitted = 0
	for range 300 {
		if h.admit(netip.AddrFrom4([4]byte{10, 1, 0, 1})) {
			admitted++
		}
	}
	if admitted != 250 { // what the others left free
		t.Errorf("%d admitted in their place", admitted)
	}

	h = NewHandshakes(HandshakeLimits{Most: -1, PerNetwork: -1})
	for range 10000 {
		if !h.admit(netip.Addr{}) {
			t.Fatal("refused without a bound")
		}
	}
}

// Processors that others have brought along are not for handshakes.
func TestHandshakesComputeByCores(t *testing.T) {
	before := runtime.GOMAXPROCS(cores + 3)
	defer runtime.GOMAXPROCS(before)
	if n := cap(NewHandshakes(HandshakeLimits{}).crypto); n != cores {
		t.Errorf("%d compute at once, want %d", n, cores)
	}
}

// Against a plain model, and by many at once: the map never holds more than
// what is in flight.
func TestHandshakeLimitsConcurrently(t *testing.T) {
	h := NewHandshakes(HandshakeLimits{Most: 60, PerNetwork: 10})
	var wait sync.WaitGroup
	for seed := range uint64(8) {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			var mine []netip.Addr
			for range 5000 {
				if len(mine) > 0 && r.IntN(2) == 0 {
					i := r.IntN(len(mine))
					h.done(mine[i])
					mine[i] = mine[len(mine)-1]
					mine = mine[:len(mine)-1]
					continue
				}
				a := netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(20)), byte(r.IntN(256))})
				if h.admit(a) {
					mine = append(mine, a)
				}
				h.mu.Lock()
				sum := 0
				for of, n := range h.networks {
					if n < 1 || n > 10 {
						t.Errorf("%v has %d", of, n)
					}
					sum += n
				}
				if sum != h.inFlight || sum > 60 {
					t.Errorf("%d in flight, %d by network", h.inFlight, sum)
				}
				h.mu.Unlock()
			}
			for _, a := range mine {
				h.done(a)
			}
		})
	}
	wait.Wait()
	if len(h.networks) != 0 || h.Counts().InFlight != 0 {
		t.Errorf("%d networks and %d handshakes are left", len(h.networks), h.Counts().InFlight)
	}
}

// spyWire looks whether a processor is held while the other side is waited for.
type spyWire struct {
	wire
	read_ func(b []byte) (int, error)
}

func (w spyWire) read(b []byte) (int, error) { return w.read_(b) }

func TestProcessorIsFreeWhileWaiting(t *testing.T) {
	eachDelivery(t, func(t *testing.T, s *tlsStand) {
		h := s.handshakes
		h.crypto = make(chan struct{}, 1)
		asked := 0
		s.server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			asked++
			if len(h.crypto) != 1 {
				t.Error("crypto without a processor")
			}
			c := ecdsaCertificate()
			return &c, nil
		}
		link := newTLSLink(s.chunk)
		client := tls.Client(tlsClientSide{link}, s.client)
		server := newSecure(&TLS{Config: s.server, Handshakes: h}, tlsRemote, tlsLocal)
		var wait sync.WaitGroup
		wait.Go(func() {
			defer link.toClient.end()
			if err := server.handshake(spyWire{link, func(b []byte) (int, error) {
				if len(h.crypto) != 0 {
					t.Error("a processor is held while the client is waited for")
				}
				return link.read(b)
			}}); err != nil {
				t.Error(err)
			}
		})
		if err := client.Handshake(); err != nil {
			t.Error(err)
		}
		tlsClientSide{link}.Close()
		wait.Wait()
		if asked != 1 || len(h.crypto) != 0 {
			t.Errorf("asked for %d certificates, %d processors held", asked, len(h.crypto))
		}
	})
}

// Silent clients in the middle of their handshakes leave the processor to
// others, and no more compute at once than there are processors.
func TestProcessorIsShared(t *testing.T) {
	s := newTLSStand(tls.VersionTLS13)
	h := s.handshakes
	h.crypto = make(chan struct{}, 2)
	var computing, most atomic.Int64
	s.server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		n := computing.Add(1)
		defer computing.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		for range 10 {
			runtime.Gosched() // so that others could come in
		}
		c := ecdsaCertificate()
		return &c, nil
	}

	var silent sync.WaitGroup
	var links []*tlsLink
	said := make(chan struct{}, 20)
	for range 20 {
		link := newTLSLink(0)
		links = append(links, link)
		link.toServer.put(helloOf(t, s.client))
		first := true
		silent.Go(func() {
			server := newSecure(&TLS{Config: s.server, Handshakes: h}, tlsRemote, tlsLocal)
			err := server.handshake(spyWire{link, func(b []byte) (int, error) {
				if !first {
					said <- struct{}{} // it has answered, and waits
				}
				first = false
				return link.read(b)
			}})
			if err == nil {
				t.Error("a silent client has shaken hands")
			}
		})
	}
	for range links {
		<-said
	}
	var loud sync.WaitGroup
	for range 30 {
		loud.Go(func() { s.meet(t) })
	}
	loud.Wait()
	for _, link := range links {
		link.toServer.end()
	}
	silent.Wait()
	if n := most.Load(); n > 2 {
		t.Errorf("%d at once", n)
	}
	want := HandshakeCounts{Full: 30, Failed: 20}
	if got := h.Counts(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

// Whatever ends a handshake, the processor is given back and it is counted.
func TestProcessorIsGivenBack(t *testing.T) {
	errGone := errors.New("gone")
	eachVersion(t, func(t *testing.T, version uint16) {
		hello := helloOf(t, newTLSStand(version).client)
		tests := []struct {
			name  string
			sent  []byte
			read  func(i int) error // before the i-th read, if it returns nil
			write error
			get   func() error
		}{
			{name: "nothing"},
			{name: "end within the ClientHello", sent: hello[:100]},
			{name: "end after the ClientHello", sent: hello},
			{name: "no TLS", sent: []byte("GET / HTTP/1.1\r\nHost: tracker\r\n\r\n")},
			{name: "garbage after the ClientHello", sent: append(hello[:len(hello):len(hello)], "0123456789"...)},
			{name: "reading fails", sent: hello, read: func(int) error { return errGone }},
			{name: "reading fails later", sent: hello, read: func(i int) error {
				if i > 0 {
					return errGone
				}
				return nil
			}},
			{name: "writing fails", sent: hello, write: errGone},
			{name: "no certificate", sent: hello, get: func() error { return errGone }},
			{name: "panic", sent: hello, get: func() error { panic("certificate") }},
			{name: "end of the goroutine while reading", sent: hello, read: func(i int) error {
				if i > 0 {
					runtime.Goexit()
				}
				return nil
			}},
			{name: "end of the goroutine while computing", sent: hello, get: func() error { runtime.Goexit(); return nil }},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s := newTLSStand(version)
				s.server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
					c := ecdsaCertificate()
					if test.get != nil {
						return &c, test.get()
					}
					return &c, nil
				}
				s.server.Certificates = nil
				link := newTLSLink(0)
				link.toServer.put(test.sent)
				link.toServer.end()
				reads := 0
				server := newSecure(&TLS{Config: s.server, Handshakes: s.handshakes}, tlsRemote, tlsLocal)
				done := make(chan error, 1)
				go func() {
					err := errors.New("did not return")
					defer func() {
						if r := recover(); r != nil {
							err = fmt.Errorf("%v", r)
						}
						done <- err
					}()
					err = server.handshake(failingWire{link, func() error {
						reads++
						if test.read == nil {
							return nil
						}
						return test.read(reads - 1)
					}, test.write})
				}()
				if err := <-done; err == nil {
					t.Error("no error")
				}
				if n := len(s.handshakes.crypto); n != 0 {
					t.Errorf("%d processors are held", n)
				}
				want := HandshakeCounts{Failed: 1}
				if got := s.handshakes.Counts(); got != want {
					t.Errorf("counts %+v, want %+v", got, want)
				}
			})
		}
	})
}

type failingWire struct {
	*tlsLink
	before func() error
	write_ error
}

func (w failingWire) read(b []byte) (int, error) {
	if err := w.before(); err != nil {
		return 0, err
	}
	return w.tlsLink.read(b)
}

func (w failingWire) write(b []byte) (int, error) {
	if w.write_ != nil {
		return 0, w.write_
	}
	return w.tlsLink.write(b)
}
