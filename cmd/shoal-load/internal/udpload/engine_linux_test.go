//go:build amd64 || arm64

package udpload

import (
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal/udptracker"
)

// TestSegments sends batches in which announces stand together and alone,
// between what is shorter and longer. Every packet arrives once, in its order
// and at its length, also where the kernel refuses to cut, as it does without
// checksums: what had left before is not sent again.
func TestSegments(t *testing.T) {
	const announce = udptracker.AnnounceSize
	for name, refuse := range map[string]bool{"cut": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			p := newPlan(t, c.LocalAddr().(*net.UDPAddr).AddrPort())
			p.Hashes = 74
			e, err := newEngine(p, []*socket{{}})
			if err != nil {
				t.Fatal(err)
			}
			defer e.close()
			m := e.(*mmsg)
			if !m.segments {
				t.Skip("this kernel does not cut messages")
			}
			if refuse {
				if err := unix.SetsockoptInt(m.fds[0], unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
					t.Fatal(err)
				}
			}
			out := newBatch(requestRoom(p))
			for range 2 {
				sizes := []int{16, 116, announce, 1496, announce, announce, announce, 36, 96, announce, announce}
				out.n = 0
				for i, size := range sizes {
					out.next()[0] = byte(i)
					out.add(size)
				}
				if err := m.send(out); err != nil {
					t.Fatal(err)
				}
				got := []int{}
				b := make([]byte, 4096)
				for range sizes {
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
					n, err := c.Read(b)
					if err != nil {
						t.Fatalf("%v after packets of %v", err, got)
					}
					if int(b[0]) != len(got) {
						t.Errorf("packet %d comes as the %d.", b[0], len(got))
					}
					got = append(got, n)
				}
				if !slices.Equal(got, sizes) {
					t.Errorf("lengths %v, want %v", got, sizes)
				}
				_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				if n, err := c.Read(b); err == nil {
					t.Errorf("%d bytes more", n)
				}
			}
			if m.segments == refuse {
				t.Errorf("the kernel refuses to cut: %v, and is asked to: %v", refuse, m.segments)
			}
		})
	}
}
