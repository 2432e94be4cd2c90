package udptracker

import (
	"strings"
	"testing"
)

func TestAppendURLData(t *testing.T) {
	tests := []struct {
		name    string
		options string
		want    string
	}{
		{"nothing", "", ""},
		{"end", "00 02 01 61", ""},
		{"one piece", "02 03 2f6162", "/ab"},
		{"two pieces", "02 02 2f61 02 01 62", "/ab"},
		{"padding around", "01 01 02 01 61 01 02 01 62 00", "ab"},
		{"empty piece", "02 00 02 01 61", "a"},
		{"behind the end", "02 01 61 00 02 01 62", "a"},
		{"unknown option", "02 01 61 03 02 01 62", "a"},
		{"no length", "02 01 61 02", "a"},
		{"cut off", "02 01 61 02 03 6263", "a"},
		{"length beyond the packet", "02 ff", ""},
		{"any bytes", "02 04 00 ff 0a 02", "\x00\xff\n\x02"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := AppendURLData([]byte(">"), packet(t, test.options))
			if string(got) != ">"+test.want {
				t.Errorf("got %q, want %q", got, ">"+test.want)
			}
		})
	}
}

// Path and query may be longer than the length byte of one option can say.
func TestAppendURLOptions(t *testing.T) {
	for length, size := range map[int]int{0: 0, 1: 3, 255: 257, 256: 260, 510: 514, 511: 517} {
		data := strings.Repeat("x", length)
		options := appendURLOptions(nil, data)
		if len(options) != size {
			t.Errorf("%d characters take %d bytes, want %d", length, len(options), size)
		}
		if got := string(AppendURLData(nil, options)); got != data {
			t.Errorf("%d characters: got %d back", length, len(got))
		}
	}
}
