package wsload

import (
	"encoding/binary"
	"errors"
)

// Opcodes of frames (RFC 6455, section 5.2).
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// maxFrame bounds what is taken of a tracker in one message: 255 torrents of a
// scrape are a tenth of it.
const maxFrame = 256 << 10

// maxControl is how long the payload of a control frame may be.
const maxControl = 125

var (
	errMasked   = errors.New("a frame that is masked, which only clients' are")
	errReserved = errors.New("a frame with reserved bits, or a reserved opcode")
	errControl  = errors.New("a control frame that is in parts, or too long")
	errLong     = errors.New("a longer message than any tracker's")
	errParts    = errors.New("a part of no message, or a message within another")
)

// frame is one of the tracker's.
type frame struct {
	final   bool
	opcode  byte
	payload []byte
}

// appendFrame appends a message of the client as one frame, masked with key.
func appendFrame(dst []byte, opcode byte, payload []byte, key uint32) []byte {
	const masked = 0x80
	dst = append(dst, 0x80|opcode)
	switch n := len(payload); {
	case n <= maxControl:
		dst = append(dst, masked|byte(n))
	case n < 1<<16:
		dst = append(dst, masked|126, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(n))
	}
	dst = binary.LittleEndian.AppendUint32(dst, key)
	start := len(dst)
	dst = append(dst, payload...)
	mask(dst[start:], key)
	return dst
}

func mask(b []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
	}
	for i := range b {
		b[i] ^= byte(wide >> (8 * i))
	}
}

// readFrame reads the first frame of b, which takes n bytes: 0 where more must
// come first.
func readFrame(b []byte) (f frame, n int, err error) {
	if len(b) < 2 {
		return f, 0, nil
	}
	f.final, f.opcode = b[0]&0x80 != 0, b[0]&0x0f
	length, head := uint64(b[1]&0x7f), 2
	switch {
	case b[1]&0x80 != 0:
		return f, 0, errMasked
	case b[0]&0x70 != 0, f.opcode > opBinary && f.opcode < opClose, f.opcode > opPong:
		return f, 0, errReserved
	case f.opcode >= opClose && (!f.final || length > maxControl):
		return f, 0, errControl
	case length == 126:
		if head = 4; len(b) < head {
			return f, 0, nil
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case length == 127:
		if head = 10; len(b) < head {
			return f, 0, nil
		}
		length = binary.BigEndian.Uint64(b[2:])
	}
	if length > maxFrame {
		return f, 0, errLong
	}
	if n = head + int(length); len(b) < n {
		return f, 0, nil
	}
	f.payload = b[head:n]
	return f, n, nil
}
