package policy

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/shoal-tracker/shoal"
)

const (
	longestLine  = 4096 // bytes, without its end
	shortestLine = 2*len(shoal.InfoHash{}) + 1
	mostForeseen = 1 << 24 // hashes that room is made for on the word of a file's size

	lineAllowed = "a line has an info hash of 40 or 64 hexadecimal digits, or a comment behind #"
)

// ReadTorrents reads a list of torrents: a line for each, with the 40 hexadecimal
// digits of its info hash, or the 64 of a version 2 hash, which is cut to its
// first 20 bytes. Empty lines, blanks around the hash, and what stands behind a #
// are passed over, as is a byte order mark; lines end with LF or CRLF and have at
// most 4096 bytes. An error begins with the number of its line and a colon. The
// hashes come in the order of the list, doubles included.
func ReadTorrents(r io.Reader) ([]shoal.InfoHash, error) {
	var (
		hashes = make([]shoal.InfoHash, 0, foreseen(r))
		buffer = make([]byte, 256<<10)
		rest   int // bytes at the front of buffer, of a line that has not ended
		line   = 1
	)
	for empty := 0; ; {
		n, err := r.Read(buffer[rest:])
		if empty++; n > 0 {
			empty = 0
		} else if err == nil && empty == 100 {
			err = io.ErrNoProgress
		}
		text := buffer[:rest+n]
		if errors.Is(err, io.EOF) && len(text) > 0 && text[len(text)-1] != '\n' {
			text = append(text, '\n') // the last line may lack its end
		}
		for {
			end := bytes.IndexByte(text, '\n')
			if end < 0 {
				break
			}
			var problem error
			if hashes, problem = appendTorrent(hashes, text[:end], line); problem != nil {
				return nil, problem
			}
			text, line = text[end+1:], line+1
		}
		if len(text) > longestLine+1 { // a CR may be its end
			return nil, tooLong(text, line)
		}
		switch {
		case errors.Is(err, io.EOF):
			return hashes, nil
		case err != nil:
			return nil, fmt.Errorf("%d: read the list: %w", line, err)
		}
		rest = copy(buffer, text)
	}
}

// foreseen returns how many hashes the list may have, if it is a file: a slice
// that grows holds everything twice while it does.
func foreseen(r io.Reader) int {
	file, ok := r.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return 0
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return int(min(info.Size()/int64(shortestLine)+1, mostForeseen))
}

// appendTorrent appends the hash that stands in a line, if there is one.
func appendTorrent(hashes []shoal.InfoHash, text []byte, line int) ([]shoal.InfoHash, error) {
	written := bytes.TrimSuffix(text, []byte("\r"))
	if len(written) > longestLine {
		return nil, tooLong(written, line)
	}
	if line == 1 {
		written = bytes.TrimPrefix(written, []byte("\xef\xbb\xbf"))
	}
	digits := written
	if i := bytes.IndexByte(digits, '#'); i >= 0 {
		digits = digits[:i]
	}
	if digits = bytes.Trim(digits, " \t"); len(digits) == 0 {
		return hashes, nil
	}
	var hash shoal.InfoHash
	if len(digits) != 2*len(hash) && len(digits) != 2*sha256.Size {
		return nil, fmt.Errorf("%d: %s has %d characters: %s", line, start(digits), len(digits), lineAllowed)
	}
	all := byte(0)
	for i := range hash {
		high, low := digitValue[digits[2*i]], digitValue[digits[2*i+1]]
		hash[i] = high<<4 | low&0xf
		all |= high | low
	}
	for _, c := range digits[2*len(hash):] {
		all |= digitValue[c]
	}
	if all&notDigit != 0 {
		return nil, fmt.Errorf("%d: %s has other characters than digits: %s", line, start(digits), lineAllowed)
	}
	return append(hashes, hash), nil
}

func tooLong(text []byte, line int) error {
	return fmt.Errorf("%d: the line that begins %s is longer than %d bytes: %s", line, start(text), longestLine, lineAllowed)
}

// start returns the first of text for a message, whatever bytes it has.
func start(text []byte) string {
	const most = 70 // bytes: a little more than the longest hash, so that one digit too many is seen
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

// notDigit is a bit that no value of a digit has.
const notDigit = 0x80

var digitValue = func() (values [256]byte) {
	copy(values[:], slices.Repeat([]byte{notDigit}, len(values)))
	for i, c := range []byte("0123456789abcdef") {
		values[c] = byte(i)
	}
	for i, c := range []byte("ABCDEF") {
		values[c] = byte(10 + i)
	}
	return values
}()
