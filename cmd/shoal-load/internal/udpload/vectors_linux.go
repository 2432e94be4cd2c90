//go:build amd64 || arm64

package udpload

import (
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
}

func (v *vectors) point(b *batch) {
	v.messages = make([]message, batchSize)
	v.data = make([]unix.Iovec, batchSize)
	for i := range batchSize {
		v.data[i] = unix.Iovec{Base: &b.bytes[i*b.room], Len: uint64(b.room)}
		v.messages[i].Iov, v.messages[i].Iovlen = &v.data[i], 1
	}
}

// lineUp makes messages of the packets of b and returns how many. Announces
// that follow each other become one message where the kernel cuts it again:
// the way through the kernel costs more than anything else, and is gone once
// for all of them. Each arrives as a packet of its own.
func (v *vectors) lineUp(b *batch, segments bool) (messages int) {
	for i := 0; i < b.n; {
		m := &v.messages[messages]
		m.Iov, m.Iovlen = &v.data[i], 0
		for i < b.n {
			v.data[i].Len = uint64(b.lengths[i])
			m.Iovlen++
			i++
			if !segments || i == b.n || b.lengths[i-1] != udptracker.AnnounceSize || b.lengths[i] != udptracker.AnnounceSize {
				break
			}
		}
		messages++
	}
	return messages
}
