package packetio

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A client drops a reply from another address than the one it asked, so each
// address of the machine is asked in turn, from the loopback address where the
// kernel would answer from by itself.
func TestReplyLeavesFromTheAddressAsked(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, unspecified(loopback), c)[0]
		done := serve(s)
		for _, asked := range ownAddresses(t, loopback) {
			from := loopback
			if asked.IsLinkLocalUnicast() {
				from = asked // loopback has no way there
			}
			client, err := net.DialUDP("udp",
				net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)),
				net.UDPAddrFromAddrPort(netip.AddrPortFrom(asked, s.LocalAddr().Port())))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if err := client.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			write(t, client, []byte(asked.String()))
			if got := read(t, client); string(got) != asked.String() {
				t.Errorf("%v answered %q", asked, got)
			}
		}
		if got := s.Dropped(); got != 0 {
			t.Errorf("Dropped() = %d", got)
		}
		s.Close()
		<-done
	})
}

// ownAddresses returns the machine's addresses of loopback's family.
func ownAddresses(t *testing.T, loopback netip.Addr) []netip.Addr {
	t.Helper()
	own := []netip.Addr{loopback}
	if loopback.Is4() {
		own = append(own, netip.MustParseAddr("127.0.0.2"))
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				t.Fatal(err)
			}
			addr := prefix.Addr()
			if addr.Is4() != loopback.Is4() {
				continue
			}
			if addr.IsLinkLocalUnicast() && addr.Is6() {
				addr = addr.WithZone(i.Name)
			}
			own = append(own, addr)
		}
	}
	return own
}

// Bound to a link-local address, a socket is found by its zone and replies go
// back into it, though Packet shows none.
func TestLinkLocalAddress(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		if loopback.Is4() {
			return // few machines have one, and it has no zone
		}
		var found bool
		for _, addr := range ownAddresses(t, loopback) {
			if !addr.IsLinkLocalUnicast() {
				continue
			}
			found = true
			s := listen(t, addr, c)[0]
			client, b := dial(t, s.LocalAddr()), NewBatch()
			write(t, client, []byte("near"))
			n := receive(t, s, b)
			if _, from := b.Packet(0); from.Addr() != addr.WithZone("") {
				t.Errorf("from %v, want %v", from, addr.WithZone(""))
			}
			echo(b, n)
			send(t, s, b)
			if got := read(t, client); string(got) != "near" {
				t.Errorf("reply %q", got)
			}
		}
		if !found {
			t.Skip("this machine has no link-local address")
		}
	})
}

func TestReplyControl(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the messages are written for 64 bits, little-endian")
	}
	tests := []struct {
		name, received, sent string
	}{
		{"IPv4, the interface is forgotten",
			"1c00000000000000 00000000 08000000  02000000 7f000002 7f000002 00000000",
			"1c00000000000000 00000000 08000000  00000000 7f000002 7f000002 00000000"},
		{"IPv6, the interface is forgotten",
			"2400000000000000 29000000 32000000  20010db8000000000000000000000001 02000000 00000000",
			"2400000000000000 29000000 32000000  20010db8000000000000000000000001 00000000 00000000"},
		{"IPv6 link-local, the interface is kept",
			"2400000000000000 29000000 32000000  fe800000000000000000000000000001 02000000 00000000",
			"2400000000000000 29000000 32000000  fe800000000000000000000000000001 02000000 00000000"},
		{"IPv6 end of link-local, the interface is kept",
			"2400000000000000 29000000 32000000  febf0000000000000000000000000001 02000000 00000000",
			"2400000000000000 29000000 32000000  febf0000000000000000000000000001 02000000 00000000"},
		{"IPv6 multicast, the kernel picks",
			"2400000000000000 29000000 32000000  ff020000000000000000000000000001 02000000 00000000", ""},
		{"none", "", ""},
		{"cut header", "1c00000000000000 00000000", ""},
		{"length beyond the message", "4000000000000000 00000000 08000000  02000000 7f000002 7f000002 00000000", ""},
		{"length below the header", "0800000000000000 00000000 08000000  02000000 7f000002 7f000002 00000000", ""},
		{"IPv4, cut address", "1800000000000000 00000000 08000000  02000000 7f000002", ""},
		{"IPv6, cut address", "1800000000000000 29000000 32000000  20010db800000000", ""},
		{"another message", "1400000000000000 00000000 02000000  40000000 00000000", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			control := hexBytes(test.received)
			for range 2 { // in place, and the same the second time
				if got, want := replyControl(control), hexBytes(test.sent); !bytes.Equal(got, want) {
					t.Errorf("got  %x\nwant %x", got, want)
				}
			}
		})
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		c.Workers = 3
		open := func() int {
			entries, err := os.ReadDir("/proc/self/fd")
			if err != nil {
				t.Skip(err)
			}
			return len(entries)
		}
		cycle := func() {
			sockets, err := Listen(netip.AddrPortFrom(loopback, 0), c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Listen(sockets[0].LocalAddr(), c); !inUse(err) {
				t.Errorf("the used port gave %v", err)
			}
			for _, s := range sockets {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		cycle() // the runtime opens its poller the first time
		before := open()
		for range 10 {
			cycle()
		}
		if after := open(); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	})
}

func hexBytes(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}
