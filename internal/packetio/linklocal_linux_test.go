package packetio

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bound to a link-local address, a socket is found by its zone and replies go
// back into it, though Packet shows none.
func TestLinkLocalAddress(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		if loopback.Is4() {
			return // few machines have one, and it has no zone
		}
		for _, addr := range linkLocals(t, loopback) {
			s := listen(t, addr, c)[0]
			client, b := dial(t, s.LocalAddr()), NewBatch()
			for range 2 { // the zone is new to the engine, then remembered
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
		}
	})
}

// linkLocals returns link-local addresses with their zones: one made for the
// test, where it may make one, otherwise those of the machine. Where there are
// none either, the tests of zones without a network are all there is.
func linkLocals(t *testing.T, loopback netip.Addr) []netip.Addr {
	t.Helper()
	own := netip.MustParseAddr("fe80::1%lo")
	err := ownNetwork(own)
	if err == nil {
		return []netip.Addr{own}
	}
	t.Logf("no network of its own for the test: %v", err)
	var found []netip.Addr
	for _, addr := range ownAddresses(t, loopback) {
		if addr.IsLinkLocalUnicast() {
			found = append(found, addr)
		}
	}
	if len(found) == 0 {
		t.Log("NOT TESTED over a network, this machine has no link-local address")
	}
	return found
}

// ownNetwork moves the calling goroutine into a network of its own, in which
// the loopback interface has addr. It needs CAP_SYS_ADMIN. The thread stays
// locked, so that it ends with the goroutine and nothing else runs there.
func ownNetwork(addr netip.Addr) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_LOOPBACK)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return err
	}
	ask := struct { // struct in6_ifreq
		addr   [16]byte
		prefix uint32
		index  int32
	}{addr.As16(), 64, 1} // the loopback interface is always the first
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&ask)))
	if e != 0 {
		return e
	}
	// The kernel takes a moment to let go of the idea that another machine on
	// the link might have the address.
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		probe, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		if err == nil {
			return probe.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}
