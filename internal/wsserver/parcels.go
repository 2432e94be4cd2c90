package wsserver

import "sync"

// Memory for what is on its way between connections, by size. It is borrowed on
// one loop and given back on another.
var (
	parcels1K  = sync.Pool{New: func() any { return new([1 << 10]byte) }}
	parcels2K  = sync.Pool{New: func() any { return new([2 << 10]byte) }}
	parcels4K  = sync.Pool{New: func() any { return new([4 << 10]byte) }}
	parcels8K  = sync.Pool{New: func() any { return new([8 << 10]byte) }}
	parcels20K = sync.Pool{New: func() any { return new([20 << 10]byte) }} // the longest offer
	parcels64K = sync.Pool{New: func() any { return new([64 << 10]byte) }} // the longest message
)

// borrow returns an empty slice with room for n bytes or more.
func borrow(n int) []byte {
	switch {
	case n <= 1<<10:
		return parcels1K.Get().(*[1 << 10]byte)[:0]
	case n <= 2<<10:
		return parcels2K.Get().(*[2 << 10]byte)[:0]
	case n <= 4<<10:
		return parcels4K.Get().(*[4 << 10]byte)[:0]
	case n <= 8<<10:
		return parcels8K.Get().(*[8 << 10]byte)[:0]
	case n <= 20<<10:
		return parcels20K.Get().(*[20 << 10]byte)[:0]
	case n <= 64<<10:
		return parcels64K.Get().(*[64 << 10]byte)[:0]
	}
	return make([]byte, 0, n)
}

// giveBack takes what borrow returned, from its first byte on, or nil.
func giveBack(b []byte) {
	switch cap(b) {
	case 1 << 10:
		parcels1K.Put((*[1 << 10]byte)(b[:1<<10]))
	case 2 << 10:
		parcels2K.Put((*[2 << 10]byte)(b[:2<<10]))
	case 4 << 10:
		parcels4K.Put((*[4 << 10]byte)(b[:4<<10]))
	case 8 << 10:
		parcels8K.Put((*[8 << 10]byte)(b[:8<<10]))
	case 20 << 10:
		parcels20K.Put((*[20 << 10]byte)(b[:20<<10]))
	case 64 << 10:
		parcels64K.Put((*[64 << 10]byte)(b[:64<<10]))
	}
}
