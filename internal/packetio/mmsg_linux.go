//go:build amd64 || arm64

package packetio

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loneSkips is how many lone packets in a row are answered without a nap after
// a nap that brought nothing. Then one is tried again: packets at even
// distances always come alone to a worker that is fast enough, however many
// they are, and would never show that a nap pays.
const loneSkips = 16

// longestRawNap is the longest nap in nanoseconds that may hold up the
// collector.
const longestRawNap = 1_000_000

// mmsg moves a batch with one recvmmsg and one sendmmsg on a blocking socket,
// past the runtime's poller.
type mmsg struct {
	fd       int
	ipv6     bool
	pktinfo  bool
	coalesce unix.Timespec

	last  int // datagrams in the last batch
	skips int // lone packets still to go without a nap

	// gate is held for reading while a call uses fd: closed under it, the
	// number could be another connection's by then.
	gate   sync.RWMutex
	freed  bool        // fd is closed; written with the gate held
	closed atomic.Bool // receive and send are to return
	lost   atomic.Uint64
}

func (m *mmsg) receive(b *Batch) (int, error) {
	m.gate.RLock()
	defer m.gate.RUnlock()
	b.vectors.renew(b.n)
	if m.napPays() {
		if n := m.gather(b); n > 0 && !m.closed.Load() {
			return n, nil
		}
	}
	for attempt := 1; ; attempt++ {
		if m.closed.Load() {
			b.vectors.renew(BatchSize)
			return 0, net.ErrClosed
		}
		n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(m.fd),
			uintptr(unsafe.Pointer(&b.vectors.in[0])), BatchSize, unix.MSG_WAITFORONE, 0, 0)
		switch {
		case m.closed.Load():
			// shutdown makes the kernel count empty datagrams that nobody sent,
			// and cut their headers; b may go on with another socket.
			b.vectors.renew(BatchSize)
			return 0, net.ErrClosed
		case e == 0 && n > 0:
			m.last = int(n)
			m.read(b, int(n))
			return int(n), nil
		case e == 0 || e == unix.EAGAIN || e == unix.EINTR:
			attempt = 0
		case attempt == receiveAttempts:
			return 0, fmt.Errorf("receiving datagrams: %w", e)
		default:
			time.Sleep(time.Millisecond)
		}
	}
}

// napPays decides on a nap before the next receive. A full batch means that
// more is waiting; a lone packet after an empty nap means an idle tracker,
// which has nothing to gather.
func (m *mmsg) napPays() bool {
	if m.coalesce.Nsec == 0 || m.last == 0 || m.last == BatchSize {
		return false
	}
	if m.last == 1 && m.skips > 0 {
		m.skips--
		return false
	}
	return true
}

// gather naps and takes what has come meanwhile, if anything.
func (m *mmsg) gather(b *Batch) int {
	if nap := uintptr(unsafe.Pointer(&m.coalesce)); m.coalesce.Nsec <= longestRawNap {
		// By RawSyscall the worker keeps its processor, as the Go runtime calls
		// the right to run Go code. To give it back and take it again would
		// wake the runtime's own threads around every nap, which measured a
		// tenth of a busy tracker's CPU. The program is to have a processor more
		// for each worker, so that naps take nothing from other goroutines. The
		// signal by which the collector stops a thread ends the nap.
		_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, nap, 0, 0)
	} else {
		_, _, _ = unix.Syscall(unix.SYS_NANOSLEEP, nap, 0, 0)
	}
	n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(m.fd),
		uintptr(unsafe.Pointer(&b.vectors.in[0])), BatchSize, unix.MSG_DONTWAIT, 0, 0)
	if e != 0 || n == 0 {
		m.skips = loneSkips
		return 0
	}
	m.last, m.skips = int(n), 0
	m.read(b, int(n))
	return int(n)
}

// read takes what the kernel wrote about n datagrams over into b.
func (m *mmsg) read(b *Batch, n int) {
	for i := range n {
		header := &b.vectors.in[i]
		b.lengths[i] = min(int(header.length), PacketSize)
		b.controls[i] = min(int(header.Controllen), controlSize)
		name := &b.vectors.names[i]
		port := binary.BigEndian.Uint16(name[2:4])
		if m.ipv6 {
			b.from[i] = netip.AddrPortFrom(netip.AddrFrom16([16]byte(name[8:24])), port)
		} else {
			b.from[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte(name[4:8])), port)
		}
	}
}

func (m *mmsg) send(b *Batch) error {
	m.gate.RLock()
	defer m.gate.RUnlock()
	if m.closed.Load() {
		return net.ErrClosed
	}
	count := m.write(b)
	for at := 0; at < count; {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(m.fd),
			uintptr(unsafe.Pointer(&b.vectors.out[at])), uintptr(count-at), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case e == unix.EINTR:
		case e != 0 || n == 0:
			// The error is the first message's; the others may do better.
			m.lost.Add(1)
			at++
		default:
			at += int(n)
		}
	}
	return nil
}

// write lines up the replies of b for the kernel and returns how many.
func (m *mmsg) write(b *Batch) (count int) {
	v := &b.vectors
	nameLength := uint32(unix.SizeofSockaddrInet4)
	if m.ipv6 {
		nameLength = unix.SizeofSockaddrInet6
	}
	for i, length := range b.answers[:b.n] {
		if length == 0 {
			continue
		}
		b.answers[i] = 0
		v.rooms[i].Len = uint64(length)
		header := &v.out[count]
		header.Name, header.Namelen = &v.names[i][0], nameLength
		header.Iov = &v.rooms[i]
		header.Control, header.Controllen = nil, 0
		if m.pktinfo {
			if source := replyControl(b.controlOf(i)[:b.controls[i]]); source != nil {
				header.Control, header.Controllen = &source[0], uint64(len(source))
			}
		}
		count++
	}
	return count
}

func (m *mmsg) shut() {
	m.gate.RLock()
	defer m.gate.RUnlock()
	if !m.closed.Swap(true) {
		// It says ENOTCONN, and wakes whoever waits in recvmmsg nevertheless.
		_ = unix.Shutdown(m.fd, unix.SHUT_RD)
	}
}

func (m *mmsg) close() error {
	m.shut()
	m.gate.Lock()
	defer m.gate.Unlock()
	if m.freed {
		return nil
	}
	m.freed = true
	if err := unix.Close(m.fd); err != nil {
		return fmt.Errorf("closing a UDP socket: %w", err)
	}
	return nil
}

func (m *mmsg) dropped() uint64 { return m.lost.Load() }
