package streamio

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestQueueKeepsOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var h shelves
	var q queue
	var want []byte
	for i := range 20_000 {
		if random.IntN(2) == 0 {
			b := bytes.Repeat([]byte{byte(i)}, random.IntN(3000)+1)
			q.add(b, &h)
			want = append(want, b...)
		} else if q.len() > 0 {
			n := random.IntN(q.len()) + 1
			q.sent(n, &h)
			want = want[n:]
		}
		if !bytes.Equal(q.bytes(), want) {
			t.Fatalf("step %d: %d bytes wait, want these %d", i, q.len(), len(want))
		}
		if q.len() == 0 && q.b != nil {
			t.Fatalf("step %d: an empty queue holds %d bytes of memory", i, cap(q.b))
		}
	}
}

func TestShelves(t *testing.T) {
	var h shelves
	for _, test := range []struct{ n, room int }{
		{0, 256}, {1, 256}, {256, 256}, {257, 512}, {1 << 18, 1 << 18}, {1<<18 + 1, 1<<18 + 1},
	} {
		if got := h.borrow(test.n); len(got) != 0 || cap(got) != test.room {
			t.Errorf("borrowed %d bytes with room for %d, want %d", len(got), cap(got), test.room)
		}
	}
	// What comes back is lent again, up to a bound.
	const size = 1 << 12
	for range 1000 {
		h.giveBack(make([]byte, 10, size))
	}
	idle := len(h.idle[12-smallestShelf])
	if idle != shelfBytes/size {
		t.Errorf("%d idle, want %d", idle, shelfBytes/size)
	}
	h.giveBack(nil)
	h.giveBack(make([]byte, 3000))
	h.giveBack(make([]byte, 0, 1<<20))
	if b := h.borrow(size); len(b) != 0 || cap(b) != size || len(h.idle[12-smallestShelf]) != idle-1 {
		t.Errorf("borrowed %d, %d, %d idle", len(b), cap(b), len(h.idle[12-smallestShelf]))
	}
}
