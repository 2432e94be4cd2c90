package wsserver

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/shoal-tracker/shoal/webtorrent"
)

// opcode is what a frame is (RFC 6455, section 5.2).
type opcode byte

const (
	continuation opcode = 0
	text         opcode = 1
	binaryData   opcode = 2
	closing      opcode = 8
	ping         opcode = 9
	pong         opcode = 10
)

// isControl reports whether a frame is about the connection and no part of a
// message.
func (o opcode) isControl() bool { return o&8 != 0 }

const (
	finalBit     = 0x80
	reservedBits = 0x70
	maskBit      = 0x80

	maxControl = 125       // bytes of a control frame
	maxHead    = 2 + 8 + 4 // bytes before a client's payload
	frameHead  = 2 + 2     // bytes before the payload of a server, if it has 126 to 65535
	hugeHead   = 2 + 8     // if it has more
	smallHead  = 2         // if it has less
	extended16 = maxControl + 1
	extended64 = maxControl + 2
)

// closeCode is why a connection is closed (RFC 6455, section 7.4).
type closeCode uint16

const (
	noCode       closeCode = 0
	codeAway     closeCode = 1001
	codeProtocol closeCode = 1002
	codeText     closeCode = 1007 // text that is not UTF-8
	codePolicy   closeCode = 1008
	codeTooBig   closeCode = 1009
)

// frame is one frame of a client.
type frame struct {
	opcode  opcode
	final   bool
	payload []byte
}

// readFrame reads the frame that in begins with and takes the mask off its
// payload, in place. size is its length, 0 if it is not complete; what is wrong
// with it is told as soon as it can be.
//
// It is as strict as RFC 6455 lets a server be: were a frame read otherwise
// than a proxy in between does, one client's bytes could be made another's.
func readFrame(in []byte) (f frame, size int, wrong closeCode) {
	if len(in) == 0 {
		return f, 0, noCode
	}
	f.opcode, f.final = opcode(in[0]&0x0f), in[0]&finalBit != 0
	switch f.opcode {
	case continuation, text, binaryData:
	case closing, ping, pong:
		if !f.final {
			return f, 0, codeProtocol
		}
	default:
		return f, 0, codeProtocol
	}
	if in[0]&reservedBits != 0 {
		return f, 0, codeProtocol
	}
	if len(in) == 1 {
		return f, 0, noCode
	}
	length, head := int(in[1]&^maskBit), 2
	if in[1]&maskBit == 0 || f.opcode.isControl() && length > maxControl {
		return f, 0, codeProtocol
	}
	switch length {
	case extended16:
		if head += 2; len(in) < head {
			return f, 0, noCode
		}
		if length = int(binary.BigEndian.Uint16(in[2:])); length <= maxControl {
			return f, 0, codeProtocol // there is a shorter way to say it
		}
	case extended64:
		if head += 8; len(in) < head {
			return f, 0, noCode
		}
		long := binary.BigEndian.Uint64(in[2:])
		if long <= 0xffff || long>>63 != 0 {
			return f, 0, codeProtocol
		}
		if long > webtorrent.MaxMessage {
			return f, 0, codeTooBig
		}
		length = int(long)
	}
	head += 4
	if len(in) < head+length {
		return f, 0, noCode
	}
	f.payload = in[head : head+length]
	unmask(f.payload, binary.LittleEndian.Uint32(in[head-4:]))
	return f, head + length, noCode
}

// unmask takes the mask off, or puts it on.
func unmask(b []byte, mask uint32) {
	wide := uint64(mask)<<32 | uint64(mask)
	for len(b) >= 32 {
		w := b[:32]
		binary.LittleEndian.PutUint64(w, binary.LittleEndian.Uint64(w)^wide)
		binary.LittleEndian.PutUint64(w[8:], binary.LittleEndian.Uint64(w[8:])^wide)
		binary.LittleEndian.PutUint64(w[16:], binary.LittleEndian.Uint64(w[16:])^wide)
		binary.LittleEndian.PutUint64(w[24:], binary.LittleEndian.Uint64(w[24:])^wide)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(wide >> (8 * i))
	}
}

// readClose reads the payload of a close frame. said is the code in it, if it
// has one.
func readClose(payload []byte) (said, wrong closeCode) {
	switch len(payload) {
	case 0:
		return noCode, noCode
	case 1:
		return noCode, codeProtocol
	}
	said = closeCode(binary.BigEndian.Uint16(payload))
	switch {
	case said < 1000, said == 1004, said == 1005, said == 1006, said > 1014 && said < 3000, said > 4999:
		return noCode, codeProtocol
	case !utf8.Valid(payload[2:]):
		return noCode, codeText
	}
	return said, noCode
}

// beginFrame leaves room for the head of a frame, whose payload is then to be
// appended.
func beginFrame(out []byte) (begun []byte, at int) {
	return append(out, make([]byte, frameHead)...), len(out)
}

// endFrame makes what was appended since beginFrame a text frame.
func endFrame(out []byte, at int) []byte {
	n := len(out) - at - frameHead
	out[at] = finalBit | byte(text)
	switch {
	case n <= maxControl:
		out[at+1] = byte(n)
		return out[:at+smallHead+copy(out[at+smallHead:], out[at+frameHead:])]
	case n <= 0xffff:
		out[at+1] = extended16
		binary.BigEndian.PutUint16(out[at+2:], uint16(n))
		return out
	}
	out = append(out, make([]byte, hugeHead-frameHead)...)
	copy(out[at+hugeHead:], out[at+frameHead:at+frameHead+n])
	out[at+1] = extended64
	binary.BigEndian.PutUint64(out[at+2:], uint64(n))
	return out
}

// appendControl appends a control frame.
func appendControl(out []byte, o opcode, payload []byte) []byte {
	return append(append(out, finalBit|byte(o), byte(len(payload))), payload...)
}

// appendClose appends a close frame, with a code unless it is noCode.
func appendClose(out []byte, code closeCode) []byte {
	if code == noCode {
		return appendControl(out, closing, nil)
	}
	return append(out, finalBit|byte(closing), 2, byte(code>>8), byte(code))
}
