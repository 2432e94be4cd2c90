package httptracker

import (
	"strings"
	"testing"
)

func TestParseAddr(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":             "192.0.2.1",
		"0.0.0.0":               "0.0.0.0",
		"255.255.255.255":       "255.255.255.255",
		"192.0.2.1:80":          "192.0.2.1",
		"192.0.2.1:99999":       "192.0.2.1",
		"192.0.2.1:_hidden.p-1": "192.0.2.1",
		"::":                    "::",
		"::1":                   "::1",
		"1::":                   "1::",
		"2001:DB8::a":           "2001:db8::a",
		"1:2:3:4:5:6:7:8":       "1:2:3:4:5:6:7:8",
		"1:2:3::5:6:7:8":        "1:2:3:0:5:6:7:8",
		"::2:3:4:5:6:7:8":       "0:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7::":       "1:2:3:4:5:6:7:0",
		"64:ff9b::192.0.2.1":    "64:ff9b::c000:201",
		"1:2:3:4:5:6:1.2.3.4":   "1:2:3:4:5:6:102:304",
		"::ffff:192.0.2.1":      "192.0.2.1",
		"[2001:db8::1]":         "2001:db8::1",
		"[2001:db8::1]:443":     "2001:db8::1",
		"[2001:db8::1]:_p":      "2001:db8::1",
		"[::ffff:c000:201]:1":   "192.0.2.1",

		"": "", "x": "", ":": "", "1": "", "1.2.3": "", "1.2.3.4.5": "", "1.2.3.": "", ".1.2.3": "", "1..2.3": "",
		"256.1.1.1": "", "1.2.3.1000": "", "01.2.3.4": "", "1.2.3.00": "", "1.2.3.4 ": "", " 1.2.3.4": "", "1.2.3.-4": "",
		"1.2.3.4:": "", "1.2.3.4:x": "", "1.2.3.4:_": "", "1.2.3.4:_/": "", "1.2.3.4:123456": "", "1.2.3.4:80:80": "",
		"1.2.3.4%eth0": "", ":80": "", "0x1.2.3.4": "", "1.2.3.4/8": "",
		":1": "", "1:": "", "1:2:3:4:5:6:7": "", "1:2:3:4:5:6:7:8:9": "", "1:2:3:4:5:6:7:": "", "1:2:3:4:5:6:7:8:": "",
		"1:2:3:4:5:6:7:8::": "", "::1:2:3:4:5:6:7:8": "", "1:2:3:4::5:6:7:8": "", ":::": "", "1:::2": "", "1::2::3": "", "::g": "",
		"::12345": "", "1:2:3:4:5:6:7:1.2.3.4": "", "1.2.3.4::": "", "::1.2.3": "", "::1.2.3.4:5": "", "::1%": "", "fe80::1%eth0": "",
		"[": "", "[]": "", "[::1": "", "::1]": "", "[::1]]": "", "[::1]:": "", "[::1]80": "", "[::1]:x": "", "[192.0.2.1]": "",
		"[fe80::1%25eth0]": "", "[[::1]]": "", "unknown": "", "_hidden": "", "example.org": "", "\x00": "", "\xff\xff::": "",
	} {
		addr, ok := ParseAddr([]byte(text))
		if got := addr.String(); ok != (want != "") || ok && got != want || !ok && addr.IsValid() {
			t.Errorf("%q: got %v, %v, want %q", text, got, ok, want)
		}
		naive, naiveOK := naiveParseAddr(text)
		if naiveOK != (want != "") || naiveOK && naive.String() != want {
			t.Errorf("%q: the naive reader says %v, %v, want %q", text, naive, naiveOK, want)
		}
	}
}

func FuzzParseAddr(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := ParseAddr(text)
		want, wantOK := naiveParseAddr(string(text))
		if ok != wantOK || got != want {
			t.Fatalf("%q: got %v, %v, want %v, %v", text, got, ok, want, wantOK)
		}
		if ok && got.Is4In6() {
			t.Fatalf("%q: %v is mapped", text, got)
		}
	})
}

// What a client may name is bounded before it is looked at.
func TestMaxAddr(t *testing.T) {
	longest := "[" + strings.Repeat("ffff:", 6) + "255.255.255.255]:65535"
	if _, ok := ParseAddr([]byte(longest)); !ok || len(longest) > maxAddr {
		t.Errorf("%q has %d bytes, is taken %v; %d are looked at", longest, len(longest), ok, maxAddr)
	}
}
