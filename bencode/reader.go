package bencode

import (
	"io"
	"math"
)

// MaxDepth is how many lists and dictionaries may be open at once. A bound
// makes the reader's state a few words, and keeps a hostile "llll…" from
// driving a caller that recurses off its stack.
const MaxDepth = 32

// Reader walks through one encoded value, a token at a time. It is strict
// where two encodings could mean the same (leading zeros, minus zero), so what
// it accepts has exactly one spelling; only the order of a dictionary's keys,
// and whether they repeat, is left to the caller.
//
// A Reader is a value: a copy is a bookmark to come back to.
type Reader struct {
	rest   []byte
	err    error
	dicts  uint32 // bit n: the container at depth n+1 is a dictionary
	values uint32 // bit n: that dictionary's key was read and its value is due
	depth  uint8
	done   bool // the value has been read to its end
}

// NewReader returns a reader of the value that b holds.
func NewReader(b []byte) Reader { return Reader{rest: b} }

// Next returns the next token: io.EOF after the last one, ErrTrailing if bytes
// follow it. After an error every call returns that error.
func (r *Reader) Next() (Token, error) {
	if r.err != nil {
		return Token{}, r.err
	}
	t, err := r.next()
	if err != nil {
		r.err = err
		return Token{}, err
	}
	return t, nil
}

// Skip passes over the next token and, where that begins a list or a
// dictionary, over everything up to and with its end.
func (r *Reader) Skip() error {
	outside := r.depth
	if _, err := r.Next(); err != nil {
		return err
	}
	for r.depth > outside {
		if _, err := r.Next(); err != nil {
			return err
		}
	}
	return nil
}

// Done returns nil if the value has been read to its end and nothing follows
// it, and otherwise what is in the way.
func (r *Reader) Done() error {
	switch {
	case r.err != nil && r.err != io.EOF:
		return r.err
	case !r.done:
		return ErrUnfinished
	case len(r.rest) > 0:
		return ErrTrailing
	}
	return nil
}

func (r *Reader) next() (Token, error) {
	if r.done {
		if len(r.rest) > 0 {
			return Token{}, ErrTrailing
		}
		return Token{}, io.EOF
	}
	if len(r.rest) == 0 {
		return Token{}, ErrTruncated
	}
	c := r.rest[0]
	inner := uint32(1) << r.depth >> 1 // the innermost container's bit, if any
	inDict := r.dicts&inner != 0
	valueDue := r.values&inner != 0

	if c == 'e' {
		switch {
		case r.depth == 0:
			return Token{}, ErrSyntax
		case valueDue:
			return Token{}, ErrValue
		}
		r.rest = r.rest[1:]
		r.depth--
		r.done = r.depth == 0
		return Token{Kind: End}, nil
	}
	isDigit := c >= '0' && c <= '9'
	if inDict && !valueDue && !isDigit {
		return Token{}, ErrKey
	}

	var t Token
	var err error
	switch {
	case isDigit:
		t, err = r.str()
	case c == 'i':
		t, err = r.integer()
	case c == 'l' || c == 'd':
		if r.depth == MaxDepth {
			return Token{}, ErrDepth
		}
		t = r.open(c)
	default:
		err = ErrSyntax
	}
	if err != nil {
		return Token{}, err
	}
	if inDict {
		r.values ^= inner // a key makes a value due, a value makes a key due
	}
	r.done = r.depth == 0
	return t, nil
}

// open enters a list or a dictionary. No value is due in it yet: a dictionary
// only ends when none is.
func (r *Reader) open(c byte) Token {
	bit := uint32(1) << r.depth
	r.rest = r.rest[1:]
	r.depth++
	if c == 'd' {
		r.dicts |= bit
		return Token{Kind: Dict}
	}
	r.dicts &^= bit
	return Token{Kind: List}
}

// integer reads i…e. The magnitude is gathered without a sign, because that of
// math.MinInt64 doesn't fit with one.
func (r *Reader) integer() (Token, error) {
	b := r.rest[1:]
	limit := uint64(math.MaxInt64)
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
		limit++
	}
	var v uint64
	for i, c := range b {
		if c == 'e' {
			if i == 0 || negative && v == 0 {
				return Token{}, ErrInteger
			}
			r.rest = b[i+1:]
			if negative {
				v = -v
			}
			return Token{Kind: Int, Int: int64(v)}, nil
		}
		d := uint64(c - '0')
		if c < '0' || c > '9' || i > 0 && v == 0 || v > (limit-d)/10 {
			return Token{}, ErrInteger
		}
		v = v*10 + d
	}
	return Token{}, ErrTruncated
}

// str reads a length, a colon and that many bytes. A length beyond the input
// ends the reading at once, so it can't overflow.
func (r *Reader) str() (Token, error) {
	var n uint64
	for i, c := range r.rest {
		if c == ':' {
			b := r.rest[i+1:]
			if n > uint64(len(b)) {
				return Token{}, ErrTruncated
			}
			r.rest = b[n:]
			return Token{Kind: String, Bytes: b[:n:n]}, nil
		}
		if c < '0' || c > '9' || i > 0 && n == 0 {
			return Token{}, ErrLength
		}
		if n = n*10 + uint64(c-'0'); n > uint64(len(r.rest)) {
			return Token{}, ErrTruncated
		}
	}
	return Token{}, ErrTruncated
}
