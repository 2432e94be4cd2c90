package peerid

import (
	"strconv"

	"github.com/shoal-tracker/shoal"
)

// versionRoom is how long the longest version is, in bytes.
const versionRoom = 16

// A convention is how a client writes its version.
type convention uint8

const (
	silent         convention = iota // not at all
	plain                            // 4650 is 4.6.5, 4191 is 4.1.9.1, 13F0 is 1.3.15
	four                             // 5750 is 5.7.5.0
	marked                           // 3550 is 3.5.5, 204D is 2.0.4 dev
	decimal                          // 0152 is 1.52, 0107 is 1.07
	pairs                            // 0218 is 2.18, 0107 is 1.7
	pair                             // 06 is 0.6
	ofTransmission                   // see appendTransmission
	candidate                        // 2120 is 2.1.2, 22R1 is 2.2 rc 1
	numbered                         // 1-37-0- is 1.37.0
	dotted                           // 2.7.2- is 2.7.2
	spaced                           // 1-1-3 is 1.1.3, without an end
	debugged                         // 054- is 0.5.4, 054d is 0.5.4 debug
	build                            // 7685 is 7685
	twoBytes                         // the bytes 0 and 56 are 0.56
	base64                           // 58B- is 5.8.11
	wheels                           // A0C is 1.0.6
)

// appendVersion appends the version of m to dst, or nothing where the bytes do
// not follow the convention. It reads no more than it has checked.
func appendVersion(dst []byte, id *shoal.PeerID, m match) []byte {
	v := id[m.at:]
	switch m.version {
	case plain, candidate:
		if m.version == candidate && (v[2] == 'R' || v[2] == 'D') {
			return appendCandidate(dst, v)
		}
		if v[3] == '0' {
			return appendParts(dst, v[:3])
		}
		return appendParts(dst, v[:4])
	case four:
		return appendParts(dst, v[:4])
	case marked:
		return appendMarked(dst, v)
	case decimal, pairs:
		return appendPairs(dst, v, m.version == decimal)
	case pair:
		return appendParts(dst, v[:2])
	case ofTransmission:
		return appendTransmission(dst, v)
	case numbered:
		return appendNumbers(dst, v)
	case dotted:
		return appendDotted(dst, v)
	case spaced:
		return appendParts(dst, []byte{v[0], v[2], v[4]})
	case debugged:
		return appendMark(appendParts(dst, v[:3]), v[3], "d", " debug")
	case build:
		return append(dst, v[:4]...) // digits, or there would be no match
	case twoBytes:
		if v[0] >= 100 || v[1] >= 100 {
			return dst
		}
		dst = append(strconv.AppendUint(dst, uint64(v[0]), 10), '.')
		return append(dst, '0'+v[1]/10, '0'+v[1]%10)
	case base64:
		return appendBase64(dst, v)
	case wheels:
		return appendWheels(dst, v)
	}
	return dst
}

// value returns the number that a character of an Azureus style version stands
// for: a digit, or from A for 10 to Z for 35. Mainline clients write the
// letters small. It is -1 for all else.
func value(b byte) int {
	switch {
	case digit(b):
		return int(b - '0')
	case b-'A' < 26:
		return int(b-'A') + 10
	case b-'a' < 26:
		return int(b-'a') + 10
	}
	return -1
}

// appendParts appends the numbers of the characters in v with dots between.
func appendParts(dst, v []byte) []byte {
	for _, b := range v {
		if value(b) < 0 {
			return dst
		}
	}
	for i, b := range v {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(value(b)), 10)
	}
	return dst
}

// appendMark appends text to a version if b is one of marks.
func appendMark(dst []byte, b byte, marks, text string) []byte {
	for i := range len(marks) {
		if marks[i] == b && len(dst) > 0 {
			return append(dst, text...)
		}
	}
	return dst
}

// appendMarked reads three numbers and then a fourth, or a letter: the state of
// the release. Letters that mean no more than "released" are left out.
func appendMarked(dst, v []byte) []byte {
	if digit(v[3]) && v[3] != '0' {
		return appendParts(dst, v[:4])
	}
	dst = appendParts(dst, v[:3])
	dst = appendMark(dst, v[3], "Aa", " alpha")
	dst = appendMark(dst, v[3], "Bb", " beta")
	dst = appendMark(dst, v[3], "Dd", " dev")
	return appendMark(dst, v[3], "Rr", " rc")
}

// appendCandidate reads KTorrent's way of saying that it is not a release.
func appendCandidate(dst, v []byte) []byte {
	if !digit(v[0]) || !digit(v[1]) || !digit(v[3]) {
		return dst
	}
	dst = append(dst, v[0], '.', v[1])
	dst = appendMark(dst, v[2], "R", " rc ")
	dst = appendMark(dst, v[2], "D", " dev ")
	return append(dst, v[3])
}

// appendPairs reads two numbers of two digits; the second is a decimal fraction
// or a number of its own.
func appendPairs(dst, v []byte, fraction bool) []byte {
	if !digits(v[:4]) {
		return dst
	}
	major, minor := v[0:2], v[2:4]
	if major[0] == '0' {
		major = major[1:]
	}
	if minor[0] == '0' && !fraction {
		minor = minor[1:]
	}
	return append(append(append(dst, major...), '.'), minor...)
}

// appendNumbers reads up to three numbers of up to three digits, each with a
// dash behind it.
func appendNumbers(dst, v []byte) []byte {
	start := len(dst)
	for i := range 3 {
		n := 0
		for n < 3 && n < len(v) && digit(v[n]) {
			n++
		}
		if n == 0 && i > 0 {
			break
		}
		if n == 0 || n == len(v) || v[n] != '-' {
			return dst[:start]
		}
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = append(dst, v[:n]...)
		v = v[n+1:]
	}
	return dst
}

// appendDotted reads letters, digits and dots up to a dash.
func appendDotted(dst, v []byte) []byte {
	for i, b := range v {
		switch {
		case b == '-' && i <= versionRoom:
			return append(dst, v[:i]...)
		case b != '.' && value(b) < 0:
			return dst
		}
	}
	return dst
}

// appendBase64 reads up to five numbers of Shadow's style.
func appendBase64(dst, v []byte) []byte {
	for i, b := range v[:5] {
		n := base64Value(b)
		if n < 0 {
			break
		}
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(n), 10)
	}
	return dst
}

// appendWheels knows the two releases that were seen.
func appendWheels(dst, v []byte) []byte {
	switch string(v[:3]) {
	case "A0B":
		return append(dst, "1.0.5"...)
	case "A0C":
		return append(dst, "1.0.6"...)
	}
	return dst
}

// appendTransmission reads what Transmission wrote over the years: 0006 is 0.6,
// 0072 is 0.72, 2940 is 2.94, 133Z is 1.33 dev, and since 4.0 there are three
// numbers: 4050 is 4.0.5, 400B is 4.0.0 beta.
func appendTransmission(dst, v []byte) []byte {
	switch {
	case digits(v[:4]) && v[0] == '0' && v[1] == '0' && v[2] == '0':
		return append(dst, '0', '.', v[3])
	case digits(v[:4]) && v[0] == '0' && v[1] == '0':
		return append(dst, '0', '.', v[2], v[3])
	case v[0] <= '3':
		if !digits(v[:3]) {
			return dst
		}
		dst = append(dst, v[0], '.', v[1], v[2])
	default:
		dst = appendParts(dst, v[:3])
	}
	dst = appendMark(dst, v[3], "XB", " beta")
	return appendMark(dst, v[3], "Z", " dev")
}
