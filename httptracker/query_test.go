package httptracker

import (
	"math"
	"strings"
	"testing"
)

func TestParameters(t *testing.T) {
	for _, test := range []struct{ query, want string }{
		{"", ""},
		{"a=1", "a→1"},
		{"a=1&b=2", "a→1 b→2"},
		{"a=1&&b=2&", "a→1 b→2"},
		{"&a=1", "a→1"},
		{"a&b=2&c", "b→2"},
		{"a=&=b&=", "a→ →b →"},
		{"a=b=c", "a→b=c"},
		{"a=1;b=2", "a→1 b→2"},
		{"a=1;b=2&c=3", "a→1;b=2 c→3"},
		{"a=1+1", "a→1+1"},
		{"a=%26", "a→%26"},
		{"a=1?b=2", "a→1?b=2"},
		{"key=x?info_hash=y&port=1", "key→x info_hash→y port→1"},
		{"key?info_hash=y", "info_hash→y"},
		{"?info_hash=y", "info_hash→y"},
		{"??info_hash=y", "info_hash→y"},
		{"key=x?info_hash=y;port=1", "key→x info_hash→y port→1"},
		{"?info_hash=a?info_hash=b&c=d?info_hash=", "info_hash→a info_hash→b c→d info_hash→"},
		{"a=?info_hash&b=?info_has=", "a→?info_hash b→?info_has="},
	} {
		var got []string
		p := newParameters([]byte(test.query))
		for {
			name, value, ok := p.next()
			if !ok {
				break
			}
			got = append(got, string(name)+"→"+string(value))
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%q read as %s, want %s", test.query, got, test.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"", ""},
		{"abc", "abc"},
		{"%41%4a%4A", "AJJ"},
		{"%00%ff%FF", "\x00\xff\xff"},
		{"+", "+"},
		{"%2B%20", "+ "},
		{"%", "%"},
		{"%4", "%4"},
		{"%%41", "%A"},
		{"%4%41", "%4A"},
		{"%zz%4z%z4%+1", "%zz%4z%z4%+1"},
		{"%2541", "%41"},
		{"\x00\xff\x80", "\x00\xff\x80"},
	} {
		var dst [16]byte
		n := unescape(dst[:], []byte(test.value))
		if n < 0 || string(dst[:n]) != test.want {
			t.Errorf("%q holds %q (%d bytes), want %q", test.value, dst[:max(n, 0)], n, test.want)
		}
	}

	for value, want := range map[string]int{"": 0, "%41b": 2, "abc": 3, "abcd": -1, "%41%42%43%44": -1} {
		var dst [3]byte
		if n := unescape(dst[:], []byte(value)); n != want {
			t.Errorf("%q into 3 bytes: %d, want %d", value, n, want)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for value, want := range map[string]uint64{
		"0":                    0,
		"007":                  7,
		"18446744073709551614": math.MaxUint64 - 1,
		"18446744073709551615": math.MaxUint64,
		"18446744073709551616": math.MaxUint64,
		"18446744073709551620": math.MaxUint64,
		"184467440737095516150000000000000000000": math.MaxUint64,
		strings.Repeat("9", 1000):                 math.MaxUint64,
	} {
		if v, ok := parseNumber([]byte(value)); v != want || !ok {
			t.Errorf("%q is %d, %v; want %d", value, v, ok, want)
		}
	}
	for _, value := range []string{"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "/", ":", "%31", strings.Repeat("9", 30) + "x"} {
		if v, ok := parseNumber([]byte(value)); ok || v != 0 {
			t.Errorf("%q is %d, %v; want it refused", value, v, ok)
		}
	}
}
