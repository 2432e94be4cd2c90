//go:build amd64 || arm64

package packetio

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// wakeInterval bounds how long a closed socket's receive may sleep on a kernel
// where shutdown does not wake it.
const wakeInterval = 200 * time.Millisecond

// listenMmsg binds a socket for each worker. The first is bound without
// SO_REUSEPORT, because with it a second server of the same user would share
// the port and take half of the packets, and neither would know. It joins the
// group after the bind, before the others do.
func listenMmsg(addr netip.AddrPort, workers int, c Config) (sockets []*Socket, err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, s := range sockets {
			err = errors.Join(err, s.Close())
		}
		sockets = nil
	}()
	for i := range workers {
		m, err := bindMmsg(addr, i > 0)
		if err != nil {
			return sockets, err
		}
		m.coalesce = unix.NsecToTimespec(int64(c.Coalesce))
		s := &Socket{engine: m, name: "mmsg"}
		sockets = append(sockets, s)
		if s.granted, err = enlargeBuffersOf(m.fd, c.ReceiveBuffer); err != nil {
			return sockets, err
		}
		if i == 0 {
			if addr, err = boundTo(m.fd, addr); err != nil {
				return sockets, err
			}
			if workers > 1 {
				if err = unix.SetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
					return sockets, os.NewSyscallError("setsockopt SO_REUSEPORT", err)
				}
			}
		}
		s.local = addr
	}
	return sockets, nil
}

// bindMmsg opens one blocking socket on addr.
func bindMmsg(addr netip.AddrPort, shared bool) (*mmsg, error) {
	ipv6 := addr.Addr().Is6()
	family := unix.AF_INET
	if ipv6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	m := &mmsg{fd: fd, ipv6: ipv6, pktinfo: addr.Addr().IsUnspecified()}
	if err := m.bind(addr, shared); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return m, nil
}

func (m *mmsg) bind(addr netip.AddrPort, shared bool) error {
	if m.ipv6 {
		if err := unix.SetsockoptInt(m.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	if m.pktinfo {
		if err := askPktinfo(m.fd, m.ipv6); err != nil {
			return err
		}
	}
	wake := unix.NsecToTimeval(int64(wakeInterval))
	if err := unix.SetsockoptTimeval(m.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wake); err != nil {
		return os.NewSyscallError("setsockopt SO_RCVTIMEO", err)
	}
	if shared {
		if err := unix.SetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return os.NewSyscallError("setsockopt SO_REUSEPORT", err)
		}
	}
	name, err := socketAddress(addr)
	if err != nil {
		return err
	}
	return os.NewSyscallError("bind", unix.Bind(m.fd, name))
}

// socketAddress returns addr as the kernel takes it.
func socketAddress(addr netip.AddrPort) (unix.Sockaddr, error) {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}, nil
	}
	name := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if zone := addr.Addr().Zone(); zone != "" {
		index, err := zoneIndex(zone)
		if err != nil {
			return nil, err
		}
		name.ZoneId = index
	}
	return name, nil
}

// boundTo returns addr with the port that fd is bound to.
func boundTo(fd int, addr netip.AddrPort) (netip.AddrPort, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return addr, os.NewSyscallError("getsockname", err)
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(addr.Addr(), uint16(name.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(addr.Addr(), uint16(name.Port)), nil
	}
	return addr, fmt.Errorf("getsockname: an address of type %T", name)
}
