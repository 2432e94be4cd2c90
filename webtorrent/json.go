package webtorrent

// The scanner. Its functions take a message and an index into it, and return
// the index behind what they have read, or -1 if that is no JSON. A value is
// checked once, whatever it is nested in, so the time is linear in the message.

// skipSpace returns the index of the first byte at or behind b[i] that is no
// space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue checks the value that begins at b[i], in which room objects and
// arrays may stand inside each other.
func skipValue(b []byte, i, room int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{':
		return readMembers(b, i, room, ofNothing, nil)
	case '[':
		if room == 0 {
			return -1
		}
		i++
		for first := true; ; first = false {
			var more bool
			if i, more = nextElement(b, i, first); !more {
				return i
			}
			if i = skipValue(b, i, room-1); i < 0 {
				return -1
			}
		}
	case 't':
		return skipLiteral(b, i, "true")
	case 'f':
		return skipLiteral(b, i, "false")
	case 'n':
		return skipLiteral(b, i, "null")
	}
	return skipNumber(b, i)
}

// readMembers checks the object that begins at b[i], and puts the values of its
// fields into fields, which has room for as many as set has; those it doesn't
// know come to stand at 0.
func readMembers(b []byte, i, room int, set fieldSet, fields []Raw) int {
	if room == 0 {
		return -1
	}
	i++
	for first := true; ; first = false {
		var key Text
		if key, i = nextMember(b, i, first); key == nil {
			return i
		}
		start := i
		if i = skipValue(b, i, room-1); i < 0 {
			return -1
		}
		if set != ofNothing {
			fields[set.find(key)] = present(b[start:i])
		}
	}
}

// nextMember reads the next key of an object and its colon, and returns the
// index of its value. b[i] follows the brace if it is the first, and otherwise
// the value before. At the end of the object key is nil and at is behind it;
// when it is no JSON key is nil and at is -1.
func nextMember(b []byte, i int, first bool) (key Text, at int) {
	i = skipSpace(b, i)
	if i < len(b) && b[i] == '}' {
		return nil, i + 1
	}
	if !first {
		if i >= len(b) || b[i] != ',' {
			return nil, -1
		}
		i = skipSpace(b, i+1)
	}
	if i >= len(b) || b[i] != '"' {
		return nil, -1
	}
	end := skipString(b, i)
	if end < 0 {
		return nil, -1
	}
	key = b[i:end]
	i = skipSpace(b, end)
	if i >= len(b) || b[i] != ':' {
		return nil, -1
	}
	if i = skipSpace(b, i+1); i >= len(b) {
		return nil, -1
	}
	return key, i
}

// nextElement finds the next value of an array. b[i] follows the bracket if it
// is the first, and otherwise the value before. At the end of the array more is
// false and at is behind it; when it is no JSON more is false and at is -1.
func nextElement(b []byte, i int, first bool) (at int, more bool) {
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1, false
	}
	if !first {
		if i >= len(b) || b[i] != ',' {
			return -1, false
		}
		i = skipSpace(b, i+1)
	}
	if i >= len(b) {
		return -1, false
	}
	return i, true
}

func skipLiteral(b []byte, i int, literal string) int {
	if end := i + len(literal); end <= len(b) && string(b[i:end]) == literal {
		return end
	}
	return -1
}

func skipNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch digits := skipDigits(b, i); {
	case digits == i:
		return -1
	case b[i] == '0' && digits > i+1:
		return -1
	default:
		i = digits
	}
	if i < len(b) && b[i] == '.' {
		digits := skipDigits(b, i+1)
		if digits == i+1 {
			return -1
		}
		i = digits
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		digits := skipDigits(b, i)
		if digits == i {
			return -1
		}
		i = digits
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

// present returns v, or nil if it is null.
func present(v []byte) Raw {
	if v[0] == 'n' {
		return nil
	}
	return v
}
