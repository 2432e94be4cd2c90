package httptracker

import (
	"bytes"
	"math"
)

// secondQuery is what a client makes of an announce URL that has a query of
// its own (http://host/announce?passkey=…) when it appends another "?…".
const secondQuery = "?info_hash="

// parameters walks through a query string. Queries come from hundreds of
// programs that each escape in their own way, so nothing in one is an error
// here: a parameter without '=' is passed over, and values stay raw.
type parameters struct {
	rest      []byte
	separator byte
	doubled   bool // somewhere a second query begins
}

func newParameters(query []byte) parameters {
	p := parameters{rest: query, separator: '&'}
	// HTML 4 told servers to take ';' too. Only where no '&' occurs: next to
	// one, a ';' is a byte of a hash that the client didn't escape.
	if bytes.IndexByte(query, '&') < 0 {
		p.separator = ';'
	}
	p.doubled = bytes.IndexByte(query, '?') >= 0 && bytes.Contains(query, []byte(secondQuery))
	return p
}

// next returns the next parameter that has a value, an empty one included.
func (p *parameters) next() (name, value []byte, ok bool) {
	for len(p.rest) > 0 {
		part := p.rest[:p.partLength()]
		p.rest = p.rest[min(len(part)+1, len(p.rest)):]
		if i := bytes.IndexByte(part, '='); i >= 0 {
			return part[:i], part[i+1:], true
		}
	}
	return nil, nil, false
}

func (p *parameters) partLength() int {
	if !p.doubled {
		if i := bytes.IndexByte(p.rest, p.separator); i >= 0 {
			return i
		}
		return len(p.rest)
	}
	// A byte at a time and stopping at whatever comes first: searching for
	// each on its own would take quadratic time over "?info_hash=?info_hash=…".
	for i, c := range p.rest {
		if c == p.separator || c == '?' && bytes.HasPrefix(p.rest[i:], []byte(secondQuery)) {
			return i
		}
	}
	return len(p.rest)
}

// unescape decodes value into dst and returns how many bytes it holds, or -1
// if dst has no room for them. A '%' that no two hexadecimal digits follow
// stands for itself, and so does '+': clients that escape nothing mean the
// byte 0x2b, and those that mean a space write %20.
func unescape(dst, value []byte) int {
	n := 0
	for i := 0; i < len(value); i++ {
		if n == len(dst) {
			return -1
		}
		c := value[i]
		if c == '%' && i+2 < len(value) {
			// Digits are below 16, so only a byte that is none sets a high bit.
			high, low := hexDigits[value[i+1]], hexDigits[value[i+2]]
			if high|low < 16 {
				c = high<<4 | low
				i += 2
			}
		}
		dst[n] = c
		n++
	}
	return n
}

// hexDigits is the value of each hexadecimal digit, and 0xff for other bytes.
var hexDigits = func() (digits [256]byte) {
	for i := range digits {
		digits[i] = 0xff
	}
	for i := range byte(10) {
		digits['0'+i] = i
	}
	for i := range byte(6) {
		digits['a'+i] = 10 + i
		digits['A'+i] = 10 + i
	}
	return digits
}()

// parseNumber reads a decimal number, math.MaxUint64 for larger ones. It is
// not ok, and 0, if anything but digits is there, a sign included.
func parseNumber(value []byte) (v uint64, ok bool) {
	if len(value) == 0 {
		return 0, false
	}
	for _, c := range value {
		d := uint64(c - '0')
		if c < '0' || c > '9' {
			return 0, false
		}
		if v > (math.MaxUint64-d)/10 {
			v = math.MaxUint64
			continue
		}
		v = v*10 + d
	}
	return v, true
}
