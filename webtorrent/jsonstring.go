package webtorrent

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	everyByte = 0x0101010101010101 // times a byte: that byte eight times
	highBits  = 0x80 * everyByte
)

// A word of stops is eight bytes of one of these. They are variables because the
// compiler builds a constant anew for each use, which here takes as long as the
// work itself.
var (
	stopFlip  uint64 = 0x02 * everyByte
	stopLow   uint64 = 0x21 * everyByte
	stopSlash uint64 = '\\' * everyByte
	stopOne   uint64 = everyByte
	stopNOrR  uint64 = 0x04 * everyByte
	stopOther uint64 = 0xb0 * everyByte
)

// skipString checks the string that begins with the quote at b[i]: its escapes,
// that no control character stands in it, and its UTF-8. It returns the index
// behind the closing quote, or -1.
//
// Most strings are names and words, and end within 16 bytes without anything
// else that needs a look. In a word the quote, the backslash and control
// characters get their high bit set, and what is beyond ASCII too. Flipping bit 1
// moves the quote next to the control characters and nothing else across, so
// that one subtraction finds both; a second one finds the backslash. A borrow
// spoils only bytes above one that is found, and the lowest counts.
func skipString(b []byte, i int) int {
	i++
	if i > 0 && i+16 <= len(b) {
		s := b[i : i+16]
		flip, low, slash, one := stopFlip, stopLow, stopSlash, stopOne
		x, y := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
		x = (((x ^ flip) - low) | ((x ^ slash) - one)) & highBits
		y = (((y ^ flip) - low) | ((y ^ slash) - one)) & highBits
		if x|y != 0 {
			end := i
			if x != 0 {
				end += bits.TrailingZeros64(x) >> 3
			} else {
				end += 8 + bits.TrailingZeros64(y)>>3
			}
			if b[end] == '"' {
				return end + 1
			}
		}
	}
	return skipText(b, i)
}

// skipText is skipString for what is long, from behind the opening quote on.
func skipText(b []byte, i int) int {
	for {
		start := i
		if i = skipLines(b, i); i > start && b[i-1] == '\\' {
			i-- // to the beginning of the escape
		}
		if i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			for i < len(b) && b[i] == '\\' {
				if i = skipEscape(b, i); i < 0 {
					return -1
				}
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

// skipLines passes over text in a string from b[i] on, as far as it is ASCII with
// no escapes but \r and \n. It returns the index of the first byte that is
// anything else, or of one less than eight before the end of b. That may be the
// byte behind a backslash, which then is part of an escape nobody has checked.
//
// Nearly all of a message is lines of SDP, whose ends come at odd places. To stop
// at each takes longer than to look at every byte twice, the second time as what
// may follow a backslash.
func skipLines(b []byte, i int) int {
	flip, low, slash, one, nOrR, other := stopFlip, stopLow, stopSlash, stopOne, stopNOrR, stopOther
	// stops sets the high bits of the bytes s[1:9] that need a look. That is as in
	// skipString, but a backslash is not found itself: the byte behind it is,
	// unless it is n or r. The subtraction has made these 0x4b and 0x4f, which are
	// the same but for one bit, and 0xb0 makes 0xff of that and of nothing else, so
	// that adding 1 leaves them alone without a high bit. What spoils a byte from
	// below does not come from a backslash.
	stops := func(s []byte) uint64 {
		x := binary.LittleEndian.Uint64(s[1:])
		moved := (x ^ flip) - low
		behindSlash := (binary.LittleEndian.Uint64(s) ^ slash) - one
		return x | moved | behindSlash&(((moved|nOrR)^other)+one)
	}
	b = b[:len(b):len(b)] // so that one check of bounds does for both
	i--
	for i >= 0 && i+33 <= len(b) {
		s := b[i : i+33 : i+33]
		if (stops(s)|stops(s[8:])|stops(s[16:])|stops(s[24:]))&highBits != 0 {
			break
		}
		i += 32
	}
	for i >= 0 && i+9 <= len(b) {
		if found := stops(b[i:i+9:i+9]) & highBits; found != 0 {
			return i + 1 + bits.TrailingZeros64(found)>>3
		}
		i += 8
	}
	return i + 1
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
	for i < len(b) {
		c := b[i]
		if plain[c] && i+1 < len(b) {
			two := c >> 7 // 1: the first of two bytes, 0: a byte by itself
			wrong |= (b[i+1] ^ 0x80) & -two & 0xc0
			i += 1 + int(two)
			continue
		}
		if c < utf8.RuneSelf {
			break
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return -1
		}
		i += size
	}
	if wrong != 0 {
		return -1
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
