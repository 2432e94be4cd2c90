package webtorrent

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkJSON compares the scanner with encoding/json on one value.
func checkJSON(t *testing.T, value string) {
	t.Helper()
	want := json.Valid([]byte(value)) && utf8.ValidString(value)
	i := skipSpace([]byte(value), 0)
	if i = skipValue([]byte(value), i, maxDepth); i >= 0 {
		i = skipSpace([]byte(value), i)
	}
	if got := i == len(value); got != want {
		t.Errorf("%q: %v, encoding/json says %v", value, got, want)
	}
}

func TestStrictJSON(t *testing.T) {
	for _, value := range strings.Split(`|{}|{ }|[]|[ ]|{,}|[,]|{"a"}|{"a":}|{"a":1|{"a":1,}|{"a":1,"b"}|{"a" 1}|{"a"::1}|{a:1}|{1:2}|{null:1}|{"a":1}}`+
		`|{"a":1 "b":2}|{"a":1,,"b":2}|["a" "b"]|[1,]|[1,,2]|[1 2]|[|]|{|}|[}|{]|[1}|{"a":1]|{"a":[{"b":{}}]}|{"a":1,"a":2}|{"a":1;"b":2}`+
		`|true|false|null|tru|truex|nul|nulll|True|NULL|undefined|NaN|Infinity|-Infinity|'a'|/**/1|1//|`+
		`0|-0|00|01|-01|-|+1|--1|1.|.5|-.5|0.5|1.50|1.e1|1e|1e+|1e-|1e5|1E5|1e+5|1E-05|1e5.5|0e0|0x10|1_000|1,5|10|1234567890123456789012345678901234567890|1 2|`+
		`"|""|"a|"\"|"\\"|"\\\"|"\/"|"\'"|"\a"|"\b\f\n\r\t"|"\x41"|"\u"|"\u1"|"\u12"|"\u123"|"\u1234"|"\u12345"|"\uabcD"|"\u12g4"|"\U1234"|"\ud800"|"\ude00\ud83d"|"\ud83d\ude00"`,
		"|") {
		checkJSON(t, value)
		checkJSON(t, " \t\r\n"+value+" \t\r\n")
		checkJSON(t, `{"a":`+value+`}`)
		checkJSON(t, `[`+value+`,`+value+`]`)
		checkJSON(t, `{"a":[`+value+`],"b":`+value+`}`)
	}
	for _, space := range []string{"\v", "\f", "\x00", "\u00a0", "\u2028", "\u3000", "\ufeff"} {
		checkJSON(t, space+"1")
		checkJSON(t, "1"+space)
		checkJSON(t, "["+space+"]")
		checkJSON(t, "{"+space+"}")
		checkJSON(t, `{"a"`+space+`:1}`)
	}
}

// Short strings are read 16 bytes at once and long ones 32, or eight near the end
// of the message, so everything that can stop them stands at every place of a
// word here, before and behind what needs nothing, and near the end.
func TestStrictStrings(t *testing.T) {
	for offset := range 10 {
		before, behind := strings.Repeat("a", offset), strings.Repeat("z", 19-offset)
		for c := range 256 {
			for _, end := range []string{`"`, behind + `"`, behind, ""} {
				checkJSON(t, `"`+before+string([]byte{byte(c)})+end)
				checkJSON(t, `"`+before+`\`+string([]byte{byte(c)})+end)
				checkJSON(t, `"`+before+`\n`+string([]byte{byte(c)})+end)
				checkJSON(t, `"`+before+before+`\r\n`+before+string([]byte{byte(c)})+behind+end)
				for _, d := range []byte{' ', '"', '\\', '\n', 'u', '~', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff} {
					checkJSON(t, `"`+before+string([]byte{byte(c), d})+end)
				}
			}
			for digit := range 4 {
				hex := []byte("00e9")
				hex[digit] = byte(c)
				checkJSON(t, `"`+before+`\u`+string(hex)+behind+`"`)
			}
		}
		for _, s := range []string{
			"\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\U00010000", "\U0010ffff",
			"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
			"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xc2\xc2", "\xe0\xa0", "\xe2\x82", "\xf0\x90\x80",
			"é\xff", "é\x1f", "é\"", "éa\xff", "\xff\u00e9", "日本\x80", "日本", "\u2028", "😀😀",
		} {
			for _, end := range []string{`"`, behind + `"`, behind, "", `\`, `\"`, `\n"`} {
				checkJSON(t, `"`+before+s+end)
			}
		}
	}
}

// What can stop a long string, at every place of two rounds of 32 bytes, and what
// follows a backslash on either side of the border between words and rounds.
func TestStrictLines(t *testing.T) {
	behind := strings.Repeat("z", 40) + `"`
	for offset := range 70 {
		before := `"` + strings.Repeat("a", offset)
		for _, c := range []byte("\x00\x1f !\"#/[\\]bfijmnopqrstuvz~\x7f\x80\xa0\xa2\xa3\xbf\xc2\xdc\xee\xf2\xff") {
			for _, escape := range []string{"", `\`, `\r\`, `\n`, `\\`} {
				for _, next := range []string{"", "r", "n"} {
					checkJSON(t, before+escape+string([]byte{c})+next+behind)
				}
			}
		}
		for _, s := range []string{"é", "日", "\xc3", "\x80", `\é`, `\日`, `\u00e9`, `\\r\n`, `\r\n\r\n`, `\]`, "\x01", `"`} {
			checkJSON(t, before+s+behind)
			checkJSON(t, before+s+`"`)
		}
	}
}

func TestDepth(t *testing.T) {
	object := func(depth int) []byte {
		return []byte(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
	}
	for _, test := range []struct {
		name    string
		message []byte
		want    bool
	}{
		{"objects", object(maxDepth), true},
		{"one object more", object(maxDepth + 1), false},
		{"empty objects", []byte(strings.Repeat(`{"a":`, maxDepth-1) + "{}" + strings.Repeat("}", maxDepth-1)), true},
		{"one empty object more", []byte(strings.Repeat(`{"a":`, maxDepth) + "{}" + strings.Repeat("}", maxDepth)), false},
		{"lists", []byte(`{"a":` + strings.Repeat(`[`, maxDepth-1) + strings.Repeat("]", maxDepth-1) + "}"), true},
		{"one list more", []byte(`{"a":` + strings.Repeat(`[`, maxDepth) + strings.Repeat("]", maxDepth) + "}"), false},
		{"in a peer ID", []byte(`{"peer_id":` + strings.Repeat(`[`, maxDepth-1) + strings.Repeat("]", maxDepth-1) + "}"), true},
		{"one more in a peer ID", []byte(`{"peer_id":` + strings.Repeat(`[`, maxDepth) + strings.Repeat("]", maxDepth) + "}"), false},
		{"one more in an info hash", []byte(`{"info_hash":` + strings.Repeat(`[`, maxDepth) + strings.Repeat("]", maxDepth) + "}"), false},
		{"in an offer's ID", []byte(`{"offers":[{"offer_id":` + strings.Repeat(`[`, maxDepth-3) + strings.Repeat("]", maxDepth-3) + "}]}"), true},
		{"one more in an offer's ID", []byte(`{"offers":[{"offer_id":` + strings.Repeat(`[`, maxDepth-2) + strings.Repeat("]", maxDepth-2) + "}]}"), false},
		{"in offers", []byte(`{"offers":` + strings.Repeat(`[`, maxDepth-1) + strings.Repeat("]", maxDepth-1) + "}"), true},
		{"one more in offers", []byte(`{"offers":` + strings.Repeat(`[`, maxDepth) + strings.Repeat("]", maxDepth) + "}"), false},
		{"in an offer", []byte(`{"offers":[{"offer":` + string(object(maxDepth-3)) + "}]}"), true},
		{"one more in an offer", []byte(`{"offers":[{"offer":` + string(object(maxDepth-2)) + "}]}"), false},
		{"a message full of brackets", []byte(strings.Repeat("[", MaxMessage)), false},
		{"a message full of braces", []byte(strings.Repeat(`{"":`, MaxMessage/4)), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkParse(t, test.message)
			checkReply(t, test.message)
			var r Reply
			if got := ParseReply(test.message, &r) == nil; got != test.want {
				t.Errorf("accepted %v, want %v", got, test.want)
			}
		})
	}
}
