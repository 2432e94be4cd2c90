package udpload

// A batch holds packets of one socket. Its memory is made once.
type batch struct {
	socket  int // index within the worker
	n       int
	room    int // bytes for each packet
	bytes   []byte
	lengths [batchSize]int
	vectors vectors // what the system is handed
}

func newBatch(room int) *batch {
	room = (room + 63) &^ 63
	b := &batch{room: room, bytes: make([]byte, room*batchSize)}
	b.vectors.point(b)
	return b
}

// packet returns what came as packet i.
func (b *batch) packet(i int) []byte { return b.bytes[i*b.room:][:b.lengths[i]] }

// next returns the room of one more packet.
func (b *batch) next() []byte { return b.bytes[b.n*b.room:][:b.room] }

// add makes the first n bytes of next a packet.
func (b *batch) add(n int) {
	b.lengths[b.n] = n
	b.n++
}
