package streamio

// queue is what waits until the other side accepts it, in borrowed memory. An
// empty one holds none.
type queue struct {
	b    []byte
	from int // the bytes before it are sent
}

func (q *queue) len() int      { return len(q.b) - q.from }
func (q *queue) bytes() []byte { return q.b[q.from:] }

// add copies b to the end.
func (q *queue) add(b []byte, h *shelves) {
	if len(b) > cap(q.b)-len(q.b) {
		if need := q.len() + len(b); need <= cap(q.b) && q.from > 0 {
			q.b = q.b[:copy(q.b, q.bytes())]
		} else {
			grown := append(h.borrow(need), q.bytes()...)
			h.giveBack(q.b)
			q.b = grown
		}
		q.from = 0
	}
	q.b = append(q.b, b...)
}

// sent strikes off the first n bytes, and gives the memory back with the last.
func (q *queue) sent(n int, h *shelves) {
	if q.from += n; q.from == len(q.b) {
		q.drop(h)
	}
}

func (q *queue) drop(h *shelves) {
	h.giveBack(q.b)
	q.b, q.from = nil, 0
}
