package wsserver

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal/webtorrent"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadFrame(t *testing.T) {
	tests := []struct {
		name  string
		in    string // as spaced hex
		want  frame
		size  int
		wrong closeCode
	}{
		{"nothing", "", frame{}, 0, noCode},
		{"text of RFC 6455", "81 85 37fa213d 7f9f4d5158", frame{text, true, []byte("Hello")}, 11, noCode},
		{"with more behind it", "81 81 00000000 61 81 81", frame{text, true, []byte("a")}, 7, noCode},
		{"empty text", "81 80 01020304", frame{text, true, nil}, 6, noCode},
		{"binary", "82 81 00000000 ff", frame{binaryData, true, []byte("\xff")}, 7, noCode},
		{"fragment", "01 81 00000000 61", frame{text, false, []byte("a")}, 7, noCode},
		{"continuation", "00 81 00000000 61", frame{continuation, false, []byte("a")}, 7, noCode},
		{"last continuation", "80 81 00000000 61", frame{continuation, true, []byte("a")}, 7, noCode},
		{"ping", "89 81 00000000 61", frame{ping, true, []byte("a")}, 7, noCode},
		{"pong", "8a 80 00000000", frame{pong, true, nil}, 6, noCode},
		{"close", "88 82 00000000 03e8", frame{closing, true, []byte("\x03\xe8")}, 8, noCode},

		{"first byte alone", "81", frame{}, 0, noCode},
		{"without mask yet", "81 85 37fa21", frame{}, 0, noCode},
		{"without payload yet", "81 85 37fa213d 7f9f4d51", frame{}, 0, noCode},
		{"without 16-bit length yet", "81 fe 00", frame{}, 0, noCode},
		{"without 64-bit length yet", "81 ff 00000000000100", frame{}, 0, noCode},
		{"16-bit length without payload yet", "81 fe ffff 00000000 61", frame{}, 0, noCode},
		{"longest without payload yet", "81 ff 0000000000010000 00000000 61", frame{}, 0, noCode},

		{"not masked", "81 05 48656c6c6f", frame{}, 0, codeProtocol},
		{"not masked, seen at once", "81 7f", frame{}, 0, codeProtocol},
		{"reserved bit 1", "c1", frame{}, 0, codeProtocol},
		{"reserved bit 2", "a1 80 00000000", frame{}, 0, codeProtocol},
		{"reserved bit 3", "91 80 00000000", frame{}, 0, codeProtocol},
		{"reserved bit of a ping", "c9 80 00000000", frame{}, 0, codeProtocol},
		{"opcode 3", "83", frame{}, 0, codeProtocol},
		{"opcode 7", "87", frame{}, 0, codeProtocol},
		{"opcode 11", "8b", frame{}, 0, codeProtocol},
		{"opcode 15", "8f", frame{}, 0, codeProtocol},
		{"fragment of a ping", "09", frame{}, 0, codeProtocol},
		{"fragment of a pong", "0a", frame{}, 0, codeProtocol},
		{"fragment of a close", "08", frame{}, 0, codeProtocol},
		{"ping of 126", "89 fe", frame{}, 0, codeProtocol},
		{"close of 64 bits", "88 ff", frame{}, 0, codeProtocol},
		{"125 in 16 bits", "81 fe 007d", frame{}, 0, codeProtocol},
		{"65535 in 64 bits", "81 ff 000000000000ffff", frame{}, 0, codeProtocol},
		{"length with the highest bit", "81 ff 8000000000010000", frame{}, 0, codeProtocol},
		{"one byte too long", "81 ff 0000000000010001", frame{}, 0, codeTooBig},
		{"longest length there is", "81 ff 7fffffffffffffff", frame{}, 0, codeTooBig},
		{"HTTP", "47 45 54 20 2f", frame{}, 0, codeProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := unhex(t, tt.in)
			before := bytes.Clone(in)
			got, size, wrong := readFrame(in)
			if size != tt.size || wrong != tt.wrong {
				t.Fatalf("size %d, wrong %d; want %d, %d", size, wrong, tt.size, tt.wrong)
			}
			if size == 0 {
				if !bytes.Equal(in, before) {
					t.Error("input was changed that is not used")
				}
				return
			}
			if got.opcode != tt.want.opcode || got.final != tt.want.final || !bytes.Equal(got.payload, tt.want.payload) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Every length, with every way of saying it and every place of the mask.
func TestFrameLengths(t *testing.T) {
	payload := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", webtorrent.MaxMessage/36+1)
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 63, 64, 65, 124, 125, 126, 127, 128, 1000, 65534, 65535, 65536} {
		in := clientFrame(binaryData, true, payload[:n])
		if n == webtorrent.MaxMessage && len(in) != MaxInput {
			t.Errorf("the longest frame has %d bytes, MaxInput is %d", len(in), MaxInput)
		}
		for _, short := range []int{1, 2, 7, len(in) / 2} {
			if short >= len(in) {
				continue
			}
			before := bytes.Clone(in)
			if _, size, wrong := readFrame(in[:len(in)-short]); size != 0 || wrong != noCode || !bytes.Equal(in, before) {
				t.Errorf("%d bytes, %d short: size %d, wrong %d", n, short, size, wrong)
			}
		}
		f, size, wrong := readFrame(in)
		if size != len(in) || wrong != noCode || string(f.payload) != payload[:n] {
			t.Errorf("%d bytes: size %d of %d, wrong %d, or another payload", n, size, len(in), wrong)
		}

		out, at := beginFrame([]byte("before"))
		out = endFrame(append(out, payload[:n]...), at)
		frames, rest, err := readServer(out[len("before"):])
		if err != nil || len(rest) > 0 || len(frames) != 1 || frames[0].opcode != text || string(frames[0].payload) != payload[:n] {
			t.Errorf("%d bytes said: %d frames, %d bytes left, %v, or another payload", n, len(frames), len(rest), err)
		}
	}
	huge := append(make([]byte, 0, 1<<17), payload...)
	out, at := beginFrame(nil)
	out = endFrame(append(out, huge[:1<<16]...), at)
	if frames, _, err := readServer(out); err != nil || len(frames) != 1 || !bytes.Equal(frames[0].payload, huge[:1<<16]) {
		t.Errorf("65536 bytes said: %v", err)
	}
}

func TestReadClose(t *testing.T) {
	tests := []struct {
		payload string
		said    closeCode
		wrong   closeCode
	}{
		{"", noCode, noCode},
		{"\x03", noCode, codeProtocol},
		{"\x00\x00", noCode, codeProtocol},
		{"\x03\xe7", noCode, codeProtocol}, // 999
		{"\x03\xe8", 1000, noCode},
		{"\x03\xe8bye é", 1000, noCode},
		{"\x03\xe8\xff", noCode, codeText},
		{"\x03\xeb", 1003, noCode},
		{"\x03\xec", noCode, codeProtocol}, // 1004
		{"\x03\xed", noCode, codeProtocol}, // 1005
		{"\x03\xee", noCode, codeProtocol}, // 1006
		{"\x03\xef", 1007, noCode},
		{"\x03\xf6", 1014, noCode},
		{"\x03\xf7", noCode, codeProtocol}, // 1015
		{"\x07\xd0", noCode, codeProtocol}, // 2000
		{"\x0b\xb8", 3000, noCode},
		{"\x13\x87", 4999, noCode},
		{"\x13\x88", noCode, codeProtocol}, // 5000
		{"\xff\xff", noCode, codeProtocol},
	}
	for _, tt := range tests {
		if said, wrong := readClose([]byte(tt.payload)); said != tt.said || wrong != tt.wrong {
			t.Errorf("%q: said %d, wrong %d; want %d, %d", tt.payload, said, wrong, tt.said, tt.wrong)
		}
	}
}

func TestFragments(t *testing.T) {
	half := strings.Repeat("x", webtorrent.MaxMessage/2)
	tests := []struct {
		name   string
		frames []frame
		want   string // the message
		is     opcode
		wrong  closeCode // at the last frame
	}{
		{"one", []frame{{text, true, []byte("one")}}, "one", text, noCode},
		{"two", []frame{{text, false, []byte("o")}, {continuation, true, []byte("ne")}}, "one", text, noCode},
		{"empty ones", []frame{{binaryData, false, nil}, {continuation, false, nil}, {continuation, true, nil}}, "", binaryData, noCode},
		{"longest", []frame{{text, false, []byte(half)}, {continuation, false, []byte(half)}, {continuation, true, nil}}, half + half, text, noCode},
		{"too long", []frame{{text, false, []byte(half)}, {continuation, false, []byte(half)}, {continuation, true, []byte("x")}}, "", 0, codeTooBig},
		{"too long before the end", []frame{{text, false, []byte(half)}, {continuation, false, []byte(half + "x")}}, "", 0, codeTooBig},
		{"continuation of nothing", []frame{{continuation, true, nil}}, "", 0, codeProtocol},
		{"continuation of a whole message", []frame{{text, true, nil}, {continuation, true, nil}}, "", 0, codeProtocol},
		{"message in a message", []frame{{text, false, nil}, {text, true, nil}}, "", 0, codeProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p fragments
			var message []byte
			var is opcode
			var wrong closeCode
			for i, f := range tt.frames {
				var done bool
				message, is, done, wrong = p.add(f)
				last := i == len(tt.frames)-1
				if last && (done != (tt.wrong == noCode) || wrong != tt.wrong) || !last && wrong != noCode {
					t.Fatalf("frame %d: done %v, wrong %d", i, done, wrong)
				}
				if done && !last {
					p.drop()
				}
			}
			if string(message) != tt.want || is != tt.is {
				t.Errorf("%d bytes of opcode %d, want %d of %d, or not those", len(message), is, len(tt.want), tt.is)
			}
			p.drop()
			if p.begun != nil {
				t.Error("memory is held after drop")
			}
		})
	}
}

func TestParcels(t *testing.T) {
	for _, n := range []int{0, 1, 1 << 10, 1<<10 + 1, 2 << 10, 4 << 10, 8 << 10, 8<<10 + 1, 20 << 10, 20<<10 + 1, 64 << 10, 64<<10 + 1} {
		b := borrow(n)
		if len(b) != 0 || cap(b) < n {
			t.Errorf("borrow(%d) has length %d and room for %d", n, len(b), cap(b))
		}
		giveBack(b)
	}
	giveBack(nil)
	giveBack(make([]byte, 3, 5000))
	if longest := surroundings + 2*6*20 + 4 + webtorrent.MaxSDP; longest > 20<<10 {
		t.Errorf("the longest offer has %d bytes, for which the memory was not meant", longest)
	}
}
