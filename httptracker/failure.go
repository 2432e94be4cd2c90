package httptracker

import (
	"strconv"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
)

// AppendFailure appends the reply to a request that is refused. Where asking
// again is of no use, or only after a time, it says so as BEP 31 does: never, or
// a number of minutes in decimal digits.
func AppendFailure(dst []byte, f shoal.Failure) []byte {
	dst = append(dst, "d14:failure reason"...)
	dst = bencode.AppendString(dst, f.Error())
	if f.Never() {
		dst = append(dst, "8:retry in5:never"...)
	} else if minutes := f.RetryIn(); minutes > 0 {
		var room [20]byte
		dst = append(dst, "8:retry in"...)
		dst = bencode.AppendBytes(dst, strconv.AppendInt(room[:0], int64(minutes), 10))
	}
	return append(dst, 'e')
}
