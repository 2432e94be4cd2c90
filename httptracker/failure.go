package httptracker

import (
	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/bencode"
)

// AppendFailure appends the reply to a request that is refused. Where asking
// again is of no use it says so as BEP 31 does, and the client stops.
func AppendFailure(dst []byte, f shoal.Failure) []byte {
	dst = append(dst, "d14:failure reason"...)
	dst = bencode.AppendString(dst, f.Error())
	if f.Never() {
		dst = append(dst, "8:retry in5:never"...)
	}
	return append(dst, 'e')
}
