//go:build amd64 || arm64

package streamio

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// backlog is how many connections wait in the kernel, for each loop and
	// address, if net.core.somaxconn allows as many.
	backlog = 4096

	// deferAccept is how long the kernel keeps a connection to itself whose
	// first bytes have not come. Whoever connects here speaks first, by HTTP as
	// well as by TLS and the PROXY protocol, so until then there is nothing to
	// do: a crowd of silent clients costs the process no descriptor and no
	// wake-up for that long, and a request is read as soon as its connection is
	// accepted. Then they are handed over after all, and have the time that
	// every connection has.
	deferAccept = 5 * time.Second
)

// bindAll binds a listening socket for each loop. The first one listens without
// SO_REUSEPORT, because with it a second server of the same user would share
// the port and take half of the connections, and neither would know. It joins
// the group after that, before the others do.
func bindAll(addr netip.AddrPort, count, deferring int) (sockets []int, bound netip.AddrPort, err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, fd := range sockets {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	bound = addr
	for i := range count {
		fd, err := bindOne(bound, i > 0, deferring)
		if err != nil {
			return sockets, addr, err
		}
		sockets = append(sockets, fd)
		if i > 0 {
			continue
		}
		if bound, err = boundTo(fd, addr); err != nil {
			return sockets, addr, err
		}
		if count > 1 {
			if err = setOption(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, "SO_REUSEPORT"); err != nil {
				return sockets, addr, err
			}
		}
	}
	return sockets, bound, nil
}

func bindOne(addr netip.AddrPort, shared bool, deferring int) (int, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := prepare(fd, addr, shared, deferring); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// prepare binds fd and has it listen. What is set here, accepted connections
// inherit.
func prepare(fd int, addr netip.AddrPort, shared bool, deferring int) error {
	if addr.Addr().Is6() {
		if err := setOption(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1, "IPV6_V6ONLY"); err != nil {
			return err
		}
	}
	// Connections of an earlier process that are not quite over must not keep
	// the port.
	if err := setOption(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1, "SO_REUSEADDR"); err != nil {
		return err
	}
	if shared {
		if err := setOption(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, "SO_REUSEPORT"); err != nil {
			return err
		}
	}
	// A reply is one write, which waits for nothing.
	if err := setOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1, "TCP_NODELAY"); err != nil {
		return err
	}
	if deferring > 0 {
		// Not every sandbox knows it, and it only saves work.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferring)
	}
	name, err := socketAddress(addr)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, name); err != nil {
		return os.NewSyscallError("bind", err)
	}
	return os.NewSyscallError("listen", unix.Listen(fd, backlog))
}

func setOption(fd, level, option, value int, name string) error {
	return os.NewSyscallError("setsockopt "+name, unix.SetsockoptInt(fd, level, option, value))
}

// socketAddress returns addr as the kernel takes it.
func socketAddress(addr netip.AddrPort) (unix.Sockaddr, error) {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}, nil
	}
	name := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if zone := addr.Addr().Zone(); zone != "" {
		if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			name.ZoneId = uint32(n)
			return name, nil
		}
		link, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, fmt.Errorf("zone %q: %w", zone, err)
		}
		name.ZoneId = uint32(link.Index)
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
