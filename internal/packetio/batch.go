package packetio

import (
	"fmt"
	"net/netip"
)

// controlSize is the room for the control message of one datagram: a 16-byte
// header and the 20 bytes of struct in6_pktinfo, padded to 8.
const controlSize = 40

// A Batch holds up to BatchSize datagrams and their replies. Its memory is made
// once and is good for any Socket, one at a time.
type Batch struct {
	n       int
	packets []byte // BatchSize times PacketSize
	replies []byte // BatchSize times ReplySize
	control []byte // BatchSize times controlSize: which address was asked

	lengths  [BatchSize]int // of each datagram
	controls [BatchSize]int // of each control message; 0: none
	answers  [BatchSize]int // of each reply; 0: none
	from     [BatchSize]netip.AddrPort

	vectors vectors // what the mmsg engine hands the kernel
}

// NewBatch makes a Batch: about 190 KiB.
func NewBatch() *Batch {
	b := &Batch{
		packets: make([]byte, BatchSize*PacketSize),
		replies: make([]byte, BatchSize*ReplySize),
		control: make([]byte, BatchSize*controlSize),
	}
	b.vectors.point(b)
	return b
}

// Packet returns datagram i and who sent it. The data is valid until the next
// Receive. The address is unmapped and without zone, so that it can be a key;
// the reply goes to the full one.
func (b *Batch) Packet(i int) (data []byte, from netip.AddrPort) {
	at := i * PacketSize
	from = b.from[i]
	return b.packets[at : at+b.lengths[i] : at+PacketSize],
		netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
}

// Reply returns the room for the reply to datagram i: no bytes long, with a
// capacity of ReplySize, shared with no other datagram. What is in it is sent
// once SetReply gives it a length.
func (b *Batch) Reply(i int) []byte {
	at := i * ReplySize
	return b.replies[at : at : at+ReplySize]
}

// SetReply makes the first n bytes of the room of Reply(i) the reply to
// datagram i; 0 takes it back. It panics when n is outside 0 to ReplySize,
// because the kernel would send what lies behind.
func (b *Batch) SetReply(i, n int) {
	if n < 0 || n > ReplySize {
		panic(fmt.Sprintf("packetio: a reply of %d bytes in a room of %d", n, ReplySize))
	}
	b.answers[i] = n
}

// received makes b a batch of n datagrams without replies.
func (b *Batch) received(n int) {
	clear(b.answers[:])
	b.n = n
}

// controlOf returns the room for the control message of datagram i.
func (b *Batch) controlOf(i int) []byte {
	at := i * controlSize
	return b.control[at : at+controlSize : at+controlSize]
}
