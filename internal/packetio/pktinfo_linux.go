package packetio

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// hasPktinfo: the kernel tells which of its addresses a datagram was sent to.
const hasPktinfo = true

// askPktinfo has each datagram come with the address it was sent to.
func askPktinfo(fd int, ipv6 bool) error {
	var err error
	if ipv6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	} else {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	if err != nil {
		return fmt.Errorf("asking for the address that datagrams are sent to: %w", err)
	}
	return nil
}

// replyControl turns the control message of a datagram, in place, into the one
// that has the reply leave from the address that was asked. Doing it twice
// changes nothing. nil: the kernel picks the address.
//
// The interface is forgotten, because the route back may be another one; a
// link-local address means nothing without it.
func replyControl(control []byte) []byte {
	if len(control) < unix.SizeofCmsghdr {
		return nil
	}
	header, info, rest, err := unix.ParseOneSocketControlMessage(control)
	if err != nil {
		return nil
	}
	switch {
	case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(info) == unix.SizeofInet4Pktinfo:
		// int ipi_ifindex; struct in_addr ipi_spec_dst, ipi_addr: received,
		// spec_dst is the local address; sent, it is the source.
		clear(info[0:4])
	case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(info) == unix.SizeofInet6Pktinfo:
		// struct in6_addr ipi6_addr; unsigned int ipi6_ifindex
		switch prefix := binary.BigEndian.Uint16(info); {
		case prefix>>8 == 0xff: // multicast is nobody's source address
			return nil
		case prefix&0xffc0 != 0xfe80:
			clear(info[16:20])
		}
	default:
		return nil
	}
	return control[:len(control)-len(rest)]
}
