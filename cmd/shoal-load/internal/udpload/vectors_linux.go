//go:build amd64 || arm64

package udpload

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal/udptracker"
)

// message is struct mmsghdr: a message and how much of it was moved.
type message struct {
	unix.Msghdr
	length uint32
	_      [4]byte
}

// vectors are the arrays that recvmmsg and sendmmsg take. They point into the
// batch and at each other and are made once: Go memory on the heap does not
// move, and the pointers are typed, so the collector sees them.
type vectors struct {
	messages []message
	data     []unix.Iovec
	cut      *cut
}

// cut is a control message that has the kernel cut a message into announces.
// Announces alone: what is longer has to stay whole, and so the option of the
// same name, which holds for everything that a socket sends, will not do.
type cut struct {
	unix.Cmsghdr
	size uint16
	_    [6]byte
}

func (v *vectors) point(b *batch) {
	v.messages = make([]message, batchSize)
	v.data = make([]unix.Iovec, batchSize)
	v.cut = &cut{Cmsghdr: unix.Cmsghdr{Level: unix.IPPROTO_UDP, Type: unix.UDP_SEGMENT}, size: udptracker.AnnounceSize}
	v.cut.SetLen(unix.CmsgLen(int(unsafe.Sizeof(v.cut.size))))
	for i := range batchSize {
		v.data[i] = unix.Iovec{Base: &b.bytes[i*b.room], Len: uint64(b.room)}
		v.messages[i].Iov, v.messages[i].Iovlen = &v.data[i], 1
	}
}

// lineUp makes messages of the packets of b, but for the first ones, and returns
// how many. Announces that follow each other become one message where the kernel cuts it again:
// the way through the kernel costs more than anything else, and is gone once
// for all of them. Each arrives as a packet of its own.
func (v *vectors) lineUp(b *batch, first int, segments bool) (messages int) {
	for i := first; i < b.n; {
		m := &v.messages[messages]
		m.Iov, m.Iovlen = &v.data[i], 0
		m.Control, m.Controllen = nil, 0
		for i < b.n {
			v.data[i].Len = uint64(b.lengths[i])
			m.Iovlen++
			i++
			if !segments || i == b.n || b.lengths[i-1] != udptracker.AnnounceSize || b.lengths[i] != udptracker.AnnounceSize {
				break
			}
		}
		if m.Iovlen > 1 {
			m.Control, m.Controllen = (*byte)(unsafe.Pointer(v.cut)), uint64(unsafe.Sizeof(*v.cut))
		}
		messages++
	}
	return messages
}

// packets returns how many packets the first messages hold.
func (v *vectors) packets(messages int) (n int) {
	for i := range messages {
		n += int(v.messages[i].Iovlen)
	}
	return n
}
