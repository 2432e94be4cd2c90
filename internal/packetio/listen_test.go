package packetio

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

func TestEngineChosen(t *testing.T) {
	best := "portable"
	if mmsgWorks() == nil {
		best = "mmsg"
	}
	for _, asked := range []string{"auto", ""} {
		s := listen(t, loopback4, Config{Engine: asked, Workers: 1})[0]
		if s.Engine() != best {
			t.Errorf("engine %q took %s, want %s", asked, s.Engine(), best)
		}
	}
}

func TestListenRefuses(t *testing.T) {
	tests := []struct {
		name string
		addr netip.AddrPort
		c    Config
		want string
	}{
		{"no address", netip.AddrPort{}, Config{}, "address is missing"},
		{"unknown engine", netip.AddrPortFrom(loopback4, 0), Config{Engine: "xdp"}, `no engine "xdp"`},
		{"not ours, portable", netip.MustParseAddrPort("192.0.2.1:0"), Config{Engine: "portable"}, "192.0.2.1:0"},
		{"not ours, auto", netip.MustParseAddrPort("192.0.2.1:0"), Config{}, "192.0.2.1:0"},
		{"no such interface", netip.MustParseAddrPort("[fe80::1%nowhere0]:0"), Config{}, "fe80::1%nowhere0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sockets, err := Listen(test.addr, test.c)
			if err == nil {
				for _, s := range sockets {
					s.Close()
				}
				t.Fatal("Listen took it")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}

func TestPortZero(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		c.Workers = 3
		sockets := listen(t, loopback, c)
		if len(sockets) != c.Workers {
			t.Fatalf("%d sockets for %d workers", len(sockets), c.Workers)
		}
		first := sockets[0].LocalAddr()
		if first.Addr() != loopback || first.Port() == 0 {
			t.Errorf("bound to %v", first)
		}
		for _, s := range sockets {
			if s.LocalAddr() != first {
				t.Errorf("bound to %v and %v", first, s.LocalAddr())
			}
		}
	})
}

func TestWorkersDefaultToCores(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		c.Workers = 0
		want := runtime.GOMAXPROCS(0)
		for range 2 {
			if got := len(listen(t, loopback, c)); got != want {
				t.Errorf("%d sockets on %d cores", got, want)
			}
		}
	})
}

func TestMappedAddressIsIPv4(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		mapped := netip.AddrFrom16(loopback.As16())
		if got := listen(t, mapped, c)[0].LocalAddr().Addr(); got != loopback {
			t.Errorf("bound to %v, want %v", got, loopback)
		}
	})
}

func TestUsedPortIsRefused(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		for _, workers := range []int{1, 2} {
			c.Workers = workers
			used := listen(t, loopback, c)[0].LocalAddr()
			for _, e := range engines {
				if e.works() != nil {
					continue
				}
				for _, rival := range []int{1, 2} {
					sockets, err := Listen(used, Config{Engine: e.name, Workers: rival})
					if !inUse(err) {
						t.Errorf("%d workers of %s took the port of %d of %s: %v", rival, e.name, workers, c.Engine, err)
					}
					for _, s := range sockets {
						s.Close()
					}
				}
			}
		}
	})
}

func TestPortIsFreeAfterClose(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		c.Workers = 2
		addr := netip.AddrPortFrom(loopback, 0)
		for range 3 {
			sockets, err := Listen(addr, c)
			if err != nil {
				t.Fatal(err)
			}
			addr = sockets[0].LocalAddr()
			for _, s := range sockets {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// The default configuration listens on 0.0.0.0 and :: with one port.
func TestBothFamiliesOnOnePort(t *testing.T) {
	if len(families(t)) == 1 {
		return // it has logged that
	}
	for _, e := range engines {
		if e.works() != nil {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			c := Config{Engine: e.name, Workers: 2}
			first := listen(t, netip.IPv6Unspecified(), c)[0].LocalAddr()
			sockets, err := Listen(netip.AddrPortFrom(netip.IPv4Unspecified(), first.Port()), c)
			if inUse(err) {
				t.Fatalf("IPv6 took the port of IPv4: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sockets {
				s.Close()
			}
		})
	}
}

func TestReceiveBuffer(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		const small = 64 << 10 // every system grants this much
		c.ReceiveBuffer = small
		if got := listen(t, loopback, c)[0].ReceiveBuffer(); got != small {
			t.Errorf("asked for %d bytes, ReceiveBuffer() = %d", small, got)
		}
		c.ReceiveBuffer = 1 << 30
		if got := listen(t, loopback, c)[0].ReceiveBuffer(); got <= small || got > c.ReceiveBuffer {
			t.Errorf("asked for %d bytes, ReceiveBuffer() = %d", c.ReceiveBuffer, got)
		}
	})
}

// Every worker answers, none twice, and closing under traffic ends all of them.
func TestWorkersShareThePort(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		c.Workers = 4
		sockets := listen(t, loopback, c)
		var done []chan error
		var served [4]atomic.Int64
		for w, s := range sockets {
			ended := make(chan error, 1)
			done = append(done, ended)
			go func() {
				b := NewBatch()
				for {
					n, err := s.Receive(b)
					if err == nil {
						served[w].Add(int64(n))
						echo(b, n)
						err = s.Send(b)
					}
					if err != nil {
						ended <- err
						return
					}
				}
			}()
		}
		const clients = 64
		var conns []*net.UDPConn
		for i := range uint32(clients) {
			conn := dial(t, sockets[0].LocalAddr())
			write(t, conn, binary.BigEndian.AppendUint32(nil, i))
			if got := number(read(t, conn)); got != i {
				t.Errorf("client %d got the reply of %d", i, got)
			}
			conns = append(conns, conn)
		}
		var total, busy int64
		for w := range served {
			n := served[w].Load()
			total += n
			busy += min(n, 1)
		}
		if total != clients {
			t.Errorf("%d datagrams served, %d sent", total, clients)
		}
		if c.Engine == "mmsg" && busy < 2 {
			t.Errorf("%d of %d workers had something to do", busy, len(sockets))
		}
		for _, conn := range conns {
			for range 20 {
				write(t, conn, []byte("in flight"))
			}
		}
		if err := Close(sockets); err != nil {
			t.Error(err)
		}
		for _, ended := range done {
			<-ended
		}
	})
}
