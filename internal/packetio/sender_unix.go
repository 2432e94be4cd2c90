//go:build unix

package packetio

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// sender sends the replies of one worker with a single try each. Package net
// would wait for room in the send buffer, and every other client with it.
type sender struct {
	raw syscall.RawConn
	try func(fd uintptr) bool // s.once; made for each reply, it would be garbage

	// What once sends, and how that ended.
	reply, control []byte
	to             unix.Sockaddr // &to4 or &to6
	to4            unix.SockaddrInet4
	to6            unix.SockaddrInet6
	failed         error

	zone zone
}

// zone remembers the interface of the last link-local client: asking the kernel
// costs more than the reply.
type zone struct {
	name  string
	index uint32
	uses  int // replies until the kernel is asked again
}

// zoneUses bounds how many replies leave by a remembered interface. One that
// goes and comes back has another index, and its old index may be another's.
const zoneUses = 1000

func newSender(conn *net.UDPConn) (*sender, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reaching the socket: %w", err)
	}
	s := &sender{raw: raw}
	s.try = s.once
	return s, nil
}

// send sends reply to an address of the socket's family, with a control message
// or nil. It never waits for the kernel.
func (s *sender) send(reply, control []byte, to netip.AddrPort) error {
	if err := s.aim(to); err != nil {
		return err
	}
	s.reply, s.control = reply, control
	err := s.raw.Write(s.try)
	if err == nil {
		err = s.failed
	}
	if err != nil {
		s.zone = zone{} // perhaps it was that
	}
	return err
}

// aim sets the address that once sends to.
func (s *sender) aim(to netip.AddrPort) error {
	addr := to.Addr()
	if addr.Is4() {
		s.to4.Port, s.to4.Addr = int(to.Port()), addr.As4()
		s.to = &s.to4
		return nil
	}
	s.to6.Port, s.to6.Addr, s.to6.ZoneId = int(to.Port()), addr.As16(), 0
	s.to = &s.to6
	name := addr.Zone()
	if name == "" {
		return nil
	}
	if s.zone.name != name || s.zone.uses == 0 {
		index, err := zoneIndex(name)
		if err != nil {
			return err
		}
		s.zone = zone{name: name, index: index, uses: zoneUses}
	}
	s.zone.uses--
	s.to6.ZoneId = s.zone.index
	return nil
}

// once tries to send. The sockets of package net never block; and once always
// says that it is done, or the runtime would wait until the socket is writable
// and call it again.
func (s *sender) once(fd uintptr) (done bool) {
	for {
		_, s.failed = unix.SendmsgN(int(fd), s.reply, s.control, s.to, 0)
		if !errors.Is(s.failed, unix.EINTR) {
			return true
		}
	}
}
