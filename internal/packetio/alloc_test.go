//go:build !race

package packetio

import (
	"net/netip"
	"testing"
)

func TestReceiveAndSendDoNotAllocate(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		for _, addr := range []netip.Addr{loopback, unspecified(loopback)} {
			s := listen(t, addr, c)[0]
			client, b := dial(t, netip.AddrPortFrom(loopback, s.LocalAddr().Port())), NewBatch()
			question, room := make([]byte, 98), make([]byte, 2048)
			allocs := testing.AllocsPerRun(200, func() {
				for range 3 {
					if _, err := client.Write(question); err != nil {
						t.Fatal(err)
					}
				}
				for seen := 0; seen < 3; {
					n, err := s.Receive(b)
					if err != nil {
						t.Fatal(err)
					}
					echo(b, n)
					if err := s.Send(b); err != nil {
						t.Fatal(err)
					}
					seen += n
				}
				for range 3 {
					if _, err := client.Read(room); err != nil {
						t.Fatal(err)
					}
				}
			})
			if allocs != 0 {
				t.Errorf("%v: %v allocations for 3 datagrams", addr, allocs)
			}
		}
	})
}
