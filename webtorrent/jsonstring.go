package webtorrent

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	everyByte = 0x0101010101010101 // times a byte: that byte eight times

	lineEnd = '\\' | 'r'<<8 | '\\'<<16 | 'n'<<24 // \r\n, little-endian
)

// A word of stops is eight bytes of one of these. They are variables because the
// compiler builds a constant anew for each use, which here takes as long as the
// work itself.
var (
	stopFlip  uint64 = 0x02 * everyByte
	stopLow   uint64 = 0x21 * everyByte
	stopSlash uint64 = '\\' * everyByte
	stopOne   uint64 = everyByte
	stopHigh  uint64 = 0x80 * everyByte
)

// skipString checks the string that begins with the quote at b[i]: its escapes,
// that no control character stands in it, and its UTF-8. It returns the index
// behind the closing quote, or -1.
//
// Nearly all of a message is lines of SDP in the strings of its offers, and that
// is what the loop is made for. It looks at eight bytes at once for one that
// needs a look: the quote, the backslash, control characters and all beyond
// ASCII get their high bit set. Flipping bit 1 moves the quote next to the
// control characters and nothing else across, so that one subtraction finds
// both; a second one finds the backslash, and what is beyond ASCII has its high
// bit after one or the other. A borrow spoils only bytes above one that is
// found, and the lowest counts.
func skipString(b []byte, i int) int {
	flip, low, slash, one, high := stopFlip, stopLow, stopSlash, stopOne, stopHigh
	i++
	for {
		for i >= 0 && i+36 <= len(b) {
			s := b[i : i+36] // 32 to look at, and 4 that a line end may have beyond
			x, y := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
			x = ((x ^ flip) - low) | ((x ^ slash) - one)
			y = ((y ^ flip) - low) | ((y ^ slash) - one)
			if (x|y)&high == 0 {
				i += 16
				x, y = binary.LittleEndian.Uint64(s[16:]), binary.LittleEndian.Uint64(s[24:])
				x = ((x ^ flip) - low) | ((x ^ slash) - one)
				y = ((y ^ flip) - low) | ((y ^ slash) - one)
				if (x|y)&high == 0 {
					i += 16
					continue
				}
			}
			if x &= high; x != 0 {
				i += bits.TrailingZeros64(x) >> 3
			} else {
				i += 8 + bits.TrailingZeros64(y&high)>>3
			}
			if binary.LittleEndian.Uint32(b[i:]) != lineEnd {
				break
			}
			i += 4
		}
		if i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = skipEscape(b, i); i < 0 {
				return -1
			}
		case c < ' ':
			return -1
		case c < utf8.RuneSelf:
			i++
		default:
			if i = skipUTF8(b, i); i < 0 {
				return -1
			}
		}
	}
}

// skipEscape checks the escape that begins at b[i].
func skipEscape(b []byte, i int) int {
	switch {
	case i+1 >= len(b):
		return -1
	case escapes[b[i+1]] != 0:
		return i + 2
	case b[i+1] == 'u' && i+6 <= len(b) &&
		hexDigits[b[i+2]]&hexDigits[b[i+3]]&hexDigits[b[i+4]]&hexDigits[b[i+5]]&isHex != 0:
		return i + 6
	}
	return -1
}

// escapes has what a backslash and a letter spell, but for \u.
var escapes = [256]uint8{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// skipUTF8 checks the characters from b[i] on, of which the first is beyond
// ASCII, up to one that needs another look.
//
// Info hashes and the like are half beyond U+007F, by chance, so nothing here
// branches by which half a character is of.
func skipUTF8(b []byte, i int) int {
	wrong := byte(0)
	for i+1 < len(b) {
		c := b[i]
		if !plain[c] {
			break
		}
		two := c >> 7 // 1: the first of two bytes, 0: a byte by itself
		wrong |= (b[i+1] ^ 0x80) & -two & 0xc0
		i += 1 + int(two)
	}
	if wrong != 0 {
		return -1
	}
	if i < len(b) && b[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return -1
		}
		i += size
	}
	return i
}

// plain says of a byte that it begins a character of one byte or two, of those
// that need no escape.
var plain = func() (begins [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		begins[c] = c != '"' && c != '\\'
	}
	for c := 0xc2; c < 0xe0; c++ { // 0xc0 and 0xc1 would spell ASCII
		begins[c] = true
	}
	return begins
}()

// nextCharacter returns the first character of s, the inside of a string that
// skipString has accepted, and how many bytes spell it. A lone half of a UTF-16
// pair, which escapes can spell, is U+FFFD.
func nextCharacter(s []byte) (r rune, size int) {
	if s[0] != '\\' {
		return utf8.DecodeRune(s)
	}
	if s[1] != 'u' {
		return rune(escapes[s[1]]), 2
	}
	r = hexRune(s[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if pair := utf16.DecodeRune(r, hexRune(s[8:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hexRune returns the value of four hexadecimal digits.
func hexRune(s []byte) (r rune) {
	for _, c := range s[:4] {
		r = r<<4 | rune(hexDigits[c]&^isHex)
	}
	return r
}

const isHex = 0x10

// hexDigits has the value of each hexadecimal digit, with isHex set.
var hexDigits = [256]uint8{
	'0': isHex, '1': isHex | 1, '2': isHex | 2, '3': isHex | 3, '4': isHex | 4,
	'5': isHex | 5, '6': isHex | 6, '7': isHex | 7, '8': isHex | 8, '9': isHex | 9,
	'a': isHex | 10, 'b': isHex | 11, 'c': isHex | 12, 'd': isHex | 13, 'e': isHex | 14, 'f': isHex | 15,
	'A': isHex | 10, 'B': isHex | 11, 'C': isHex | 12, 'D': isHex | 13, 'E': isHex | 14, 'F': isHex | 15,
}
