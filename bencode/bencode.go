// Package bencode writes and reads the encoding of BEP 3: integers, byte
// strings, lists and dictionaries. The writer appends to a slice its caller
// owns, the reader hands out tokens that point into its input, and neither
// ever allocates.
package bencode

import "strconv"

// A list is 'l', its values and 'e'; a dictionary is 'd', its keys and values
// by turns, and 'e'. Both are short enough to be appended as they are.

// AppendInt appends v as an integer, such as i-3e.
func AppendInt(dst []byte, v int64) []byte {
	dst = append(dst, 'i')
	dst = strconv.AppendInt(dst, v, 10)
	return append(dst, 'e')
}

// AppendUint appends v as an integer, such as i3e. Readers that keep integers
// in 64 bits with a sign, as this package's does, refuse those above
// math.MaxInt64.
func AppendUint(dst []byte, v uint64) []byte {
	dst = append(dst, 'i')
	dst = strconv.AppendUint(dst, v, 10)
	return append(dst, 'e')
}

// AppendString appends s as a byte string, such as 5:peers.
func AppendString(dst []byte, s string) []byte {
	dst = strconv.AppendUint(dst, uint64(len(s)), 10)
	dst = append(dst, ':')
	return append(dst, s...)
}

// AppendBytes appends b as a byte string, such as 5:peers.
func AppendBytes(dst, b []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(len(b)), 10)
	dst = append(dst, ':')
	return append(dst, b...)
}
