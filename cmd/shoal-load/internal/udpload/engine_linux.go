//go:build amd64 || arm64

package udpload

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// mmsg moves batches with recvmmsg and sendmmsg on connected sockets, which
// spares the kernel a route for every packet, and waits in epoll.
type mmsg struct {
	fds      []int
	epoll    int
	ready    []unix.EpollEvent
	at, n    int  // of ready
	coarse   bool // no epoll_pwait2: before Linux 5.11
	segments bool // the kernel cuts announces out of one message
}

func newEngine(p *plan.Plan, sockets []*socket) (engine, error) {
	if p.Portable {
		return newPortable(p, sockets)
	}
	m := &mmsg{epoll: -1, ready: make([]unix.EpollEvent, 256)}
	if err := m.open(p, sockets); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *mmsg) open(p *plan.Plan, sockets []*socket) (err error) {
	if m.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("making an epoll: %w", err)
	}
	m.segments = p.Segment
	for i, s := range sockets {
		from := p.Sources[s.source]
		fd, err := dial(from, p.Target)
		if err != nil {
			return fmt.Errorf("opening a UDP socket from %v to %v: %w", from, p.Target, err)
		}
		m.fds = append(m.fds, fd)
		// A kernel that does not know the option does not know the control message
		// either, and would send announces uncut. The option itself stays off: it
		// would cut scrapes too.
		_, err = unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		m.segments = m.segments && err == nil
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(m.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return fmt.Errorf("watching a UDP socket: %w", err)
		}
	}
	return nil
}

// bufferSize is asked of the kernel for each socket and direction.
const bufferSize = 8 << 20

// dial opens a UDP socket between two addresses.
func dial(from netip.Addr, to netip.AddrPort) (fd int, err error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	for _, option := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, option[0], bufferSize) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option[1], bufferSize) // what it grants shows in the report
		}
	}
	if !from.IsUnspecified() {
		err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0)))
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(to))
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	zone := 0
	if itf, err := net.InterfaceByName(a.Addr().Zone()); err == nil {
		zone = itf.Index
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port()), ZoneId: uint32(zone)}
}

func (m *mmsg) receive(in *batch, timeout time.Duration) (more bool, err error) {
	in.n = 0
	for first := true; ; first = false {
		if m.at == m.n {
			if !first {
				return false, nil
			}
			if err := m.wait(timeout); err != nil {
				return false, err
			}
			if m.n == 0 {
				return false, nil
			}
		}
		in.socket = int(m.ready[m.at].Fd)
		m.at++
		n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(m.fds[in.socket]),
			uintptr(unsafe.Pointer(&in.vectors.messages[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch {
		case e == 0:
			in.n = int(n)
			for i := range in.n {
				in.lengths[i] = min(int(in.vectors.messages[i].length), in.room)
			}
			return m.at < m.n, nil
		case e != unix.EAGAIN && e != unix.EINTR && e != unix.ECONNREFUSED:
			return false, fmt.Errorf("receiving: %w", e)
		}
	}
}

// wait fills ready.
func (m *mmsg) wait(timeout time.Duration) error {
	m.at, m.n = 0, 0
	var n uintptr
	var e unix.Errno
	switch {
	case timeout == 0:
		n, _, e = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(m.epoll),
			uintptr(unsafe.Pointer(&m.ready[0])), uintptr(len(m.ready)), 0, 0, 0)
	case m.coarse:
		n, _, e = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(m.epoll),
			uintptr(unsafe.Pointer(&m.ready[0])), uintptr(len(m.ready)), uintptr((timeout+time.Millisecond-1)/time.Millisecond), 0, 0)
	default:
		spec := unix.NsecToTimespec(int64(timeout))
		n, _, e = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(m.epoll),
			uintptr(unsafe.Pointer(&m.ready[0])), uintptr(len(m.ready)), uintptr(unsafe.Pointer(&spec)), 0, 0)
		if e == unix.ENOSYS { // before Linux 5.11: milliseconds have to do
			m.coarse = true
			return m.wait(timeout)
		}
	}
	switch {
	case e == 0:
		m.n = int(n)
	case e != unix.EINTR:
		return fmt.Errorf("waiting for packets: %w", e)
	}
	return nil
}

// sendAttempts bounds how often a batch is offered to a system that takes
// nothing.
const sendAttempts = 100

func (m *mmsg) send(out *batch) error {
	messages := out.vectors.lineUp(out, 0, m.segments)
	attempts := 0
	for at := 0; at < messages && attempts < sendAttempts; {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(m.fds[out.socket]),
			uintptr(unsafe.Pointer(&out.vectors.messages[at])), uintptr(messages-at), unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			at += int(n)
			continue
		case unix.EAGAIN, unix.ENOBUFS:
			m.nap(50 * time.Microsecond)
		case unix.EINTR, unix.ECONNREFUSED: // of an earlier packet
		case unix.EINVAL, unix.EIO: // a network device that cannot cut
			if !m.segments {
				return fmt.Errorf("sending: %w", e)
			}
			m.segments = false
			messages, at = out.vectors.lineUp(out, out.vectors.packets(at), false), 0
		default:
			return fmt.Errorf("sending: %w", e)
		}
		attempts++
	}
	return nil
}

func (m *mmsg) nap(d time.Duration) {
	spec := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&spec)), 0, 0)
}

// memInfoDrops is the place of the drops in what SO_MEMINFO tells.
const memInfoDrops = 8

func (m *mmsg) dropped() (n uint64) {
	for _, fd := range m.fds {
		var info [memInfoDrops + 1]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if e == 0 {
			n += uint64(info[memInfoDrops])
		}
	}
	return n
}

func (m *mmsg) close() {
	for _, fd := range m.fds {
		_ = unix.Close(fd)
	}
	if m.epoll >= 0 {
		_ = unix.Close(m.epoll)
	}
}
