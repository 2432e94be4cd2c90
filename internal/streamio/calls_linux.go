//go:build amd64 || arm64

package streamio

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of a loop. None of them waits, so the runtime is told of none: that
// would cost more than some of them.

func readSocket(fd int32, b []byte) (int, unix.Errno) {
	n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), e
}

func sendSocket(fd int32, b []byte, flags uintptr) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT|flags, 0, 0)
	return int(n), e
}

func closeSocket(fd int32) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

func shutdownWrite(fd int32) unix.Errno {
	_, _, e := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return e
}

// socketName is an address as the kernel writes it.
type socketName [unix.SizeofSockaddrInet6]byte

type acceptFunc func(fd int, name *socketName) (int32, unix.Errno)

func acceptSocket(fd int, name *socketName) (int32, unix.Errno) {
	length := uint32(len(name))
	n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&length)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int32(n), e
}

// addrPort returns the address, without a zone.
func (n *socketName) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(n[2:4])
	switch binary.NativeEndian.Uint16(n[:2]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(n[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}

// localName returns the address that fd is bound to.
func localName(fd int32) netip.AddrPort {
	var name socketName
	length := uint32(len(name))
	_, _, e := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&length)))
	if e != 0 {
		return netip.AddrPort{}
	}
	return name.addrPort()
}

// socketError takes the error that has come over fd meanwhile, 0 for none.
func socketError(fd int32) unix.Errno {
	n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return unix.EBADF
	}
	return unix.Errno(n)
}
