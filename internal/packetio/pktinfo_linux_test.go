package packetio

import (
	"net"
	"net/netip"
	"os"
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

func TestNoDescriptorIsLeft(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		c.Workers = 3
		open := func() int {
			entries, err := os.ReadDir("/proc/self/fd")
			if err != nil {
				t.Fatal(err)
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
