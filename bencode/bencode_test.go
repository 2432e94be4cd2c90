package bencode

import (
	"math"
	"testing"
)

func TestAppend(t *testing.T) {
	for _, test := range []struct {
		got  []byte
		want string
	}{
		{AppendInt(nil, 0), "i0e"},
		{AppendInt(nil, -3), "i-3e"},
		{AppendInt(nil, math.MaxInt64), "i9223372036854775807e"},
		{AppendInt(nil, math.MinInt64), "i-9223372036854775808e"},
		{AppendUint(nil, 0), "i0e"},
		{AppendUint(nil, math.MaxUint64), "i18446744073709551615e"},
		{AppendString(nil, ""), "0:"},
		{AppendString(nil, "peers"), "5:peers"},
		{AppendBytes(nil, nil), "0:"},
		{AppendBytes(nil, []byte("\x00\xff:e\n1234567")), "12:\x00\xff:e\n1234567"},
		{AppendBytes(AppendInt([]byte("l"), 1), []byte("x")), "li1e1:x"},
	} {
		if string(test.got) != test.want {
			t.Errorf("appended %q, want %q", test.got, test.want)
		}
	}
}
