//go:build amd64 || arm64

package packetio

import "golang.org/x/sys/unix"

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
	in    []message
	out   []message
	data  []unix.Iovec // of in, at each slot's packet
	rooms []unix.Iovec // of out, at each slot's reply
	names [][unix.SizeofSockaddrInet6]byte
}

// point makes the arrays and aims them at the memory of b.
func (v *vectors) point(b *Batch) {
	v.in = make([]message, BatchSize)
	v.out = make([]message, BatchSize)
	v.data = make([]unix.Iovec, BatchSize)
	v.rooms = make([]unix.Iovec, BatchSize)
	v.names = make([][unix.SizeofSockaddrInet6]byte, BatchSize)
	for i := range BatchSize {
		v.data[i] = unix.Iovec{Base: &b.packets[i*PacketSize], Len: PacketSize}
		v.rooms[i] = unix.Iovec{Base: &b.replies[i*ReplySize]}
		v.in[i].Name = &v.names[i][0]
		v.in[i].Iov, v.in[i].Iovlen = &v.data[i], 1
		v.in[i].Control = &b.control[i*controlSize]
		v.out[i].Iovlen = 1
	}
	v.renew(BatchSize)
}

// renew gives the first n headers the room back that the kernel cut to what it
// used.
func (v *vectors) renew(n int) {
	for i := range n {
		v.in[i].Namelen = unix.SizeofSockaddrInet6
		v.in[i].Controllen = controlSize
	}
}
