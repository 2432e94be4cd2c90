package streamio

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Who does not read is not listened to: replies do not gather beyond what the
// system takes and one burst, and all of them come when it reads at last.
func TestBackpressure(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.MaxQueue = 2 * len(large); c.TLS = serverTLS() })
		const count = 300
		for _, dial := range []func() net.Conn{s.dial, func() net.Conn { return s.dialTLS(clientTLS) }} {
			c := dial()
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(c, strings.Repeat("large\n"+strings.Repeat("x", 2000)+"\n", count))
				sent <- err
			}()
			in := bufio.NewReaderSize(c, 1<<10)
			for i := range count {
				for _, want := range []int{len(large), 2001} {
					if err := skipLine(in, want); err != nil {
						t.Fatalf("reply %d: %v", i, err)
					}
				}
			}
			if err := wait(t, sent); err != nil {
				t.Error(err)
			}
		}
	})
}

func skipLine(in *bufio.Reader, want int) error {
	for n := 0; ; {
		part, err := in.ReadSlice('\n')
		n += len(part)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == nil && n != want {
			err = errors.New("a line of another length")
		}
		return err
	}
}

// A side that half closes and then reads slowly gets everything.
func TestHalfCloseAndReadLater(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.TLS = serverTLS() })
		for _, dial := range []func() net.Conn{s.dial, func() net.Conn { return s.dialTLS(clientTLS) }} {
			c := dial()
			const count = 100
			send(t, c, strings.Repeat("large\n", count))
			c.(interface{ CloseWrite() error }).CloseWrite()
			p := s.protocol()
			in := bufio.NewReader(c)
			for i := range count {
				if err := skipLine(in, len(large)); err != nil {
					t.Fatalf("reply %d: %v", i, err)
				}
			}
			expectEnd(t, c)
			if why := wait(t, p.closed); why != io.EOF {
				t.Errorf("Closed(%v), want EOF", why)
			}
		}
	})
}

// A side that reads a little now and then is not closed, however long it takes
// in all.
func TestWriteTimeoutStartsAnew(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.WriteTimeout = 500 * time.Millisecond })
		c := s.dial()
		p := s.protocol()
		c.(*net.TCPConn).SetReadBuffer(64 << 10)
		go io.WriteString(c, strings.Repeat("large\n", 200))
		begun := s.clock.Now()
		b := make([]byte, 16<<10)
		for s.clock.Now() < begun.Add(1500*time.Millisecond) {
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("read %d bytes, %v", n, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if len(p.closed) > 0 {
			t.Errorf("Closed(%v)", <-p.closed)
		}
	})
}

// Those who cut the connection in whatever state leave nothing behind.
func TestResets(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		of := serverTLS()
		s := start(func(c *settings, _ *lines) { c.TLS, c.Proxies = of, loopbacks() })
		hello := recordedHello(t)
		states := map[string]func(c net.Conn){
			"at once":                func(net.Conn) {},
			"in the PROXY header":    func(c net.Conn) { io.WriteString(c, "PROXY TC") },
			"after it":               func(c net.Conn) { io.WriteString(c, proxyLine) },
			"in the hello":           func(c net.Conn) { io.WriteString(c, hello[:99]) },
			"in the handshake":       func(c net.Conn) { io.WriteString(c, hello); c.Read(make([]byte, 1)) },
			"after the handshake":    func(c net.Conn) { tls.Client(c, clientTLS).Handshake() },
			"idle":                   func(c net.Conn) { io.WriteString(c, "in\n"); c.Read(make([]byte, 3)) },
			"in a message":           func(c net.Conn) { io.WriteString(c, "in") },
			"while it does not read": func(c net.Conn) { io.WriteString(c, strings.Repeat("large\n", 200)) },
			"secure, the same": func(c net.Conn) {
				io.WriteString(tls.Client(c, clientTLS), strings.Repeat("large\n", 200))
			},
			"while it is lingered for": func(c net.Conn) { io.WriteString(c, "close unread\n"); io.Copy(io.Discard, c) },
			"with its last words":      func(c net.Conn) { io.WriteString(c, strings.Repeat("large\n", 100)+"close\n") },
		}
		var all sync.WaitGroup
		for range 5 {
			for _, state := range states {
				c := s.dial()
				all.Go(func() {
					state(c)
					c.(*net.TCPConn).SetLinger(0)
					c.Close()
				})
			}
		}
		all.Wait()
		eventually(t, "every connection is closed", func() bool { return s.limit.Open() == 0 })
		eventually(t, "every handshake is over", func() bool { return of.Handshakes.Counts().InFlight == 0 })
		for len(s.protocols) > 0 {
			wait(t, s.protocol().closed)
		}
		c := s.dial()
		send(t, c, "in\n")
		expect(t, c, "IN\n")
	})
}

// Somebody who asks without end, and reads, keeps nobody else waiting.
func TestFlood(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, _ *lines) { c.Count = 1 })
		flood := s.dial()
		go func() {
			for {
				if _, err := io.WriteString(flood, strings.Repeat("x\n", 10_000)); err != nil {
					return
				}
			}
		}()
		go io.Copy(io.Discard, flood)
		for range 50 {
			c := s.dial()
			send(t, c, "in\n")
			expect(t, c, "IN\n")
			c.Close()
		}
		flood.Close()
	})
}

// 2,000 that idle, and others who are served meanwhile.
func TestManyIdle(t *testing.T) {
	const count = 2000
	for which, kind := range engines {
		t.Run(kind.name, func(t *testing.T) {
			s := startStand(t, which, loopback4, func(c *settings, p *lines) { p.alarm = time.Hour })
			idle := make([]net.Conn, count)
			for i := range idle {
				idle[i] = s.dial()
				send(t, idle[i], "in\n")
				expect(t, idle[i], "IN\n")
				s.protocol()
			}
			for range 100 {
				c := s.dial()
				send(t, c, "close\n")
				expect(t, c, "BYE\n")
				expectEnd(t, c)
				s.protocol()
			}
			eventually(t, "the others are gone", func() bool { return s.limit.Open() == count })
			for _, c := range idle {
				send(t, c, "still here\n")
				expect(t, c, "STILL HERE\n")
				c.Close()
			}
			eventually(t, "all are gone", func() bool { return s.limit.Open() == 0 })
		})
	}
}
