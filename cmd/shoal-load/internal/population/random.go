package population

import "math/bits"

const golden = 0x9E3779B97F4A7C15

// mix is the finisher of splitmix64: a bijection that leaves no trace of order.
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// Random is a fast random sequence (splitmix64) for one goroutine.
type Random struct{ state uint64 }

// NewRandom returns a sequence; each seed has its own.
func NewRandom(seed uint64) Random { return Random{mix(seed)} }

// Uint64 returns the next number.
func (r *Random) Uint64() uint64 {
	r.state += golden
	return mix(r.state)
}

// Below returns a number below n. The bias is below n in 2^64.
func (r *Random) Below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.Uint64(), n)
	return hi
}
