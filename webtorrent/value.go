package webtorrent

import (
	"bytes"
	"encoding/hex"
	"math"
	"unicode/utf8"
)

// readBinary reads a string that spells 20 bytes: a character each, or two
// hexadecimal digits. Where cut is set it may have the 64 digits of a version 2
// info hash, of which the first 40 count.
func readBinary(v Raw, dst *[20]byte, cut bool) bool {
	if len(v) < 2+len(dst) || v[0] != '"' {
		return false // null, a number, a short string
	}
	if skipBinary(v, 0, dst) == len(v) {
		return true
	}
	var room [64]byte
	n := characters(room[:], Text(v))
	if n != 40 && (n != 64 || !cut) {
		return false
	}
	var decoded [len(room) / 2]byte
	if _, err := hex.Decode(decoded[:], room[:n]); err != nil {
		return false
	}
	copy(dst[:], decoded[:])
	return true
}

// scanBinary checks the value that begins at b[i], as skipValue does, and reads it,
// as readBinary does.
func scanBinary(b []byte, i, room int, dst *[20]byte, cut bool) (end int, ok bool) {
	if end = skipBinary(b, i, dst); end >= 0 {
		return end, true
	}
	if end = skipValue(b, i, room); end < 0 {
		return end, false
	}
	return end, readBinary(b[i:end], dst, cut)
}

// skipBinary checks and reads the value that begins at b[i], if it is a string of
// 20 characters up to U+00FF. It returns the index behind it, or -1 for any
// other value, valid or not.
//
// Half of the characters of an info hash are beyond ASCII and take two bytes, by
// chance, so it takes a byte at a time and does not branch by what it is.
func skipBinary(b []byte, i int, dst *[20]byte) int {
	if b[i] != '"' {
		return -1
	}
	i++
	var read [20]byte // dst is left alone until all is well
	before, wrong := uint8(0), uint8(0)
	for n := 0; n < len(read); {
		if i >= len(b) {
			return -1
		}
		c := b[i]
		kind := latin[c]
		wrong |= kind ^ before<<1 // a continuation behind a lead, and only there
		if kind != 0 {
			read[n] = c | before&latinBit6
			n += int(kind & latinEnd)
			i++
			before = kind
			continue
		}
		switch {
		case c != '\\' || i+2 > len(b):
			return -1
		case escapes[b[i+1]] != 0:
			read[n] = escapes[b[i+1]]
			i += 2
		case i+6 <= len(b) && string(b[i+1:i+4]) == "u00" && hexDigits[b[i+4]]&hexDigits[b[i+5]]&isHex != 0:
			read[n] = hexDigits[b[i+4]]<<4 | hexDigits[b[i+5]]&^isHex
			i += 6
		default:
			return -1
		}
		n++
		before = 0
	}
	if wrong&latinNext != 0 || i >= len(b) || b[i] != '"' {
		return -1
	}
	*dst = read
	return i + 1
}

// What a byte is in a string of characters up to U+00FF in UTF-8.
const (
	latinEnd  = 1 << iota // it ends a character: ASCII that needs no escape, or as latinNext
	latinLead             // it begins one of two bytes
	latinNext             // it is the second of two, and has the low six bits
	latinBit6 = 0x40      // the character that it begins has bit 6 set
)

// latin is 0 for what is none of these.
var latin = func() (kinds [256]uint8) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		kinds[c] = latinEnd
	}
	kinds['"'], kinds['\\'] = 0, 0
	for c := 0x80; c < 0xc0; c++ {
		kinds[c] = latinEnd | latinNext
	}
	kinds[0xc2], kinds[0xc3] = latinLead, latinLead|latinBit6
	return kinds
}()

// characters writes the characters of a string that skipString has accepted to
// dst, a byte each, and returns how many there are: -1 if dst is too small for
// them or one is beyond U+00FF.
func characters(dst []byte, t Text) (n int) {
	for s := t[1 : len(t)-1]; len(s) > 0; n++ {
		r, size := nextCharacter(s)
		if n == len(dst) || r > math.MaxUint8 {
			return -1
		}
		dst[n] = byte(r)
		s = s[size:]
	}
	return n
}

// number reads a whole number that is not negative, or a string of digits. What
// is above 64 bits is cut to them. Some languages have no whole numbers and
// write 5.0.
func number(v Raw) (n uint64, ok bool) {
	digits := []byte(v)
	if len(v) > 0 && v[0] == '"' {
		digits = v[1 : len(v)-1]
	} else if point := bytes.IndexByte(v, '.'); point >= 0 && len(bytes.TrimLeft(v[point+1:], "0")) == 0 {
		digits = v[:point]
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			n = math.MaxUint64
		} else {
			n = n*10 + d
		}
	}
	return n, len(digits) > 0
}

// count reads a number of seconds or peers, cut to what 32 bits hold; what makes
// no sense is 0.
func count(v Raw) uint32 {
	n, _ := number(v)
	return uint32(min(n, math.MaxUint32))
}

// text returns what a string says. Another value is returned as it is written:
// it is something to show.
func text(v Raw) string {
	if len(v) == 0 || v[0] != '"' {
		return string(v)
	}
	s := v[1 : len(v)-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return string(s)
	}
	said := make([]rune, 0, len(s))
	for len(s) > 0 {
		r, size := nextCharacter(s)
		said = append(said, r)
		s = s[size:]
	}
	return string(said)
}
