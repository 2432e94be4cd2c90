package policy

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/shoal-tracker/shoal"
)

var (
	digitsA = "0123456789abcdefABCDEF012345678901234567"
	digitsB = "ffffffffffffffffffffffffffffffffffffffff"
	written = shoal.InfoHash{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0x01, 0x23, 0x45, 0x67}
)

func TestReadTorrents(t *testing.T) {
	b := shoal.InfoHash(slices.Repeat([]byte{0xff}, 20))
	tests := []struct {
		name, text string
		want       []shoal.InfoHash
	}{
		{"nothing", "", nil},
		{"a byte order mark alone", "\ufeff", nil},
		{"one line", digitsA + "\n", []shoal.InfoHash{written}},
		{"no end", digitsA, []shoal.InfoHash{written}},
		{"two", digitsA + "\n" + digitsB + "\n", []shoal.InfoHash{written, b}},
		{"doubles", digitsB + "\n" + digitsB, []shoal.InfoHash{b, b}},
		{"CRLF", digitsA + "\r\n\r\n" + digitsB + "\r\n", []shoal.InfoHash{written, b}},
		{"a byte order mark", "\ufeff" + digitsA, []shoal.InfoHash{written}},
		{"version 2", digitsA + strings.Repeat("9", 24) + "\n" + digitsB, []shoal.InfoHash{written, b}},
		{"blanks and comments", "# of today\n\n \t\n\t" + digitsA + "  # bad\n" + digitsB + "#bad\n  # no more", []shoal.InfoHash{written, b}},
		{"a comment in other letters", "# \xff\x00\r é\n" + digitsB, []shoal.InfoHash{b}},
		{"the longest line", "#" + strings.Repeat("x", longestLine-1) + "\r\n" + digitsB, []shoal.InfoHash{b}},
		{"many", strings.Repeat(digitsA+"\n# \n", 20_000), slices.Repeat([]shoal.InfoHash{written}, 20_000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole":     strings.NewReader(tt.text),
				"by halves": iotest.HalfReader(strings.NewReader(tt.text)),
				"by bytes":  iotest.OneByteReader(strings.NewReader(tt.text)),
				"end given": iotest.DataErrReader(strings.NewReader(tt.text)),
			} {
				if got, err := ReadTorrents(r); err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("%s: %d hashes, %v; want %d", how, len(got), err, len(tt.want))
				}
			}
		})
	}
}

func TestReadTorrentsErrors(t *testing.T) {
	const allowed = `a line has an info hash of 40 or 64 hexadecimal digits, or a comment behind #`
	tests := []struct{ name, text, want string }{
		{"a word", "torrent", `1: "torrent" has 7 characters: ` + allowed},
		{"39 digits", digitsA + "\n" + digitsB[1:] + "\n", `2: "` + digitsB[1:] + `" has 39 characters: ` + allowed},
		{"41 digits", digitsB + "f", `1: "` + digitsB + `f" has 41 characters: ` + allowed},
		{"many digits", "\n\n" + digitsB + digitsB, `3: "` + (digitsB + digitsB)[:70] + `"… has 80 characters: ` + allowed},
		{"no digit", digitsB[1:] + "g", `1: "` + digitsB[1:] + `g" has other characters than digits: ` + allowed},
		{"no digit in what is cut off", strings.Repeat("0", 63) + "\x00", `1: "` + strings.Repeat("0", 63) + `\x00" has other characters than digits: ` + allowed},
		{"two hashes in a line", digitsB[:20] + " " + digitsB[:19], `1: "` + digitsB[:20] + ` ` + digitsB[:19] + `" has other characters than digits: ` + allowed},
		{"UTF-16", "\xff\xfe0\x00", `1: "\xff\xfe0\x00" has 4 characters: ` + allowed},
		{"a byte order mark further on", "\n\ufeff", `2: "\ufeff" has 3 characters: ` + allowed},
		{"CR alone", digitsB + "\r" + digitsB, `1: "` + digitsB + `\r` + digitsB[:29] + `"… has 81 characters: ` + allowed},
		{"a long line", "\n#" + strings.Repeat("x", longestLine) + "\n", `2: the line that begins "#` + strings.Repeat("x", 69) + `"… is longer than 4096 bytes: ` + allowed},
		{"a long line without an end", strings.Repeat("0", 1<<20), `1: the line that begins "` + strings.Repeat("0", 70) + `"… is longer than 4096 bytes: ` + allowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.text), iotest.OneByteReader(strings.NewReader(tt.text))} {
				if hashes, err := ReadTorrents(r); err == nil || err.Error() != tt.want || hashes != nil {
					t.Errorf("%d hashes, error %q\nwant %q", len(hashes), err, tt.want)
				}
			}
		})
	}
	stuck := io.MultiReader(strings.NewReader(digitsA+"\n"), iotest.ErrReader(os.ErrDeadlineExceeded))
	if _, err := ReadTorrents(stuck); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(err.Error(), "2: read the list: ") {
		t.Errorf("a list that breaks off: %v", err)
	}
	if _, err := ReadTorrents(idle{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a list that never comes: %v", err)
	}
}

// idle never has anything.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// TestReadTorrentsFile makes room once for all of a file.
func TestReadTorrentsFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(name, bytes.Repeat([]byte(digitsA+"\n"), 3000), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if hashes, err := ReadTorrents(file); err != nil || len(hashes) != 3000 || cap(hashes) != 3001 {
		t.Errorf("%d hashes in room for %d, %v", len(hashes), cap(hashes), err)
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if _, err := ReadTorrents(folder); err == nil || !strings.HasPrefix(err.Error(), "1: read the list: ") {
		t.Errorf("a folder: %v", err)
	}
}

// readNaively reads a list as its description says, without regard to its size.
func readNaively(text string) (hashes []shoal.InfoHash, badLine int) {
	lines := strings.Split(text, "\n")
	lines[0] = strings.TrimPrefix(lines[0], "\xef\xbb\xbf")
	digits := regexp.MustCompile(`^[0-9a-fA-F]*$`)
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		length := len(line)
		if i == 0 && strings.HasPrefix(text, "\xef\xbb\xbf") {
			length += 3
		}
		if length > 4096 {
			return nil, i + 1
		}
		line, _, _ = strings.Cut(line, "#")
		line = strings.Trim(line, " \t")
		if line == "" {
			continue
		}
		if len(line) != 40 && len(line) != 64 || !digits.MatchString(line) {
			return nil, i + 1
		}
		hash, err := hex.DecodeString(line)
		if err != nil {
			panic(err)
		}
		hashes = append(hashes, shoal.InfoHash(hash))
	}
	return hashes, 0
}

func FuzzReadTorrents(f *testing.F) {
	f.Add([]byte(digitsA+"\r\n# x\n\n "+digitsB+digitsB[:24]+"#y"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, piece uint8) {
		hashes, err := ReadTorrents(&pieces{text, int(piece)})
		want, badLine := readNaively(string(text))
		if badLine == 0 {
			if err != nil || !slices.Equal(hashes, want) {
				t.Fatalf("%v, %v; want %v", hashes, err, want)
			}
			return
		}
		if err == nil || hashes != nil || !strings.HasPrefix(err.Error(), strconv.Itoa(badLine)+": ") || len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
			t.Fatalf("%v, %v; line %d is wrong", hashes, err, badLine)
		}
	})
}

// pieces gives text by so many bytes at once; 0: as many as there is room for.
type pieces struct {
	text []byte
	size int
}

func (p *pieces) Read(room []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	if p.size > 0 && p.size < len(room) {
		room = room[:p.size]
	}
	n := copy(room, p.text)
	p.text = p.text[n:]
	return n, nil
}
